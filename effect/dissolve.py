"""The dissolve: when the front reaches each pixel, and the person's fade as it passes.

One arrival-time field drives both the fade here and the take-offs of the butterflies, so a gap opens
exactly where something has flown away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from effect.preset import Preset
from effect.scene import Scene

NOISE_CELLS = 5  # patches of the coarsest noise along the person's longer side
NOISE_OCTAVES = 5
TIME_GRID = 4096  # arrival times are whole 1/4096 s, so that they do not depend on a machine's last digit
TILE_PX = 64  # pieces that are either untouched, gone, or worth computing
RIM_SOFTER_SECONDS = 0.2  # old background around the person leaves this much slower than the person ...
RIM_LEAD_SECONDS = 0.15  # ... and this much earlier


@dataclass(frozen=True)
class Dissolve:
    """The part of the frame that changes, and when. Times are seconds on the clip's clock.

    `arrival_seconds` and `rim_seconds` are float32 (h, w) for the box at `top`, `left`: the moments at
    which half of the person, and half of the old background around them, is gone.
    """

    top: int
    left: int
    arrival_seconds: NDArray[np.float32]
    rim_seconds: NDArray[np.float32]
    softness_seconds: float
    rim_softness_seconds: float
    tiles: tuple[tuple[slice, slice, float, float], ...]  # rows, columns of the box; first and last change

    @property
    def box(self) -> tuple[slice, slice]:
        height, width = self.arrival_seconds.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def plan_dissolve(scene: Scene, preset: Preset, generator: np.random.Generator) -> Dissolve:
    """Draw the arrival field of a scene.

    The front is a sweep across the person bent by noise, spread over the preset's sweep by its easing.
    Where photo and plate agree and nobody stands, nothing changes, so only the box of the rest is kept.
    """
    rows, columns = changing_box(scene)
    alpha = scene.alpha[rows, columns]
    progress = _front(alpha, preset, generator)
    sweep = preset.sweep_end_seconds - preset.sweep_start_seconds
    begin = preset.photo_still_seconds + preset.sweep_start_seconds
    arrival = begin + sweep * eased_time(progress, preset.easing)

    # Nothing may stir while the photo stands still, so a front that starts at once is pushed back a little.
    softness = max(preset.softness_seconds, 1 / TIME_GRID)
    rim_softness = softness + RIM_SOFTER_SECONDS
    earliest = preset.photo_still_seconds + rim_softness / 2
    arrival = _on_time_grid(np.maximum(arrival, earliest))
    rim = _on_time_grid(np.maximum(arrival - RIM_LEAD_SECONDS, earliest))
    tiles = _tiles(arrival, rim, softness, rim_softness)
    return Dissolve(rows.start, columns.start, arrival, rim, softness, rim_softness, tiles)


def changing_box(scene: Scene) -> tuple[slice, slice]:
    """Rows and columns that hold every pixel where the person is or where photo and plate differ."""
    changes = (scene.alpha > 0) | (scene.photo != scene.plate).any(axis=2)
    rows, columns = np.flatnonzero(changes.any(axis=1)), np.flatnonzero(changes.any(axis=0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def remaining(
    seconds: float, middle_seconds: NDArray[np.float32], softness_seconds: float
) -> NDArray[np.float32]:
    """Share (0-1) still there at a time: 1 before the front, 0 behind it, a smooth step across it."""
    ahead = (middle_seconds - np.float32(seconds)) / np.float32(softness_seconds)
    step = np.clip(ahead + np.float32(0.5), 0, 1)
    return step * step * (3 - 2 * step)


def dissolved(scene: Scene, dissolve: Dissolve, seconds: float) -> NDArray[np.uint8]:
    """The frame at a time, without butterflies: uint8 (H, W, 3), a new array.

    Two things leave: the person, matted over the plate, and what is left of the old background around
    them (photo minus that matting). The second goes first, so no halo of it stays behind on the person.
    """
    frame = scene.photo.copy()
    target, plate = frame[dissolve.box], scene.plate[dissolve.box]
    photo, foreground = scene.photo[dissolve.box], scene.foreground[dissolve.box]
    alpha = scene.alpha[dissolve.box]
    for rows, columns, first_seconds, last_seconds in dissolve.tiles:
        if seconds <= first_seconds:
            continue
        tile = rows, columns
        if seconds >= last_seconds:
            target[tile] = plate[tile]
            continue
        person = remaining(seconds, dissolve.arrival_seconds[tile], dissolve.softness_seconds)[..., None]
        rim = remaining(seconds, dissolve.rim_seconds[tile], dissolve.rim_softness_seconds)[..., None]
        background = plate[tile].astype(np.float32)
        over_plate = (foreground[tile] - background) * alpha[tile][..., None]
        old = photo[tile] - background - over_plate
        target[tile] = np.clip(background + person * over_plate + rim * old + 0.5, 0, 255)
    return frame


def eased_time(progress: NDArray[np.float32], easing: str) -> NDArray[np.float32]:
    """When (0-1 of the sweep) a front that follows the easing has made this much progress (0-1)."""
    if easing == "ease-in":
        return np.sqrt(progress)
    if easing == "ease-out":
        return 1 - np.sqrt(1 - progress)
    if easing == "ease-in-out":
        return np.where(progress < 0.5, np.sqrt(progress / 2), 1 - np.sqrt((1 - progress) / 2))
    return progress


def _front(alpha: NDArray[np.float32], preset: Preset, generator: np.random.Generator) -> NDArray[np.float32]:
    """Progress (0-1) at which the front reaches each pixel; the person spans it from 0 to 1."""
    person = alpha >= 0.5 if (alpha >= 0.5).any() else np.ones(alpha.shape, bool)
    sweep = _spread(_sweep(person, preset.direction), person)
    noise = _spread(_noise(alpha.shape, generator), person)
    return _paced(_spread((1 - preset.raggedness) * sweep + preset.raggedness * noise, person), person)


def _sweep(person: NDArray[np.bool_], direction: float | str) -> NDArray[np.float32]:
    """Distance (pixels) the front has to travel to each pixel, before noise."""
    rows, columns = (np.arange(length, dtype=np.float32) for length in person.shape)
    if isinstance(direction, float):
        angle = np.radians(direction)
        return columns * np.float32(np.cos(angle)) - rows[:, None] * np.float32(np.sin(angle))
    inside_rows, inside_columns = np.nonzero(person)
    across, down = columns - np.float32(inside_columns.mean()), rows - np.float32(inside_rows.mean())
    from_middle = np.hypot(across, down[:, None])
    return from_middle if direction == "center-out" else -from_middle


def _spread(values: NDArray[np.float32], person: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Stretch so that the person covers 0 to 1; a few extreme pixels must not slow the start and the end."""
    low, high = np.percentile(values[person], (0.5, 99.5))
    return np.clip((values - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1)


def _paced(progress: NDArray[np.float32], person: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Halfway between a front of even speed and one that takes an even area each moment.

    At even speed a head would go slowly and the shoulders in a blink; at even area the front would leap.
    """
    quantiles = np.quantile(progress[person], np.linspace(0, 1, 65))
    even = np.interp(progress, quantiles, np.linspace(0, 1, 65))
    return (0.5 * (progress + even)).astype(np.float32)


def _noise(shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float32]:
    """Fractal noise, float32 (h, w): octaves of random lattices under a smooth interpolation."""
    noise = np.zeros(shape, np.float32)
    cell_px = max(shape) / NOISE_CELLS
    for octave in range(NOISE_OCTAVES):
        down, across = (_lattice_weights(length, cell_px / 2**octave) for length in shape)
        lattice = generator.standard_normal((down.shape[1], across.shape[1]), np.float32)
        noise += (down @ lattice @ across.T) * np.float32(0.5**octave)
    return noise


def _lattice_weights(length: int, cell_px: float) -> NDArray[np.float32]:
    """Cubic B-spline weights (length, points) of lattice points `cell_px` apart, for each pixel of a line."""
    position = np.arange(length) / cell_px + 1
    distance = np.abs(position[:, None] - np.arange(int(position[-1]) + 3))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _on_time_grid(seconds: NDArray[np.float32]) -> NDArray[np.float32]:
    return (np.rint(seconds * TIME_GRID) / TIME_GRID).astype(np.float32)


def _tiles(
    arrival: NDArray[np.float32], rim: NDArray[np.float32], softness: float, rim_softness: float
) -> tuple[tuple[slice, slice, float, float], ...]:
    tiles = []
    for top in range(0, arrival.shape[0], TILE_PX):
        for left in range(0, arrival.shape[1], TILE_PX):
            tile = slice(top, top + TILE_PX), slice(left, left + TILE_PX)
            middle, rim_middle = arrival[tile], rim[tile]
            first = min(middle.min() - softness / 2, rim_middle.min() - rim_softness / 2)
            last = max(middle.max() + softness / 2, rim_middle.max() + rim_softness / 2)
            tiles.append((*tile, float(first), float(last)))
    return tuple(tiles)

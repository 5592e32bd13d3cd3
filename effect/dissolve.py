"""The dissolve: when the front reaches each pixel, and the person's fade as it passes.

One arrival-time field drives the fade here and the take-offs of the butterflies; effect.pieces then tears the field
into what each of them takes away, so a gap opens exactly where something has flown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.front import eased_time, front_of
from effect.preset import Preset
from effect.scene import Scene, Subject

TIME_GRID = 4096  # arrival times are whole 1/4096 s, so that they do not depend on a machine's last digit
TILE_PX = 64  # pieces that are either untouched, gone, or worth computing
RIM_SOFTER_SECONDS = 0.2  # old background around the person leaves this much slower than the person ...
RIM_LEAD_SECONDS = 0.15  # ... and this much earlier
UNTOUCHED, LEAVING, GONE = range(3)
EDGE_SHARE = 1 / 260  # width of the glowing edge, of the frame's longer side

Tile = tuple[
    slice, slice, float, float
]  # rows and columns of the box; when the first and the last pixel changes


@dataclass(frozen=True)
class Dissolve:
    """The part of the frame that changes, and when. Times are seconds on the clip's clock.

    `arrival_seconds` and `rim_seconds` are float32 (h, w) for the box at `top`, `left`: the moments at
    which half of the person, and half of the old background around them, is gone. At `edge_seconds` the
    first pixel of the person beside each one goes: from then on it is the edge, and glows for a while.
    """

    top: int
    left: int
    arrival_seconds: NDArray[np.float32]
    rim_seconds: NDArray[np.float32]
    edge_seconds: NDArray[np.float32]
    edge_px: int  # how far the glow reaches into the person
    edge_glow: float
    softness_seconds: float
    rim_softness_seconds: float
    tiles: tuple[Tile, ...]  # row by row

    @property
    def box(self) -> tuple[slice, slice]:
        height, width = self.arrival_seconds.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def plan_dissolve(subject: Subject, preset: Preset, generator: np.random.Generator) -> Dissolve:
    """Draw the arrival field of a subject.

    The front is a sweep across the person bent by noise, spread over the preset's sweep by its easing.
    Only the box of what changes is kept.
    """
    rows, columns = changing_box(subject)
    progress = front_of(subject, (rows, columns), preset, generator)
    sweep = preset.sweep_end_seconds - preset.sweep_start_seconds
    begin = preset.photo_still_seconds + preset.sweep_start_seconds
    arrival = begin + sweep * eased_time(progress, preset.easing)

    return timed(arrival, subject, (rows, columns), preset)


def timed(
    arrival: NDArray[np.float32], subject: Subject, box: tuple[slice, slice], preset: Preset
) -> Dissolve:
    """The dissolve in which the pixels of the box leave at these moments, float32 (h, w).

    Nothing may stir while the photo stands still, so what leaves at once is held back a little.
    """
    softness = max(preset.softness_seconds, 1 / TIME_GRID)
    rim_softness = softness + RIM_SOFTER_SECONDS
    earliest = preset.photo_still_seconds + rim_softness / 2
    arrival = _on_time_grid(np.maximum(arrival, earliest))
    rim = _on_time_grid(np.maximum(arrival - RIM_LEAD_SECONDS, earliest))
    reach_px = max(1, round(EDGE_SHARE * max(subject.size)))
    beside = np.ones((2 * reach_px + 1,) * 2, np.uint8)
    of_person = np.where(subject.alpha[box] >= 0.5, arrival, np.float32(np.inf))
    edge = np.minimum(cv2.erode(of_person, beside), arrival)
    return Dissolve(
        top=box[0].start,
        left=box[1].start,
        arrival_seconds=arrival,
        rim_seconds=rim,
        edge_seconds=edge,
        edge_px=reach_px,
        edge_glow=preset.edge_glow,
        softness_seconds=softness,
        rim_softness_seconds=rim_softness,
        tiles=_tiles(arrival, rim, edge, softness, rim_softness),
    )


def changing_box(subject: Subject) -> tuple[slice, slice]:
    """Rows and columns that hold every pixel that may change."""
    rows, columns = (np.flatnonzero(subject.changes.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def dissolved(scene: Scene, dissolve: Dissolve, seconds: float) -> NDArray[np.uint8]:
    """The frame at a time, without butterflies: uint8 (H, W, 3), a new array.

    Two things leave: the person, matted over the plate, and what is left of the old background around
    them (photo minus that matting). The second goes first, so no halo of it stays behind on the person.
    """
    from effect.fade import fade, remaining  # not at the top: compiled code takes a while to load

    frame = scene.photo.copy()
    corner = dissolve.top, dissolve.left
    pictures = frame, scene.photo, scene.plate, scene.foreground
    target, photo, plate, foreground = (picture.reshape(len(picture), -1) for picture in pictures)
    reach = 2 * dissolve.edge_px + 1
    for rows, columns, state in _runs(dissolve.tiles, seconds):
        if state == GONE:
            frame[dissolve.box][rows, columns] = scene.plate[dissolve.box][rows, columns]
            continue
        around, inner = _around((rows, columns), dissolve.arrival_seconds.shape, dissolve.edge_px + 1)
        top, left, height, width = around
        times = dissolve.arrival_seconds
        person = remaining(seconds, times, dissolve.softness_seconds, top, left, height, width)
        near = cv2.blur(person, (reach, reach), borderType=cv2.BORDER_REPLICATE)[inner].copy()
        smooth = cv2.blur(person, (3, 3), borderType=cv2.BORDER_REPLICATE)[inner].copy()
        fade(
            target,
            photo,
            plate,
            foreground,
            scene.alpha,
            corner,
            (rows.start, columns.start),
            smooth,
            near,
            dissolve.rim_seconds,
            dissolve.edge_seconds,
            seconds,
            dissolve.rim_softness_seconds,
            dissolve.edge_glow,
        )
    return frame


def _runs(tiles: tuple[Tile, ...], seconds: float) -> Iterator[tuple[slice, slice, int]]:
    """Rows, columns and state of tiles that are no longer untouched; neighbours in a row are one, if alike."""

    def row_and_state(tile: Tile) -> tuple[int, int]:
        rows, _, first_seconds, last_seconds = tile
        return (
            rows.start,
            UNTOUCHED if seconds <= first_seconds else LEAVING if seconds < last_seconds else GONE,
        )

    for (_, state), alike in groupby(tiles, row_and_state):
        if state != UNTOUCHED:
            run = list(alike)
            yield run[0][0], slice(run[0][1].start, run[-1][1].stop), state


def _around(
    tile: tuple[slice, slice], shape: tuple[int, ...], margin: int
) -> tuple[tuple[int, int, int, int], tuple[slice, slice]]:
    """Top, left, height, width of the tile with a margin, as far as the field reaches; where the tile lies in that."""
    (top, bottom, _), (left, right, _) = (part.indices(size) for part, size in zip(tile, shape, strict=True))
    above, before = min(margin, top), min(margin, left)
    height = min(bottom + margin, shape[0]) - top + above
    width = min(right + margin, shape[1]) - left + before
    inner = slice(above, above + bottom - top), slice(before, before + right - left)
    return (top - above, left - before, height, width), inner


def _on_time_grid(seconds: NDArray[np.float32]) -> NDArray[np.float32]:
    return (np.rint(seconds * TIME_GRID) / TIME_GRID).astype(np.float32)


def _tiles(
    arrival: NDArray[np.float32],
    rim: NDArray[np.float32],
    edge: NDArray[np.float32],
    softness: float,
    rim_softness: float,
) -> tuple[Tile, ...]:
    tiles = []
    for top in range(0, arrival.shape[0], TILE_PX):
        for left in range(0, arrival.shape[1], TILE_PX):
            tile = slice(top, top + TILE_PX), slice(left, left + TILE_PX)
            middle, rim_middle = arrival[tile], rim[tile]
            first = min(
                middle.min() - softness / 2, rim_middle.min() - rim_softness / 2, float(edge[tile].min())
            )
            last = max(middle.max() + softness / 2, rim_middle.max() + rim_softness / 2)
            tiles.append((*tile, float(first), float(last)))
    return tuple(tiles)

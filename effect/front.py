"""The order in which a person goes: when the front reaches each spot, as progress from 0 to 1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.preset import Preset
from effect.scene import Subject

NOISE_CELLS = 5  # patches of the coarsest noise along the person's longer side
NOISE_OCTAVES = 5
SMALL_PERSON_SHARE = 0.1  # of the largest person: whoever is smaller goes with the nearest other
TURN_OVERLAP = 0.15  # of one person's turn: the next one begins before the last butterfly is off

Field = NDArray[np.float32]


def front_of(
    subject: Subject, box: tuple[slice, slice], preset: Preset, generator: np.random.Generator
) -> Field:
    """Progress (0-1) at which the front reaches each pixel of the box, float32 (h, w); people span 0 to 1."""
    alpha = subject.alpha[box]
    person = alpha >= 0.5 if (alpha >= 0.5).any() else np.ones(alpha.shape, bool)
    noise = _noise(alpha.shape, generator)
    if preset.order == "together":
        return _paced(_own_front(person, noise, preset), person)
    turns = _turns(subject.photo[box], person, preset.direction)
    slot = 1 / (len(turns) - TURN_OVERLAP * (len(turns) - 1))
    progress = np.zeros(alpha.shape, np.float32)
    for turn, (region, own) in enumerate(turns):
        front = _paced(_own_front(own, noise, preset), own)
        progress[region] = slot * (turn * (1 - TURN_OVERLAP) + front[region])
    return progress


def eased_time(progress: NDArray[np.float32], easing: str) -> NDArray[np.float32]:
    """When (0-1 of the sweep) a front that follows the easing has made this much progress (0-1)."""
    if easing == "ease-in":
        return np.sqrt(progress)
    if easing == "ease-out":
        return 1 - np.sqrt(1 - progress)
    if easing == "ease-in-out":
        return np.where(progress < 0.5, np.sqrt(progress / 2), 1 - np.sqrt((1 - progress) / 2))
    return progress


def _own_front(person: NDArray[np.bool_], noise: Field, preset: Preset) -> Field:
    """A sweep across one person (or all as one) bent by noise."""
    sweep = _sweep(person, preset)
    if sweep is None:
        return _spread(noise, person)
    bent = (1 - preset.raggedness) * _spread(sweep, person) + preset.raggedness * _spread(noise, person)
    return _spread(bent, person)


def _sweep(person: NDArray[np.bool_], preset: Preset) -> Field | None:
    """Distance (pixels) the front has to travel to each pixel, before noise; None where it is everywhere at once."""
    rows, columns = (np.arange(length, dtype=np.float32) for length in person.shape)
    direction = preset.direction
    if isinstance(direction, float):
        angle = np.radians(direction)
        return columns * np.float32(np.cos(angle)) - rows[:, None] * np.float32(np.sin(angle))
    if direction == "all-at-once":
        return None
    if direction == "outside-in":
        padded = np.pad(person, 1).astype(np.uint8)  # the frame's edge is an edge of the person, too
        return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)
    inside_rows, inside_columns = np.nonzero(person)
    if direction == "from-point":
        across, down = preset.origin
        middle_x = inside_columns.min() + across * np.ptp(inside_columns)
        middle_y = inside_rows.min() + down * np.ptp(inside_rows)
    else:
        middle_x, middle_y = inside_columns.mean(), inside_rows.mean()
    away = np.hypot(columns - np.float32(middle_x), (rows - np.float32(middle_y))[:, None])
    return -away if direction == "center-in" else away


def _turns(
    rgb: NDArray[np.uint8], person: NDArray[np.bool_], direction: float | str
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """One entry a person, in the order of their turns: the pixels nearest to them, and they themselves.

    They go from left to right, or from right to left where that is the front's own way.
    """
    from effect.segment.people import parted, with_nearest_labels

    labels = parted(rgb, person)
    sizes = np.bincount(labels.ravel())[1:]
    people = 1 + np.flatnonzero(sizes >= SMALL_PERSON_SHARE * sizes.max())
    regions = with_nearest_labels(np.where(np.isin(labels, people), labels, 0))
    leftward = isinstance(direction, float) and bool(np.cos(np.radians(direction)) < -0.5)
    columns = {number: np.nonzero(labels == number)[1].mean() for number in people}
    turns = sorted(people, key=lambda number: columns[number], reverse=leftward)
    return [(regions == number, (regions == number) & person) for number in turns]


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

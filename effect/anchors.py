"""Anchors: the points of the person that butterflies peel off from, how big each is, and its colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.dissolve import Dissolve
from effect.preset import Preset
from effect.scene import Subject
from effect.species import species_names

MAP_PX = 320  # longer side of the reduced matte on which sizes and spacing are judged
CANDIDATES = 14  # tries per point; more makes the spacing more even
USUAL_PERSON = 0.22  # share of the frame at which a preset's `size` holds as written
WING_AREA = 1.7  # flat wings of a butterfly, in squares of its forewing's length
COVER = 2.1  # wing area over the person's area; beating wings show about half of it
FEWEST, MOST = 14, 320  # what "auto" may choose
LARGEST_GROWTH = 1.5  # where that is too few to cover the person, butterflies grow by up to this
HEAD_SHARE = 0.24  # top part of a person treated as head
TAKE_OFF_JITTER_SECONDS = 0.05
PERCH_CANDIDATES, PERCH_MARGIN = 60, 0.2  # places to choose from; share of the frame that its rim is
WING_REACH = 0.6  # forewing lengths from the anchor that spread wings hide
LONGEST_CROSSING_SECONDS = 1.0
CROSSING_STEPS = 8  # of the reach, in which the front's way is measured
CROSSINGS = 1.5  # times the front's way across its patch that one unfolds earlier, to cover what goes
FEWEST_PEEL_SECONDS = 0.15
TAKE_OFF_LAG = 0.6  # of the softness: wings stay spread over their patch until it is gone


@dataclass(frozen=True)
class Anchors:
    """One entry per butterfly. Arrays of n; `yaw` is how it lies on the person, radians, counter-clockwise.

    `peel_seconds`: for how long it unfolds on the person before it takes off.
    """

    species: tuple[str, ...]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    yaw: NDArray[np.float64]
    size_px: NDArray[np.float64]
    take_off_seconds: NDArray[np.float64]
    peel_seconds: NDArray[np.float64]


def plant_anchors(
    subject: Subject, dissolve: Dissolve, preset: Preset, generator: np.random.Generator
) -> Anchors:
    """Spread butterflies evenly over the person: smaller and closer at the head, on hands and thin parts."""
    height, width = subject.alpha.shape
    scale = min(1.0, MAP_PX / max(height, width))
    reduced = (max(1, round(width * scale)), max(1, round(height * scale)))
    matte = cv2.resize(subject.alpha, reduced, interpolation=cv2.INTER_AREA)
    person = np.where(matte >= 0.5, matte, 0)
    usual_px = preset.size * height * _person_factor(float(person.mean()))
    sizes = usual_px * _local_size(person, usual_px * scale)
    wanted = preset.density * COVER * float((person / (WING_AREA * np.square(sizes * scale))).sum())
    count = _count(wanted, preset)
    if preset.butterflies == "auto" and wanted > MOST:
        sizes *= min(np.sqrt(wanted / MOST), LARGEST_GROWTH)

    rows, columns = _blue_noise(person, sizes * scale, count, generator)
    x_px = np.clip((columns + generator.random(count)) / matte.shape[1] * width, 0, width - 1)
    y_px = np.clip((rows + generator.random(count)) / matte.shape[0] * height, 0, height - 1)
    spread = np.exp(preset.size_spread * np.clip(generator.standard_normal(count), -2, 2))
    crossing_seconds = _crossing(x_px, y_px, usual_px, subject, dissolve)
    take_off_seconds = _take_off(x_px, y_px, dissolve, preset, generator)
    peel_seconds, take_off_seconds = _peeling(take_off_seconds, crossing_seconds, preset, generator)
    names = preset.species or tuple(species_names())
    kinds = generator.integers(0, len(names), count)
    return Anchors(
        species=tuple(names[kind] for kind in kinds),
        x_px=x_px,
        y_px=y_px,
        yaw=generator.normal(0, 1.0, count),
        size_px=sizes[rows, columns] * spread,
        take_off_seconds=take_off_seconds,
        peel_seconds=peel_seconds,
    )


def find_perches(subject: Subject, preset: Preset, generator: np.random.Generator) -> NDArray[np.float64]:
    """Places in the background for `preset.linger` butterflies to settle on, (m, 2) pixels x, y.

    Away from the person, where there is room, and on edges of things rather than in the empty air.
    """
    if not preset.linger:
        return np.zeros((0, 2))
    height, width = subject.alpha.shape
    margin = np.array([width, height]) * PERCH_MARGIN
    drawn = generator.uniform(margin, (width, height) - margin, (PERCH_CANDIDATES, 2))
    columns, rows = drawn.astype(int).T
    reach = 2 * max(1, round(preset.size * height)) + 1
    near = cv2.dilate(subject.alpha, np.ones((reach, reach), np.uint8))
    grey = cv2.cvtColor(cv2.GaussianBlur(subject.photo, (0, 0), 2), cv2.COLOR_RGB2GRAY)
    edges = cv2.blur(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), (5, 5))
    liking = edges[rows, columns] - 1000 * near[rows, columns]
    return drawn[np.argsort(-liking, kind="stable")[: preset.linger]]


def _person_factor(share: float) -> float:
    """Small people get smaller butterflies, so they still dissolve into many; close-ups get larger ones."""
    return float(np.clip(np.sqrt(share / USUAL_PERSON), 0.5, 1.2))


def _local_size(person: NDArray[np.float32], usual_px: float) -> NDArray[np.float32]:
    """Size factor (about 0.5 to 1) for every pixel of the reduced matte."""
    depth = cv2.distanceTransform((person > 0).astype(np.uint8), cv2.DIST_L2, 5)
    reach = 2 * max(1, round(usual_px)) + 1
    thickness = cv2.dilate(depth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    factor = np.clip(thickness / max(1.25 * usual_px, 1e-6), 0.5, 1)
    labels = cv2.connectedComponentsWithStats((person > 0).astype(np.uint8), connectivity=8)
    for label in range(1, labels[0]):
        top, tall = labels[2][label, cv2.CC_STAT_TOP], labels[2][label, cv2.CC_STAT_HEIGHT]
        below_top = (np.arange(person.shape[0]) - top) / max(tall, 1)
        head = np.clip(0.74 + 0.26 * (below_top - HEAD_SHARE) / (HEAD_SHARE / 2), 0.74, 1)
        factor = np.where(labels[1] == label, factor * head[:, None], factor)
    return factor.astype(np.float32)


def _count(wanted: float, preset: Preset) -> int:
    if wanted == 0 or preset.butterflies != "auto":
        return 0 if wanted == 0 else int(preset.butterflies)
    return int(np.clip(round(wanted), FEWEST, MOST))


def _blue_noise(
    person: NDArray[np.float32], sizes: NDArray[np.float32], count: int, generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of `count` points: each the candidate farthest from its neighbours, in their sizes.

    Mitchell, "Spectrally optimal sampling for distribution ray tracing" (1991), here with local spacing.
    """
    rows, columns = np.nonzero(person)
    spacing = sizes[rows, columns]
    chance = np.cumsum(1 / np.square(spacing), dtype=np.float64)
    drawn = generator.random((count, CANDIDATES))
    chosen = np.zeros(count, np.intp)
    for point in range(count):
        candidates = np.searchsorted(chance, drawn[point] * chance[-1])
        candidates = np.minimum(candidates, len(rows) - 1)
        placed = chosen[:point] if point else candidates[:1]
        down = rows[candidates, None] - rows[placed]
        across = columns[candidates, None] - columns[placed]
        room = spacing[candidates, None] + spacing[placed]
        nearest = ((down**2 + across**2) / np.square(room)).min(axis=1)
        chosen[point] = candidates[np.argmax(nearest)]
    return rows[chosen], columns[chosen]


def _take_off(
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    dissolve: Dissolve,
    preset: Preset,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    height, width = dissolve.arrival_seconds.shape
    rows = np.clip(y_px.astype(int) - dissolve.top, 0, height - 1)
    columns = np.clip(x_px.astype(int) - dissolve.left, 0, width - 1)
    jitter = TAKE_OFF_JITTER_SECONDS * generator.standard_normal(len(x_px))
    lag = TAKE_OFF_LAG * dissolve.softness_seconds
    return np.maximum(dissolve.arrival_seconds[rows, columns] + lag + jitter, preset.photo_still_seconds)


def _crossing(
    x_px: NDArray[np.float64], y_px: NDArray[np.float64], size_px: float, subject: Subject, dissolve: Dissolve
) -> NDArray[np.float64]:
    """How long before each anchor the front reaches the first spot that its wings are to cover."""
    step = max(1, round(WING_REACH * size_px) // CROSSING_STEPS)  # every pixel would cost seconds
    person = subject.alpha[dissolve.box][::step, ::step] >= 0.5
    arrival = np.where(person, dissolve.arrival_seconds[::step, ::step], np.float32(np.inf))
    reach = 2 * round(WING_REACH * size_px / step) + 1
    first = cv2.erode(arrival, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    height, width = dissolve.arrival_seconds.shape
    rows = np.clip(y_px.astype(int) - dissolve.top, 0, height - 1)
    columns = np.clip(x_px.astype(int) - dissolve.left, 0, width - 1)
    ahead = dissolve.arrival_seconds[rows, columns] - first[rows // step, columns // step]
    return np.clip(np.where(np.isfinite(ahead), ahead, 0), 0, LONGEST_CROSSING_SECONDS).astype(np.float64)


def _peeling(
    take_off_seconds: NDArray[np.float64],
    crossing_seconds: NDArray[np.float64],
    preset: Preset,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How long each butterfly unfolds (n,), and when it takes off (n,): never within the still photo."""
    still = preset.photo_still_seconds
    wanted = preset.peel_seconds * generator.uniform(0.8, 1.25, len(take_off_seconds))
    wanted += CROSSINGS * crossing_seconds
    peel_seconds = np.maximum(np.minimum(wanted, take_off_seconds - still), FEWEST_PEEL_SECONDS)
    return peel_seconds, np.maximum(take_off_seconds, still + peel_seconds)

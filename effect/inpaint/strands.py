"""Loose hair that flies too far from a person for the matte: before a blurred or plain background it would stay.

It is painted over with what is beside it, before the hole is restored: a calm background needs no more.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.average import known_average

WORKING_SIDE_PX = 1000  # the longer side of the picture that strands are looked for in; below, its pixels
THICKEST_PX = 2  # lines of a blurred background are thicker
FAINTEST = 6.0  # levels of 255 by which a strand differs from what is around it
CALM = 2.0  # levels: where the background itself has stronger lines, none is taken for hair
TIMES_CALM = 5.0  # how much stronger than those a strand must be
POWER = 4  # of the mean by which the background's lines count: a few waves among calm water are its own, too
STRONGEST = 40.0  # levels: a single edge far away makes no background restless
REACH_SHARE = 0.65  # of the hole's half width where it is widest: what leads farther away is no hair
NEAR_PX = 8  # at most, from the hole to where a strand begins ...
SHORTEST_PX = 4  # ... and at least, how far it leads away from there
GAP_PX = 5  # a strand may fade away for less, and is painted over half as much wider
PAINTED_PX = 2, 4, 8, 16  # surroundings that strands are painted over with: the first that is known enough
ENOUGH = 0.1  # of the surroundings that must be known to paint a strand over
COARSE = 4  # the background's lines are averaged on a picture so many times smaller


def without_strands(
    rgb: NDArray[np.uint8], hole: NDArray[np.bool_], avoid: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """The photo, uint8 (H, W, 3), with the strands beside the hole painted over; rgb itself where there are none.

    hole: bool (H, W), what will be restored; avoid: bool (H, W), people who stay, with their hair.
    """
    height, width = hole.shape
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    missing, staying = (
        cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0 for part in (hole, avoid)
    )
    strands = loose_strands(small, missing) & ~staying
    if not strands.any():
        return rgb
    behind = painted_over(small, strands, ~(strands | missing | staying))
    large = cv2.resize(strands.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0
    behind = np.asarray(cv2.resize(behind, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.where((large & ~hole & ~avoid)[..., None], behind, rgb)


def loose_strands(rgb: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin lines from the hole that end near it, where the background beyond has none: bool (H, W), outside the hole.

    rgb: uint8 (H, W, 3); hole: bool (H, W).
    """
    height, width = hole.shape
    if hole.all() or not hole.any() or min(height, width) < COARSE:
        return np.zeros_like(hole)
    deep, away = (cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (hole, ~hole))
    reach, gap = REACH_SHARE * float(deep.max()), np.ones((GAP_PX, GAP_PX), np.uint8)
    lines = line_strength(rgb)
    background = background_lines(lines, away > reach, reach)
    strong = ~hole & (background < CALM) & (lines > np.maximum(FAINTEST, TIMES_CALM * background))
    joined = (cv2.morphologyEx(strong.astype(np.uint8), cv2.MORPH_CLOSE, gap) > 0) & ~hole

    count, areas = cv2.connectedComponents(joined.astype(np.uint8))
    labels = np.asarray(areas, np.int32)
    nearest, farthest = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(nearest, labels[joined], away[joined])
    np.maximum.at(farthest, labels[joined], away[joined])
    loose = (nearest <= NEAR_PX) & (farthest - nearest >= SHORTEST_PX) & (farthest <= reach)
    edge = np.ones_like(hole)
    edge[1:-1, 1:-1] = False
    loose[labels[edge & (away > NEAR_PX)]] = False  # it leads out of the photo
    return (cv2.dilate(loose[labels].astype(np.uint8), gap) > 0) & ~hole


def line_strength(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much each pixel differs from a picture without thin lines: levels, float32 (H, W)."""
    square, strengths = np.ones((THICKEST_PX + 1,) * 2, np.uint8), []
    for without_dark_or_bright in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):
        plain = cv2.morphologyEx(rgb, without_dark_or_bright, square)
        difference = cv2.absdiff(rgb, plain).astype(np.float32)
        strengths.append(np.sqrt((difference**2).mean(axis=2)))
    return np.maximum(*strengths)


def background_lines(
    lines: NDArray[np.float32], beyond: NDArray[np.bool_], reach: float
) -> NDArray[np.float32]:
    """The power mean of the lines' strength beyond the reach, float32 (H, W), carried to the hole; 255 where nothing is
    near enough to tell."""
    height, width = lines.shape
    size = width // COARSE, height // COARSE
    powers = np.minimum(lines, np.float32(STRONGEST)) ** POWER
    sums, weights = (
        cv2.GaussianBlur(cv2.resize(part, size, interpolation=cv2.INTER_AREA), (0, 0), reach / 2 / COARSE)
        for part in (np.where(beyond, powers, np.float32(0)), beyond.astype(np.float32))
    )
    mean = np.where(weights > 1e-3, (sums / np.maximum(weights, 1e-3)) ** (1 / POWER), np.float32(255))
    return np.asarray(cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR))


def painted_over(
    rgb: NDArray[np.uint8], strands: NDArray[np.bool_], known: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """The picture (H, W, 3) with the mean of what is known close by in the place of strands, or farther off if need
    be."""
    rows, columns = np.nonzero(strands.any(axis=1))[0], np.nonzero(strands.any(axis=0))[0]
    reach = 4 * PAINTED_PX[-1]  # where OpenCV's filter ends
    near = (
        slice(max(rows[0] - reach, 0), rows[-1] + reach + 1),
        slice(max(columns[0] - reach, 0), columns[-1] + reach + 1),
    )
    picture, left = rgb.copy(), strands[near].copy()
    for soft_px in PAINTED_PX:
        found = left & (cv2.GaussianBlur(known[near].astype(np.float32), (0, 0), soft_px) > ENOUGH)
        picture[near][found] = np.rint(known_average(rgb[near], known[near], soft_px)[found])
        left &= ~found
    return picture

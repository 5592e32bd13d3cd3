"""Holes for training: person silhouettes, free-form strokes and boxes, and the boundary attack on their contour.

Every function takes a numpy Generator and returns a bool mask (H, W), True = missing.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

MAX_HOLE_SHARE = 0.5  # larger holes leave too little of a scene to learn from


def person_hole(silhouettes: Sequence[np.ndarray], size_px: int, rng: Generator) -> np.ndarray:
    """A real silhouette (uint8, >0 = person) at a random place, scale, mirror and growth."""
    while True:
        shape = trim(silhouettes[int(rng.integers(len(silhouettes)))])
        hole = place(shape, size_px, rng)
        radius_px = int(rng.integers(0, max(2, size_px // 32)))
        hole = cv2.dilate(hole, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1,) * 2))
        if 0.01 < (hole > 0).mean() < MAX_HOLE_SHARE:
            return hole > 0


def trim(shape: np.ndarray) -> np.ndarray:
    """The silhouette without its empty margins."""
    rows, columns = np.nonzero(shape.max(axis=1))[0], np.nonzero(shape.max(axis=0))[0]
    return shape[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def place(picture: np.ndarray, size_px: int, rng: Generator) -> np.ndarray:
    """Put a picture of any channels on an empty square canvas: 35-105 % as tall, cut off where it does not fit."""
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
    scale = size_px * rng.uniform(0.35, 1.05) / picture.shape[0]
    width, height = (max(2, round(side * scale)) for side in picture.shape[1::-1])
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    left = int(rng.integers(-width // 3, size_px - width * 2 // 3 + 1))
    top = int(rng.integers(min(0, size_px - height), max(1, size_px - height * 2 // 3)))
    canvas = np.zeros((size_px, size_px, *picture.shape[2:]), np.uint8)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, size_px), min(top + height, size_px)
    canvas[y0:y1, x0:x1] = picture[y0 - top : y1 - top, x0 - left : x1 - left]
    return canvas


def stroke_hole(size_px: int, rng: Generator) -> np.ndarray:
    """Free-form strokes, chains of thick segments with round joints (Yu et al. 2019, section 3.2)."""
    while True:
        hole = np.zeros((size_px, size_px), np.uint8)
        for _ in range(rng.integers(1, 5)):
            point = rng.uniform(0, size_px, 2)
            angle = rng.uniform(0, 2 * np.pi)
            width_px = int(rng.uniform(0.04, 0.14) * size_px)
            for _ in range(rng.integers(2, 9)):
                angle += rng.uniform(0.3, 1.6) * rng.choice([-1, 1])
                reach = rng.uniform(0.08, 0.25) * size_px
                end = np.clip(point + reach * np.array([np.cos(angle), np.sin(angle)]), 0, size_px)
                cv2.line(hole, point.astype(int).tolist(), end.astype(int).tolist(), 1, width_px)
                cv2.circle(hole, end.astype(int).tolist(), width_px // 2, 1, -1)
                point = end
        if (hole > 0).mean() < MAX_HOLE_SHARE:
            return hole > 0


def box_hole(size_px: int, rng: Generator) -> np.ndarray:
    """One rectangle, each side 20-60 % of the picture's."""
    hole = np.zeros((size_px, size_px), bool)
    height, width = (rng.uniform(0.2, 0.6, 2) * size_px).astype(int)
    top, left = rng.integers(0, size_px - height + 1), rng.integers(0, size_px - width + 1)
    hole[top : top + height, left : left + width] = True
    return hole


def attack(hole: np.ndarray, share: float, block_share: tuple[float, float], rng: Generator) -> np.ndarray:
    """Boundary attack: bite square blocks out of the mask's contour until `share` of the contour is gone.

    block_share: least and largest side of a block, as a part of the mask's height. Bitten pixels become known, so
    strips of the person stay visible beside the hole, as after an imperfect segmentation.
    """
    inner = cv2.erode(hole.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    rows, columns = np.nonzero(hole & (inner == 0))
    bitten = hole.copy()
    height = np.ptp(np.nonzero(hole.any(axis=1))[0]) + 1
    gone = np.zeros(len(rows), bool)
    while len(rows) and gone.mean() < share:
        at = rng.choice(np.nonzero(~gone)[0])
        half = max(1, int(rng.uniform(*block_share) * height / 2))
        box = (abs(rows - rows[at]) <= half) & (abs(columns - columns[at]) <= half)
        gone |= box
        y0, x0 = max(rows[at] - half, 0), max(columns[at] - half, 0)
        bitten[y0 : rows[at] + half + 1, x0 : columns[at] + half + 1] = False
    return bitten

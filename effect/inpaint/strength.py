"""How strong texture is in the hole, beside what is around it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.average import known_average

OWN_PX = 8  # the size of the surroundings over which a piece's own strength is measured
# Texture becomes nearly as strong as around the hole: by this power of how far its deviation is off, within bounds.
MATCHING, LEAST_GAIN, MOST_GAIN = 0.7, 0.5, 1.5
UNSEEN = 0.2  # levels: weaker texture is as good as none
BROAD_PX, BROADER_PX = 3, 16  # colours over so many pixels vary around the mean over so many
CELL_PX = 4  # strengths go on into the hole in cells of so many pixels
NEAREST_CELLS, POWER = 1.0, 4.0  # a known cell counts by 1 / (NEAREST_CELLS^2 + distance^2)^(POWER / 2)


def strength_gain(
    picture: NDArray[np.uint8], inside: NDArray[np.bool_], fine_px: float
) -> NDArray[np.float32]:
    """By what to multiply texture finer than `fine_px` in the hole to make it as strong as around: float32 (h, w).

    Pieces may come from what is in focus into what is not, and where several overlap their mean is softer than any.
    picture: uint8 (H, W, 3), the hole filled; inside: bool (h, w), the hole at any smaller size, if only a part of a
    pixel.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey -= cv2.GaussianBlur(grey, (0, 0), fine_px)
    energy = np.asarray(cv2.resize(grey * grey, inside.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    around, own = spread_by_distance(energy, inside), known_average(energy, inside, OWN_PX)
    off = (np.sqrt(around) + np.float32(UNSEEN)) / (np.sqrt(own) + np.float32(UNSEEN))
    return np.clip(off ** np.float32(MATCHING), LEAST_GAIN, MOST_GAIN)


def variance_around(small: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much broad colours vary by nature, from bark's ridge to its groove: squared levels, summed over the channels,
    float32 (h, w). small: uint8 (h, w, 3); inside: bool (h, w), the hole.
    """
    broad, broader = (known_average(small, ~inside, soft_px) for soft_px in (BROAD_PX, BROADER_PX))
    return spread_by_distance(((broad - broader) ** 2).sum(axis=2), inside)


def spread_by_distance(values: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values (h, w) that are known outside of the hole, and in it the mean of the known ones, the near ones counting
    most: float32 (h, w), smooth (Shepard, "A two-dimensional interpolation function for irregularly-spaced data", ACM
    1968).
    """
    height, width = inside.shape
    size = max(1, round(width / CELL_PX)), max(1, round(height / CELL_PX))
    cells, missing = (
        cv2.resize(one.astype(np.float32), size, interpolation=cv2.INTER_AREA) for one in (values, inside)
    )
    known = (missing == 0).astype(np.float32)
    twice = 2 * size[1], 2 * size[0]  # no wrapping round
    down, across = (np.fft.fftfreq(side, 1 / side) for side in twice)
    weights = np.fft.rfft2((NEAREST_CELLS**2 + down[:, None] ** 2 + across**2) ** (-POWER / 2))
    total = lambda one: np.fft.irfft2(np.fft.rfft2(one, twice) * weights, twice)[: size[1], : size[0]]
    mean = np.maximum(total(cells * known), 0) / np.maximum(total(known), 1e-9)
    return np.asarray(cv2.resize(mean.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))

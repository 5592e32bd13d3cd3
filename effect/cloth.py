"""The picture that butterflies' wings are cut from, as compiled code looks things up in it."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


class Cloth(NamedTuple):
    """A picture of 2 x 2 pixels or more."""

    pairs: NDArray[np.uint64]  # RGBA, row by row: see `in_pairs`
    size: tuple[int, int]  # width, height


def cloth_of(rgb: NDArray[np.uint8]) -> Cloth:
    """A picture (H,W,3), repeated where it is only one pixel wide or high."""
    below, beside = (max(2 - side, 0) for side in rgb.shape[:2])
    large = cv2.copyMakeBorder(rgb, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    rgba = np.asarray(cv2.cvtColor(large, cv2.COLOR_RGB2RGBA)).view(np.uint32)[..., 0]
    return Cloth(in_pairs(rgba.reshape(-1)), rgba.shape[::-1])


def in_pairs(rgba: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Pixels (n,), each with its right neighbour: a view (n - 1,) whose numbers overlap by half.

    A processor then needs to look in two places, not four, for what lies between four pixels.
    """
    return np.ndarray(len(rgba) - 1, np.uint64, rgba.data, strides=rgba.strides)


NO_CLOTH = cloth_of(np.zeros((2, 2, 3), np.uint8))

"""Pictures and holes at other sizes."""

import cv2
import numpy as np
from numpy.typing import NDArray


def shrink(
    rgb: NDArray[np.uint8], hole: NDArray[np.bool_], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Picture and hole at a size (width, height)."""
    if rgb.shape[1::-1] == size:
        return rgb.copy(), hole
    return resize(rgb, size, cv2.INTER_AREA), covered(hole, size)


def covered(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask at a size (width, height): whatever it covers any of."""
    if mask.shape[::-1] == size:
        return mask
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0


def resize(picture: NDArray[np.uint8], size: tuple[int, ...], interpolation: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8)

"""A photo's grain: how strong the noise is that lies over everything in it."""

import cv2
import numpy as np
from numpy.typing import NDArray

FLAT_SHARE = 30  # per cent of the pixels, those with the least contrast, in which grain is measured


def grain_level(photo: NDArray[np.uint8], where: NDArray[np.bool_] | None = None) -> float:
    """Standard deviation of the noise in levels of 255, in the flattest places (Immerkaer, "Fast noise variance
    estimation", Computer Vision and Image Understanding 1996) of a photo (H, W, 3), or of its pixels `where` (H, W)."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    noise = np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel))[1:-1, 1:-1]
    smooth = cv2.blur(grey, (5, 5))
    slope = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    level, slope = smooth[1:-1, 1:-1], slope[1:-1, 1:-1]
    unclipped = (level > 8) & (level < 247)
    if where is not None:
        unclipped &= where[1:-1, 1:-1]
    if not unclipped.any():
        return 0.0
    flat = unclipped & (slope <= np.percentile(slope[unclipped], FLAT_SHARE))
    return float(np.sqrt(np.pi / 2) / 6 * noise[flat].mean())

"""Soft pictures fitted into a photo: their colours are shifted so that they meet the known ones at the hole's edge."""

import cv2
import numpy as np
from numpy.typing import NDArray


def match_rim(
    rgb: NDArray[np.uint8],
    painted: NDArray[np.uint8],
    hole: NDArray[np.bool_],
    weights: NDArray[np.float32] | float = 1.0,
) -> NDArray[np.uint8]:
    """Shift the painted colours smoothly so that they meet the known ones at the hole's edge.

    The difference on the known rim is spread over the hole as a smooth membrane, which is what gradient-domain
    cloning computes (Perez et al., "Poisson Image Editing", 2003; Farbman et al. 2009).
    All are the window's: uint8 (h, w, 3) twice, bool (h, w), and float32 (h, w), how much a known colour counts beside
    others. Returns uint8 (h, w, 3).
    """
    rim = cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~hole
    counts = (rim * weights).astype(np.float32)
    membrane = spread((rgb.astype(np.float32) - painted) * counts[..., None], counts)
    return np.clip(np.rint(painted + membrane), 0, 255).astype(np.uint8)


def spread(values: NDArray, weights: NDArray) -> NDArray:
    """Fill weightless pixels with averages of ever larger surroundings (pull-push, Gortler et al. 1996).

    values: float32 (H, W, C), already multiplied by weights float32 (H, W). Returns float32 (H, W, C).
    """
    height, width = weights.shape
    if min(height, width) <= 2:
        mean = values.sum(axis=(0, 1)) / max(float(weights.sum()), 1e-6)
        return np.broadcast_to(mean, values.shape).astype(np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    halve = lambda picture: cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
    # OpenCV drops the axis of a single channel.
    coarse = spread(halve(values).reshape(*half[::-1], -1), halve(weights))
    coarse = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, -1)
    share = np.minimum(weights, 1)[..., None]
    return values / np.maximum(weights, 1e-6)[..., None] * share + coarse * (1 - share)

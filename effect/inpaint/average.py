"""Pictures softened by what is known of them alone."""

import cv2
import numpy as np
from numpy.typing import NDArray

SOFT_PX = 2  # the size of the surroundings that a place is judged by


def known_average(values: NDArray, known: NDArray[np.bool_], soft_px: float = SOFT_PX) -> NDArray[np.float32]:
    """Values (H, W) or (H, W, C), softened over soft_px by known ones alone: (H, W) for all channels, or (H, W, C)."""
    weights = cv2.GaussianBlur(known.astype(np.float32), (0, 0), soft_px)
    weighted = (values.T * known.T).T.astype(np.float32)
    soft = cv2.GaussianBlur(weighted, (0, 0), soft_px)
    return (soft.T / np.maximum(weights, 1e-3).T).T.astype(np.float32)

"""Colours that go on beyond the person, so that whatever is cut out across the outline shows nothing else.

Push-pull: Gortler et al., "The Lumigraph" (1996), section 3.4. Weights are full as soon as anything is known, as there;
`effect.inpaint.membrane` has it without that: a membrane is to be smooth, and here the nearest colours are to go on.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

CELL_PX = 4  # side of the cells in which colours spread
ENOUGH = 0.25  # of a pixel is the person's: from here on it keeps its own colour


def carried_on(foreground: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The person's colours, RGB uint8 (H, W, 3); beyond them the nearest ones go on, the farther the softer.

    foreground: RGB uint8 (H, W, 3), right where alpha, float32 (H, W), is more than 0.
    """
    height, width = alpha.shape
    cells = -(-width // CELL_PX), -(-height // CELL_PX)
    own = cv2.multiply(foreground, cv2.merge([alpha] * 3), dtype=cv2.CV_32F)
    colours = cv2.resize(own, cells, interpolation=cv2.INTER_AREA)
    weights = cv2.resize(alpha, cells, interpolation=cv2.INTER_AREA)
    filled = np.clip(np.rint(_filled(colours, weights)), 0, 255).astype(np.uint8)
    result = np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    np.copyto(result, foreground, where=(alpha >= ENOUGH)[..., None])
    return result


def _filled(colours: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Colours (h, w, 3), premultiplied by weights (h, w) of 0-1, where these leave room completed by coarser ones."""
    if min(weights.shape) == 1:
        total = max(float(weights.sum()), 1e-6)
        return np.broadcast_to(colours.sum(axis=(0, 1)) / np.float32(total), colours.shape)
    sums = 4 * cv2.pyrDown(weights)  # one of four cells is enough to fill a coarser one
    shares = 4 / np.maximum(sums, 1)
    coarser = _filled(cv2.pyrDown(colours) * shares[..., None], np.minimum(sums, 1))
    behind = cv2.pyrUp(np.ascontiguousarray(coarser), dstsize=weights.shape[::-1])
    return colours + (1 - weights)[..., None] * behind

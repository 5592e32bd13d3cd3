"""Edges as guidance: Canny's detector, and sparse strokes as a user would draw them.

Nazeri et al., "EdgeConnect: Generative Image Inpainting with Adversarial Edge Learning", ICCVW 2019, section 3.
"""

import cv2
import numpy as np
from numpy.random import Generator

SIGMA_SHARE = 2 / 256  # of the Gaussian before the gradient, as a part of the picture's width: 2 px at 256 px
LOW_THRESHOLD, HIGH_THRESHOLD = 0.1, 0.2  # of the Sobel gradient of a picture in 0..1
SHORTEST_STROKE_PX = 5  # nobody draws less


def canny(rgb: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Canny's edges of the known part of a picture.

    rgb: uint8 (H, W, 3); known: bool (H, W), everything if None. Returns bool (H, W), False where not known. Missing
    pixels have no influence, and the hole's own contour makes no edge.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sigma = SIGMA_SHARE * rgb.shape[1]
    if known is None:
        smooth = cv2.GaussianBlur(grey, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    else:
        weight = known.astype(np.float32)
        blur = lambda values: cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        smooth = blur(grey * weight) / np.maximum(blur(weight), 1e-3)
    gradients = [
        cv2.Sobel(smooth, cv2.CV_32F, *order, borderType=cv2.BORDER_REPLICATE) for order in ((1, 0), (0, 1))
    ]
    if known is not None:
        # Next to the hole a gradient, and one pixel further on a maximum of it, would be the hole's, not the scene's.
        trusted = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
        gradients = [gradient * trusted for gradient in gradients]
    across, down = (np.rint(gradient).astype(np.int16) for gradient in gradients)
    edges = cv2.Canny(across, down, 255 * LOW_THRESHOLD, 255 * HIGH_THRESHOLD, L2gradient=True) > 0
    if known is not None:
        edges &= cv2.erode(known.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    return edges


def sketch(edges: np.ndarray, hole: np.ndarray, sketch_share: float, rng: Generator) -> np.ndarray:
    """Some of the strokes, bool (H, W), that a picture's edges, bool (H, W), form inside the hole, bool (H, W).

    Connected edges are one stroke; each is drawn or not, and none at all but with probability sketch_share (Yu et al.,
    ICCV 2019, section 3.4, where edges of the picture stand for a user's lines, too).
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (edges & hole).astype(np.uint8), connectivity=8
    )
    share = rng.random() if rng.random() < sketch_share else 0.0
    drawn = (rng.random(count) < share) & (stats[:, cv2.CC_STAT_AREA] >= SHORTEST_STROKE_PX)
    drawn[0] = False  # the background's label
    return drawn[labels]

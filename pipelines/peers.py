"""What a restored picture must beat: fills that anybody can have without training anything.

Each takes a picture, uint8 (H, W, 3), and its hole, bool (H, W), and returns uint8 (H, W, 3), equal to the picture
outside the hole.
"""

import importlib.util
from collections.abc import Callable

import cv2
import numpy as np

TELEA_RADIUS_PX = 5
PATCH_RADIUS_PX = (
    3  # patches of 7 x 7 pixels, as in the paper; the package's default of 31 x 31 is for large photos
)

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]


def fill_with_mean(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The mean colour of the known pixels."""
    filled = rgb.copy()
    filled[hole] = np.rint(rgb[~hole].mean(axis=0))
    return filled


def fill_with_telea(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fast marching (Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004)."""
    blank = fill_with_mean(rgb, hole)  # OpenCV looks at a few missing pixels, too
    return np.asarray(cv2.inpaint(blank, hole.astype(np.uint8), TELEA_RADIUS_PX, cv2.INPAINT_TELEA))


def fill_with_navier_stokes(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Bertalmio et al., "Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting", CVPR 2001."""
    blank = fill_with_mean(rgb, hole)
    return np.asarray(cv2.inpaint(blank, hole.astype(np.uint8), TELEA_RADIUS_PX, cv2.INPAINT_NS))


def fill_with_frequencies(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Frequency selective reconstruction, the fast one of opencv-contrib (Genser et al., MMSP 2018)."""
    known = (~hole).astype(np.uint8) * 255
    filled = np.empty_like(rgb)
    cv2.xphoto.inpaint(
        fill_with_mean(rgb, hole)[..., ::-1].copy(), known, filled, cv2.xphoto.INPAINT_FSR_FAST
    )
    return np.where(hole[..., None], filled[..., ::-1], rgb)


def fill_with_patches(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """PatchMatch (Barnes et al., SIGGRAPH 2009), the package pypatchmatch."""
    from patchmatch import patch_match

    patch_match.set_random_seed(0)
    missing = hole.astype(np.uint8)[..., None] * 255
    filled = patch_match.inpaint(np.ascontiguousarray(rgb), missing, patch_size=PATCH_RADIUS_PX)
    return np.where(hole[..., None], filled, rgb)


def peers() -> dict[str, Fill]:
    """The quick ones of those that this machine has, by name."""
    fills: dict[str, Fill] = {"mean colour": fill_with_mean, "Telea": fill_with_telea}
    if importlib.util.find_spec("patchmatch"):
        fills["pypatchmatch"] = fill_with_patches
    return fills


def all_peers() -> dict[str, Fill]:
    """All that this machine has, by name; some take minutes for a large hole."""
    return {**peers(), "Navier-Stokes": fill_with_navier_stokes, "FSR fast": fill_with_frequencies}

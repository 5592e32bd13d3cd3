"""The classical fallback: Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004."""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.window import Window

MAX_SIDE_PX = 512  # fast marching is slow and no better on more pixels
RADIUS_PX = 5


class TeleaInpainter:
    name = "telea"

    def restore(self, rgb: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """See `effect.inpaint.Inpainter.restore`."""
        if not hole.any():
            return rgb.copy()
        window = Window.around(hole)
        small, missing = window.shrink(rgb, hole, MAX_SIDE_PX, multiple=1)
        painted = cv2.inpaint(small, missing.astype(np.uint8), RADIUS_PX, cv2.INPAINT_TELEA)
        return window.paste(rgb, hole, window.enlarge(np.asarray(painted, np.uint8)))

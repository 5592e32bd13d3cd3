"""The classical fallback: Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004."""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.membrane import match_rim
from effect.inpaint.window import Window

MAX_SIDE_PX = 512  # fast marching is slow and no better on more pixels
RADIUS_PX = 5


class TeleaInpainter:
    name = "telea"

    def close(self) -> None:
        """Nothing is held."""

    def restore(
        self,
        rgb: NDArray[np.uint8],
        hole: NDArray[np.bool_],
        avoid: NDArray[np.bool_] | None = None,
        sketch: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.uint8]:
        """See `effect.inpaint.Inpainter.restore`; nothing is copied and no stroke followed, whatever is asked."""
        if not hole.any():
            return rgb.copy()
        window = Window.around(hole)
        small, missing = window.shrink(rgb, hole, MAX_SIDE_PX, multiple=1)
        large = window.enlarge(march(small, missing))
        return window.paste(rgb, hole, match_rim(window.of(rgb), large, window.of(hole)))


def march(rgb: NDArray[np.uint8], missing: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture (h, w, 3), its known colours spread into what is missing (h, w)."""
    spread = cv2.inpaint(rgb, missing.astype(np.uint8), RADIUS_PX, cv2.INPAINT_TELEA)
    return np.asarray(spread, np.uint8)

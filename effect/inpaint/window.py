"""The part of a photo that an inpainter works on: the hole and as much of its surroundings again."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError

CONTEXT_SHARE = 0.5  # of the hole's box, added on every side


@dataclass(frozen=True)
class Window:
    """A box in photo pixels: rows top to bottom, columns left to right, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def around(cls, hole: NDArray[np.bool_]) -> Self:
        """The box of the hole with its context, as far as the photo reaches. Raises UserError if all is hole."""
        if hole.all():
            raise UserError(
                "the person fills the whole photo: nothing of the background is left to restore it from"
            )
        rows, columns = np.nonzero(hole.any(axis=1))[0], np.nonzero(hole.any(axis=0))[0]
        # A side of context as long as the hole's longer side keeps narrow people from getting a narrow strip.
        margin = int(CONTEXT_SHARE * max(np.ptp(rows), np.ptp(columns))) + 16
        top, bottom = max(0, rows[0] - margin), min(hole.shape[0], rows[-1] + 1 + margin)
        left, right = max(0, columns[0] - margin), min(hole.shape[1], columns[-1] + 1 + margin)
        return cls(int(top), int(bottom), int(left), int(right))

    def of(self, picture: NDArray) -> NDArray:
        """The window's part of a picture, a view."""
        return picture[self.top : self.bottom, self.left : self.right]

    def shrink(
        self, rgb: NDArray[np.uint8], hole: NDArray[np.bool_], max_side_px: int, multiple: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The window at most `max_side_px` long, sides rounded to a multiple: RGB and hole.

        A small pixel counts as hole when any of what it covers is missing; two more pixels around keep the
        person's colours, which resizing mixes into their neighbours, out of what counts as known.
        """
        height, width = self.bottom - self.top, self.right - self.left
        scale = min(1.0, max_side_px / max(height, width))
        size = [max(multiple, round(side * scale / multiple) * multiple) for side in (width, height)]
        small = np.asarray(cv2.resize(self.of(rgb), size, interpolation=cv2.INTER_AREA), np.uint8)
        coverage = cv2.resize(self.of(hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        grown = cv2.dilate((coverage > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        # Where hardly anything is known, rather mixed colours than none.
        missing = next((mask for mask in (grown, coverage > 0) if not mask.all()), coverage > 0.999)
        return small, missing

    def shrink_strokes(self, strokes: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Strokes (H, W) of the photo as lines one pixel wide in the shrunken window (h, w), as in training."""
        coverage = cv2.resize(self.of(strokes).astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
        return cv2.ximgproc.thinning((coverage > 0).astype(np.uint8) * 255) > 0

    def enlarge(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A shrunken picture at the window's own size again."""
        size = (self.right - self.left, self.bottom - self.top)
        if picture.shape[1::-1] == size:
            return picture
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    def paste(
        self, rgb: NDArray[np.uint8], hole: NDArray[np.bool_], painted: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """The photo with the painted window's pixels in the hole; every known pixel stays as it was."""
        plate = rgb.copy()
        missing = self.of(hole)
        self.of(plate)[missing] = painted[missing]
        return plate

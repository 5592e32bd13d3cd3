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
        self.of(plate)[missing] = match_rim(self.of(rgb), painted, missing)[missing]
        return plate


def match_rim(
    rgb: NDArray[np.uint8], painted: NDArray[np.uint8], hole: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Shift the painted colours smoothly so that they meet the known ones at the hole's edge.

    The difference on the known rim is spread over the hole as a smooth membrane, which is what gradient-domain
    cloning computes (Perez et al., "Poisson Image Editing", 2003; Farbman et al. 2009).
    All three are the window's: uint8 (h, w, 3) twice and bool (h, w). Returns uint8 (h, w, 3).
    """
    rim = cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~hole
    difference = (rgb.astype(np.float32) - painted) * rim[..., None]
    membrane = spread(difference, rim.astype(np.float32))
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
    coarse = spread(halve(values), halve(weights))
    coarse = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.minimum(weights, 1)[..., None]
    return values / np.maximum(weights, 1e-6)[..., None] * share + coarse * (1 - share)

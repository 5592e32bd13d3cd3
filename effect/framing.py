"""How a photo meets the frame: scaled until it covers the frame, then cropped around the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError

DEFAULT_LONG_SIDE_PX = 1920
HEADROOM = 0.06  # share of the frame's height kept above a person who is taller than the frame


@dataclass(frozen=True)
class Framing:
    """Sizes as (width, height): of the photo as read, as scaled for the work, and of the frames (even)."""

    photo_size: tuple[int, int]
    scaled_size: tuple[int, int]
    frame_size: tuple[int, int]


@dataclass(frozen=True)
class Window:
    """The part of the scaled photo that the frames show: left and top corner, width and height in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, array: NDArray) -> NDArray:
        """The window's part of an array (H, W, ...), as a contiguous copy."""
        rows, columns = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
        return np.ascontiguousarray(array[rows, columns])


def framing_of(
    photo_size: tuple[int, int],
    frame_size: tuple[int, int] | None = None,
    longest_px: int = DEFAULT_LONG_SIDE_PX,
) -> Framing:
    """Fit a photo to frames of `frame_size`, or choose the frames' size from the photo.

    Sizes are rounded down to even numbers. By default the photo is only ever made smaller (long side at most
    `longest_px`), and an odd row or column is cropped, not resampled.
    """
    if frame_size is None:
        scaled = shrunk_size(photo_size, longest_px)
        return Framing(photo_size, scaled, _even(scaled))
    frame = _even(frame_size)
    scale = max(frame[0] / photo_size[0], frame[1] / photo_size[1])
    scaled = (max(frame[0], round(photo_size[0] * scale)), max(frame[1], round(photo_size[1] * scale)))
    return Framing(photo_size, scaled, frame)


def cropped_size(photo_size: tuple[int, int], aspect: Fraction, longest_px: int) -> tuple[int, int]:
    """Size of the largest part of the photo that is `aspect` times as wide as tall, shrunk to `longest_px`."""
    width, height = photo_size
    cropped = (width, round(width / aspect)) if width < height * aspect else (round(height * aspect), height)
    return shrunk_size(cropped, longest_px)


def shrunk_size(size: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """The size, made smaller in proportion where its longer side passes `longest_px`."""
    scale = min(1.0, longest_px / max(size))
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))


def scale_picture(rgb: NDArray[np.uint8], framing: Framing) -> NDArray[np.uint8]:
    """A picture of the photo's size, RGB uint8 (H, W, 3), at the scaled size."""
    if framing.scaled_size == framing.photo_size:
        return rgb
    scaled = cv2.resize(rgb, framing.scaled_size, interpolation=_interpolation(framing))
    return np.asarray(scaled, np.uint8)


def scale_mask(mask: NDArray[np.bool_], framing: Framing) -> NDArray[np.bool_]:
    """A mask of the photo's size, bool (H, W), at the scaled size."""
    if framing.scaled_size == framing.photo_size:
        return mask
    coverage = mask.astype(np.uint8) * 255
    return cv2.resize(coverage, framing.scaled_size, interpolation=_interpolation(framing)) >= 128


def scale_alpha(alpha: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A matte's alpha, float32 (H, W), at `size` (width, height)."""
    if alpha.shape == size[::-1]:
        return alpha
    smaller = size[0] < alpha.shape[1]
    scaled = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.asarray(scaled, np.float32)


def scale_hole(hole: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A hole, bool (H, W), at `size`; any coverage counts as hole, or a rim of the person would stay."""
    return scale_alpha(hole.astype(np.float32), size) > 0


def scale_points(points: Sequence[tuple[int, int]], framing: Framing) -> list[tuple[int, int]]:
    """Pixels (x, y) of the photo at the scaled size; UserError for a point outside the photo."""
    width, height = framing.photo_size
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            raise UserError(f"--at {x},{y} lies outside the photo, which is {width}x{height} pixels")
    across, down = framing.scaled_size[0] / width, framing.scaled_size[1] / height
    return [(int((x + 0.5) * across), int((y + 0.5) * down)) for x, y in points]


def window_around(alpha: NDArray[np.float32], framing: Framing) -> Window:
    """Where to crop the scaled photo so that the person, alpha float32 (H, W), stands well in the frame.

    The person's box is centred where it fits; a wider one is centred on its mass, of a taller one the head
    stays.
    """
    width, height = framing.frame_size
    person = alpha >= 0.5 if (alpha >= 0.5).any() else alpha > 0
    if not person.any():
        person = np.ones_like(alpha, bool)
    columns, rows = np.flatnonzero(person.any(axis=0)), np.flatnonzero(person.any(axis=1))
    centre_x, centre_y = (columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2
    if columns[-1] + 1 - columns[0] > width:
        centre_x = float(np.average(np.arange(alpha.shape[1]) + 0.5, weights=person.sum(axis=0)))
    if rows[-1] + 1 - rows[0] > height * (1 - HEADROOM):
        centre_y = rows[0] + height * (0.5 - HEADROOM)
    return Window(
        left=_clamped(centre_x - width / 2, alpha.shape[1] - width),
        top=_clamped(centre_y - height / 2, alpha.shape[0] - height),
        width=width,
        height=height,
    )


def _interpolation(framing: Framing) -> int:
    return cv2.INTER_AREA if framing.scaled_size[0] < framing.photo_size[0] else cv2.INTER_CUBIC


def _clamped(start: float, largest: int) -> int:
    return min(max(round(start), 0), largest)


def _even(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] // 2 * 2, size[1] // 2 * 2

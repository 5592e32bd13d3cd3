"""RGB to the planes that video encoders take: 4:2:0, studio range, ITU-R BT.709-6, section 3.

Compiled by numba: the encoder waits for this once per frame.
"""

import numpy as np
from numpy.typing import NDArray

from effect.compiled import compiled
from effect.species import LUMA

LUMA_REACH, LUMA_BLACK = 219 / 255, 16  # 8-bit studio range puts luma in 16-235 ...
CHROMA_REACH, CHROMA_GREY = 224 / 255, 128  # ... and chroma in 16-240
_TO_LUMA = (LUMA * LUMA_REACH).astype(np.float32)
_TO_BLUE = ((np.array([0, 0, 1]) - LUMA) / (2 * (1 - LUMA[2])) * CHROMA_REACH).astype(np.float32)
_TO_RED = ((np.array([1, 0, 0]) - LUMA) / (2 * (1 - LUMA[0])) * CHROMA_REACH).astype(np.float32)


def yuv420_bt709(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3), even sizes, as planar 4:2:0 studio-range BT.709: Y, then U, then V, uint8 (H * W * 3 / 2,).

    A chroma sample is the mean of its four pixels, so it sits in their centre, as the stream is tagged.
    """
    height, width = rgb.shape[:2]
    levels = np.ascontiguousarray(rgb).reshape(height, 3 * width)  # see effect.pixels
    planes = np.empty(height * width * 3 // 2, np.uint8)
    luma, blue, red = np.split(planes, [height * width, height * width * 5 // 4])
    _fill_luma(levels, luma.reshape(height, width), _TO_LUMA)
    half = height // 2, width // 2
    _fill_chroma(levels, blue.reshape(half), red.reshape(half), _TO_BLUE, _TO_RED)
    return planes


@compiled
def _fill_luma(levels, luma, weights):  # type: ignore[no-untyped-def]
    of_red, of_green, of_blue = weights[0], weights[1], weights[2]
    rounded = np.float32(LUMA_BLACK + 0.5)
    for row in range(np.uint64(luma.shape[0])):
        for column in range(np.uint64(luma.shape[1])):
            at = np.uint64(3) * column
            red, green = np.float32(levels[row, at]), np.float32(levels[row, at + np.uint64(1)])
            blue = np.float32(levels[row, at + np.uint64(2)])
            luma[row, column] = np.uint8(np.int32(of_red * red + of_green * green + of_blue * blue + rounded))


@compiled
def _fill_chroma(levels, blues, reds, to_blue, to_red):  # type: ignore[no-untyped-def]
    red_in_blue, green_in_blue, blue_in_blue = to_blue[0] / 4, to_blue[1] / 4, to_blue[2] / 4
    red_in_red, green_in_red, blue_in_red = to_red[0] / 4, to_red[1] / 4, to_red[2] / 4
    rounded = np.float32(CHROMA_GREY + 0.5)
    for row in range(np.uint64(blues.shape[0])):
        upper, lower = np.uint64(2) * row, np.uint64(2) * row + np.uint64(1)
        for column in range(np.uint64(blues.shape[1])):
            at = np.uint64(6) * column
            red = _four(levels, upper, lower, at)
            green = _four(levels, upper, lower, at + np.uint64(1))
            blue = _four(levels, upper, lower, at + np.uint64(2))
            bluish = red_in_blue * red + green_in_blue * green + blue_in_blue * blue + rounded
            reddish = red_in_red * red + green_in_red * green + blue_in_red * blue + rounded
            blues[row, column] = np.uint8(np.int32(bluish))
            reds[row, column] = np.uint8(np.int32(reddish))


@compiled
def _four(levels, upper, lower, at):  # type: ignore[no-untyped-def]
    """The sum of one channel over two by two pixels."""
    beside = at + np.uint64(3)
    above = np.int32(levels[upper, at]) + np.int32(levels[upper, beside])
    return np.float32(np.int32(above + np.int32(levels[lower, at]) + np.int32(levels[lower, beside])))

"""The innermost loops: parts of a butterfly onto a tile, and the tile onto the frame, many pixels at once.

With `prange`, numba promises the compiler that the arrays of a loop do not overlap. Only then, with C-contiguous
arrays, unsigned indices and numbers of 32 bits, does it compute 8 or 16 pixels with one instruction: up to five times
as fast.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from math import sqrt
from threading import Lock

import numpy as np
from numba import njit, prange, set_num_threads, threading_layer

from effect.species import LUMA

F32, I32, U32, U64 = np.float32, np.int32, np.uint32, np.uint64
ZERO, HALF, ONE, FULL, PER_LEVEL = F32(0), F32(0.5), F32(1), F32(255), F32(1 / 255)
EVERY_OTHER_BYTE, BYTE, TWO_BYTES = U32(0x00FF00FF), U32(0xFF), U32(0xFFFF)
LUMA_RED, LUMA_GREEN, LUMA_BLUE = (F32(weight) for weight in LUMA)
CLOTH_BRIGHTEST = F32(1.2)  # pattern, relative to the wing's mean: white rings would stare from a face
CLOTH_PATTERN = F32(0.35)  # share of the wing's light and dark that stays visible in it

compiled = njit(cache=True, nogil=True, error_model="numpy")  # numpy: dividing by 0 is no error
by_rows = njit(cache=True, nogil=True, error_model="numpy", parallel=True)
# Of this thread: frames are drawn at the same time (see effect.ahead), not rows of one frame.
set_num_threads(1)


@contextmanager
def drawing() -> Iterator[None]:
    """Surrounds the drawing of one frame, in any thread."""
    set_num_threads(1)
    with _turn():
        yield


@cache
def _turn() -> AbstractContextManager[object]:
    """A lock where numba has nothing better than its own "workqueue", which ends the process if two threads use it."""
    _start_threads(np.zeros(1))
    return Lock() if threading_layer() == "workqueue" else nullcontext()


@by_rows
def _start_threads(numbers):  # type: ignore[no-untyped-def]
    """The first such loop makes numba choose how to run them."""
    for index in prange(len(numbers)):
        numbers[index] = 1


@by_rows
def lay(  # type: ignore[no-untyped-def]
    tile,
    spans,
    to_texels,
    face,
    glow,
    flash,
    size,
    shine,
    shimmer,
    ramp,
    gain,
    haze,
    cloth,
    cloth_size,
    to_cloth,
    cover,
    per_luma,
):
    """Lay one part of a butterfly over what is in the spans of a tile, in place.

    tile: uint32 (h, w) premultiplied RGBA; spans: int64 (h, 2) columns [first, last) of each row;
    to_texels: (3, 3) tile pixels -> texels, homogeneous;
    face, glow, flash: uint32 (height * width,) RGBA textures, size is their (width, height);
    shine, shimmer: how much of glow and flash to add to the face;
    ramp: x and y of the hinge in texels, parts of the way to the tip that one texel across and one down are, and the
    change of brightness at the tip;
    gain, haze: by what to multiply red, green and blue, and what to add to them, of full alpha;
    cloth: uint32 (height * width,) RGBA, cloth_size is its (width, height); to_cloth: (2, 3) texels -> its pixels;
    cover: how much of the cloth is to be seen, 0-1; per_luma: 1 / the wing's mean luma.
    """
    last_x, last_y = F32(size[0] - 1.001), F32(size[1] - 1.001)
    width, cloth_width = I32(size[0]), I32(cloth_size[0])
    end_x, end_y = F32(max(cloth_size[0] - 1.001, 0)), F32(max(cloth_size[1] - 1.001, 0))
    # Numba hands single numbers on to `prange` as they are, but not tuples.
    step_x, step_y, step_w = F32(to_texels[0, 0]), F32(to_texels[1, 0]), F32(to_texels[2, 0])
    hinge_x, hinge_y, ramp_x, ramp_y = F32(ramp[0]), F32(ramp[1]), F32(ramp[2]), F32(ramp[3])
    tip_change, shine, shimmer, cover = F32(ramp[4]), F32(shine), F32(shimmer), F32(cover)
    red_gain, green_gain, blue_gain = F32(gain[0]), F32(gain[1]), F32(gain[2])
    red_haze, green_haze, blue_haze = F32(haze[0]), F32(haze[1]), F32(haze[2])
    cloth_xx, cloth_xy, cloth_x = F32(to_cloth[0, 0]), F32(to_cloth[0, 1]), F32(to_cloth[0, 2])
    cloth_yx, cloth_yy, cloth_y = F32(to_cloth[1, 0]), F32(to_cloth[1, 1]), F32(to_cloth[1, 2])
    per_luma = F32(per_luma)
    for line in prange(len(spans)):
        row = U64(line)
        start_x = F32(to_texels[0, 1] * line + to_texels[0, 2])
        start_y = F32(to_texels[1, 1] * line + to_texels[1, 2])
        start_w = F32(to_texels[2, 1] * line + to_texels[2, 2])
        for column in range(U64(spans[line, 0]), U64(spans[line, 1])):
            along = F32(I32(column))
            depth = ONE / (start_w + step_w * along)
            # Where a span is longer than the texture, its empty border is sampled. max(0, nan) is 0: nothing leads out.
            x = min(max(ZERO, (start_x + step_x * along) * depth), last_x)
            y = min(max(ZERO, (start_y + step_y * along) * depth), last_y)
            at = _neighbours(x, y, width)
            weights = _weights(x, y)
            red, green, blue, alpha = _sample(face[at[0]], face[at[1]], face[at[2]], face[at[3]], weights)
            if shine > ZERO:
                more = _sample(glow[at[0]], glow[at[1]], glow[at[2]], glow[at[3]], weights)
                red, green, blue = red + shine * more[0], green + shine * more[1], blue + shine * more[2]
            if shimmer != ZERO:
                more = _sample(flash[at[0]], flash[at[1]], flash[at[2]], flash[at[3]], weights)
                red, green, blue = (
                    red + shimmer * more[0],
                    green + shimmer * more[1],
                    blue + shimmer * more[2],
                )
            away_x, away_y = (x - hinge_x) * ramp_x, (y - hinge_y) * ramp_y
            lit = ONE + tip_change * min(F32(sqrt(away_x * away_x + away_y * away_y)), ONE)
            red, green, blue = red * lit, green * lit, blue * lit
            if cover > ZERO:
                on_x = min(max(ZERO, cloth_xx * x + cloth_xy * y + cloth_x), end_x)
                on_y = min(max(ZERO, cloth_yx * x + cloth_yy * y + cloth_y), end_y)
                at = _neighbours(on_x, on_y, cloth_width)
                cut = _sample(cloth[at[0]], cloth[at[1]], cloth[at[2]], cloth[at[3]], _weights(on_x, on_y))
                luma = LUMA_RED * red + LUMA_GREEN * green + LUMA_BLUE * blue
                pattern = min(luma * per_luma, CLOTH_BRIGHTEST * alpha)
                shown = (CLOTH_PATTERN * pattern + (ONE - CLOTH_PATTERN) * alpha) * PER_LEVEL
                red += cover * (shown * cut[0] - red)
                green += cover * (shown * cut[1] - green)
                blue += cover * (shown * cut[2] - blue)
            behind = _channels(tile[row, column])
            kept = ONE - alpha * PER_LEVEL
            tile[row, column] = _packed(
                red * red_gain + alpha * red_haze + behind[0] * kept,
                green * green_gain + alpha * green_haze + behind[1] * kept,
                blue * blue_gain + alpha * blue_haze + behind[2] * kept,
                alpha + behind[3] * kept,
            )


@by_rows
def blend(frame, left, top, tile, painted, opacity, grain):  # type: ignore[no-untyped-def]
    """Blend what was painted into a tile into uint8 (H,W,3) in place; the tile may reach out of the frame.

    grain: float32 (n,n), n a power of 2, repeated over the frame, added where the tile covers it.
    """
    share, repeat = F32(opacity), U64(len(grain) - 1)
    levels = frame.reshape(len(frame), -1)  # numba does not know that the last axis of the frame is 3 long
    first_row, last_row = max(top, 0), min(top + tile.shape[0], frame.shape[0])
    for line in prange(max(last_row - first_row, 0)):
        row, tile_row = U64(first_row + line), U64(first_row + line - top)
        first = max(left + painted[tile_row, 0], 0)
        last = max(min(left + painted[tile_row, 1], frame.shape[1]), first)
        for column in range(U64(first), U64(last)):
            red, green, blue, alpha = _channels(tile[tile_row, U64(column - left)])
            cover = alpha * share * PER_LEVEL
            noise = cover * grain[row & repeat, column & repeat] + HALF
            kept = ONE - cover
            at = U64(3) * column
            for channel, level in enumerate((red, green, blue)):
                under = F32(levels[row, at + U64(channel)])
                levels[row, at + U64(channel)] = byte(under * kept + level * share + noise)


@compiled
def _neighbours(x, y, width):  # type: ignore[no-untyped-def]
    """Where a texel and its neighbours to the right, below, and both lie in a texture of this width."""
    here = U32(I32(y) * width + I32(x))
    below = U32(here + U32(width))
    return here, U32(here + U32(1)), below, U32(below + U32(1))


@compiled
def _weights(x, y):  # type: ignore[no-untyped-def]
    """Bilinear weights of these four; they add up to 256."""
    right = U32(I32((x - F32(I32(x))) * F32(256) + HALF))
    below = U32(I32((y - F32(I32(y))) * F32(256) + HALF))
    both = U32(U32(right * below + U32(128)) >> U32(8))
    return U32(U32(256) - right - below + both), U32(right - both), U32(below - both), both


@compiled
def _sample(here, right, below, both, weights):  # type: ignore[no-untyped-def]
    """Red, green, blue, alpha, 0-255, between four neighbouring RGBA texels.

    Two channels at a time: each has 16 bits of a number, so that one multiplication weighs both.
    """
    red_and_blue = _weighed(here, right, below, both, weights)
    one = U32(8)
    green_and_alpha = _weighed(
        U32(here >> one), U32(right >> one), U32(below >> one), U32(both >> one), weights
    )
    scale, high = F32(1 / 256), U32(16)
    return (
        F32(I32(red_and_blue & TWO_BYTES)) * scale,
        F32(I32(green_and_alpha & TWO_BYTES)) * scale,
        F32(I32(red_and_blue >> high)) * scale,
        F32(I32(green_and_alpha >> high)) * scale,
    )


@compiled
def _weighed(here, right, below, both, weights):  # type: ignore[no-untyped-def]
    return U32(
        U32((here & EVERY_OTHER_BYTE) * weights[0])
        + U32((right & EVERY_OTHER_BYTE) * weights[1])
        + U32((below & EVERY_OTHER_BYTE) * weights[2])
        + U32((both & EVERY_OTHER_BYTE) * weights[3])
    )


@compiled
def _channels(rgba):  # type: ignore[no-untyped-def]
    """Red, green, blue, alpha, 0-255, of a packed pixel."""
    return (
        F32(I32(rgba & BYTE)),
        F32(I32((rgba >> U32(8)) & BYTE)),
        F32(I32((rgba >> U32(16)) & BYTE)),
        F32(I32(rgba >> U32(24))),
    )


@compiled
def _packed(red, green, blue, alpha):  # type: ignore[no-untyped-def]
    low = U32(_whole(red) | U32(_whole(green) << U32(8)))
    high = U32(_whole(blue) | U32(_whole(alpha) << U32(8)))
    return U32(low | U32(high << U32(16)))


@compiled
def _whole(level):  # type: ignore[no-untyped-def]
    """The nearest whole level, 0-255."""
    return U32(I32(min(max(ZERO, level), FULL) + HALF))


@compiled
def byte(level):  # type: ignore[no-untyped-def]
    return np.uint8(I32(min(max(ZERO, level), FULL)))

"""The innermost loops: parts of a butterfly onto a tile, and the tile onto the frame: see `effect.compiled`."""

from math import sqrt

import numpy as np
from numba import prange

from effect.compiled import by_rows, compiled
from effect.species import LUMA

F32, I32, U32, U64 = np.float32, np.int32, np.uint32, np.uint64
ZERO, HALF, ONE, FULL, PER_LEVEL = F32(0), F32(0.5), F32(1), F32(255), F32(1 / 255)
EVERY_OTHER_BYTE, BYTE, TWO_BYTES = U32(0x00FF00FF), U32(0xFF), U32(0xFFFF)
POSITIVE = U32(0x7FFFFFFF)
LUMA_RED, LUMA_GREEN, LUMA_BLUE = (F32(weight) for weight in LUMA)
CLOTH_BRIGHTEST = F32(1.2)  # pattern, relative to the wing's mean: white rings would stare from a face
CLOTH_PATTERN = F32(0.35)  # share of the wing's light and dark that stays visible in it


@by_rows
def lay(  # type: ignore[no-untyped-def]
    tile,
    spans,
    to_texels,
    size,
    face,
    ramp,
    gain,
    haze,
    glow,
    flash,
    shine,
    shimmer,
    cloth,
    cloth_size,
    to_cloth,
    cover,
    per_luma,
):
    """Lay one part of a butterfly over what is in the spans of a tile, in place.

    tile: uint32 (h, w) premultiplied RGBA; spans: int64 (h, 2) columns [first, last) of each row;
    to_texels: (3, 3) tile pixels -> texels, homogeneous;
    face: uint32 (height * width,) RGBA texture, size is its (width, height);
    ramp: x and y of the hinge in texels, parts of the way to the tip that one texel across and one down are, and the
    change of brightness at the tip;
    gain, haze: by what to multiply red, green and blue, and what to add to them, of full alpha;
    glow, flash: textures like the face, or None; shine, shimmer: how much of each to add to the face;
    cloth: uint32 (height * width,) RGBA, or None, cloth_size its (width, height); to_cloth: (2, 3) texels -> pixels of
    it; cover: how much of the cloth is to be seen, 0-1; per_luma: 1 / the wing's mean luma.
    What is None is left out when numba compiles this, once for each kind of call.
    """
    last_x, last_y = F32(size[0] - 1.001), F32(size[1] - 1.001)
    width = I32(size[0])
    # Numba hands single numbers on to `prange` as they are, but not tuples.
    step_x, step_y, step_w = F32(to_texels[0, 0]), F32(to_texels[1, 0]), F32(to_texels[2, 0])
    hinge_x, hinge_y, ramp_x, ramp_y = F32(ramp[0]), F32(ramp[1]), F32(ramp[2]), F32(ramp[3])
    tip_change = F32(ramp[4])
    red_gain, green_gain, blue_gain = F32(gain[0]), F32(gain[1]), F32(gain[2])
    red_haze, green_haze, blue_haze = F32(haze[0]), F32(haze[1]), F32(haze[2])
    shine, shimmer, cover, per_luma = F32(shine), F32(shimmer), F32(cover), F32(per_luma)
    cloth_width = I32(cloth_size[0])
    end_x, end_y = F32(max(cloth_size[0] - 1.001, 0)), F32(max(cloth_size[1] - 1.001, 0))
    cloth_xx, cloth_xy, cloth_x = F32(to_cloth[0, 0]), F32(to_cloth[0, 1]), F32(to_cloth[0, 2])
    cloth_yx, cloth_yy, cloth_y = F32(to_cloth[1, 0]), F32(to_cloth[1, 1]), F32(to_cloth[1, 2])
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
            red, green, blue, alpha = _sample(face, at, weights)
            if glow is not None:
                more = _sample(glow, at, weights)
                red, green, blue = red + shine * more[0], green + shine * more[1], blue + shine * more[2]
            if flash is not None:
                more = _sample(flash, at, weights)
                red, green, blue = (
                    red + shimmer * more[0],
                    green + shimmer * more[1],
                    blue + shimmer * more[2],
                )
            away_x, away_y = (x - hinge_x) * ramp_x, (y - hinge_y) * ramp_y
            lit = ONE + tip_change * min(F32(sqrt(away_x * away_x + away_y * away_y)), ONE)
            red, green, blue = red * lit, green * lit, blue * lit
            if cloth is not None:
                on_x = min(max(ZERO, cloth_xx * x + cloth_xy * y + cloth_x), end_x)
                on_y = min(max(ZERO, cloth_yx * x + cloth_yy * y + cloth_y), end_y)
                cut = _sample(cloth, _neighbours(on_x, on_y, cloth_width), _weights(on_x, on_y))
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
def average(tiles, painted):  # type: ignore[no-untyped-def]
    """Put the mean of all tiles, uint32 (n, h, w), into the first one, where something is painted: see `lay`."""
    share, width = F32(1 / len(tiles)), tiles.shape[2]
    for line in prange(tiles.shape[1]):
        row, first, last = U64(line), U64(painted[line, 0]), U64(painted[line, 1])
        red_and_blue, green_and_alpha = np.zeros(width, np.uint32), np.zeros(width, np.uint32)
        for number in range(U64(len(tiles))):
            for column in range(first, last):
                rgba = tiles[number, row, column]
                red_and_blue[column] += rgba & EVERY_OTHER_BYTE
                green_and_alpha[column] += (rgba >> U32(8)) & EVERY_OTHER_BYTE
        for column in range(first, last):
            low, high = red_and_blue[column], green_and_alpha[column]
            tiles[0, row, column] = _packed(
                F32(I32(low & TWO_BYTES)) * share,
                F32(I32(high & TWO_BYTES)) * share,
                F32(I32(low >> U32(16))) * share,
                F32(I32(high >> U32(16))) * share,
            )


@by_rows
def blend(frame, left, top, tile, painted, opacity, grain):  # type: ignore[no-untyped-def]
    """Blend what was painted into a tile into uint8 (H,W,3) in place; the tile may reach out of the frame.

    grain: float32 (n,W), n a power of 2, repeated down the frame, added where the tile covers it.
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
            noise = cover * grain[row & repeat, column] + HALF
            kept = ONE - cover
            at = U64(3) * column
            for channel, level in enumerate((red, green, blue)):
                under = F32(levels[row, at + U64(channel)])
                levels[row, at + U64(channel)] = byte(under * kept + level * share + noise)


@compiled
def _neighbours(x, y, width):  # type: ignore[no-untyped-def]
    """Where a texel and its neighbours to the right, below, and both lie in a texture of this width."""
    # Below 2^31, says the mask, so that a compiler need not widen the places to 64 bits to look there.
    here = U32(I32(y) * width + I32(x)) & POSITIVE
    below = U32(here + U32(width)) & POSITIVE
    return here, U32(here + U32(1)) & POSITIVE, below, U32(below + U32(1)) & POSITIVE


@compiled
def _weights(x, y):  # type: ignore[no-untyped-def]
    """Bilinear weights of these four; they add up to 256."""
    right = U32(I32((x - F32(I32(x))) * F32(256) + HALF))
    below = U32(I32((y - F32(I32(y))) * F32(256) + HALF))
    both = U32(U32(right * below + U32(128)) >> U32(8))
    return U32(U32(256) - right - below + both), U32(right - both), U32(below - both), both


@compiled
def _sample(texture, at, weights):  # type: ignore[no-untyped-def]
    """Red, green, blue, alpha, 0-255, between four neighbouring RGBA texels.

    Two channels at a time: each has 16 bits of a number, so that one multiplication weighs both.
    """
    here, right, below, both = texture[at[0]], texture[at[1]], texture[at[2]], texture[at[3]]
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

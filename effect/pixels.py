"""The innermost loops: parts of a butterfly onto a tile, and the tile onto the frame: see `effect.compiled`."""

from math import sqrt

import numpy as np

from effect.compiled import compiled, unaliased
from effect.species import LUMA

F32, I32, U32, U64 = np.float32, np.int32, np.uint32, np.uint64
ZERO, HALF, ONE, FULL, PER_LEVEL = F32(0), F32(0.5), F32(1), F32(255), F32(1 / 255)
EVERY_OTHER_BYTE, BYTE, TWO_BYTES = U32(0x00FF00FF), U32(0xFF), U32(0xFFFF)
HALVES = U32(0x00800080)
FRACTIONS = F32(256)
LUMA_RED, LUMA_GREEN, LUMA_BLUE = (F32(weight) for weight in LUMA)
CLOTH_BRIGHTEST = F32(1.2)  # pattern, relative to the wing's mean: white rings would stare from a face
CLOTH_PATTERN = F32(0.35)  # share of the wing's light and dark that stays visible in it


@unaliased
def dress(  # type: ignore[no-untyped-def]
    worn,
    size,
    visible,
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
    """Fill `worn`, premultiplied RGBA, uint32 (height * width,), with a part of a butterfly as it looks in this light.

    size: (width, height); visible: int32 (height, 2) columns [first, last) of each row that the textures fill;
    face: a texture like `worn`;
    ramp: x and y of the hinge in texels, parts of the way to the tip that one texel across and one down are, and the
    change of brightness at the tip;
    gain, haze: by what to multiply red, green and blue, and what to add to them, of full alpha;
    glow, flash: textures like the face, or None; shine, shimmer: how much of each to add to the face;
    cloth: uint32 (height * width,) RGBA, or None, cloth_size its (width, height); to_cloth: (2, 3) texels -> pixels of
    it; cover: how much of the cloth is to be seen, 0-1; per_luma: 1 / the wing's mean luma.
    What is None is left out when numba compiles this, once for each kind of call.
    """
    width = U64(size[0])
    places, fractions, corners = _room(width)
    hinge_x, hinge_y, ramp_x, ramp_y = F32(ramp[0]), F32(ramp[1]), F32(ramp[2]), F32(ramp[3])
    tip_change = F32(ramp[4])
    red_gain, green_gain, blue_gain = F32(gain[0]), F32(gain[1]), F32(gain[2])
    red_haze, green_haze, blue_haze = F32(haze[0]), F32(haze[1]), F32(haze[2])
    shine, shimmer, cover, per_luma = F32(shine), F32(shimmer), F32(cover), F32(per_luma)
    for line in range(size[1]):
        start, first, last = U64(line) * width, U64(visible[line, 0]), U64(visible[line, 1])
        if cloth is not None:
            _find_cut(places, fractions, first, last, line, to_cloth, cloth_size)
            _look_up(corners, cloth, places, first, last, cloth_size[0])
        worn[start : start + width] = 0
        away_y = (F32(line) - hinge_y) * ramp_y
        for column in range(first, last):
            red, green, blue, alpha = _channels(face[start + column])
            if glow is not None:
                more = _channels(glow[start + column])
                red, green, blue = red + shine * more[0], green + shine * more[1], blue + shine * more[2]
            if flash is not None:
                more = _channels(flash[start + column])
                red, green, blue = (
                    red + shimmer * more[0],
                    green + shimmer * more[1],
                    blue + shimmer * more[2],
                )
            away_x = (F32(I32(column)) - hinge_x) * ramp_x
            lit = ONE + tip_change * min(F32(sqrt(away_x * away_x + away_y * away_y)), ONE)
            red, green, blue = red * lit, green * lit, blue * lit
            if cloth is not None:
                cut = _channels(_joined(_between(corners, column, fractions[column])))
                luma = LUMA_RED * red + LUMA_GREEN * green + LUMA_BLUE * blue
                pattern = min(luma * per_luma, CLOTH_BRIGHTEST * alpha)
                shown = (CLOTH_PATTERN * pattern + (ONE - CLOTH_PATTERN) * alpha) * PER_LEVEL
                red += cover * (shown * cut[0] - red)
                green += cover * (shown * cut[1] - green)
                blue += cover * (shown * cut[2] - blue)
            worn[start + column] = _packed(
                red * red_gain + alpha * red_haze,
                green * green_gain + alpha * green_haze,
                blue * blue_gain + alpha * blue_haze,
                alpha,
            )


@compiled
def _find_cut(places, fractions, first, last, line, to_cloth, cloth_size):  # type: ignore[no-untyped-def]
    """Where a row of texels lies in the cloth: see `_place`."""
    end_x, end_y = F32(max(cloth_size[0] - 1.001, 0)), F32(max(cloth_size[1] - 1.001, 0))
    step_x, start_x = F32(to_cloth[0, 0]), F32(to_cloth[0, 1] * line + to_cloth[0, 2])
    step_y, start_y = F32(to_cloth[1, 0]), F32(to_cloth[1, 1] * line + to_cloth[1, 2])
    ends, width = (end_x, end_y), I32(cloth_size[0])
    for column in range(first, last):
        along = F32(I32(column))
        x, y = start_x + step_x * along, start_y + step_y * along
        places[column], fractions[column] = _place(x, y, ends, width)


@unaliased
def lay(tile, spans, to_texels, size, worn):  # type: ignore[no-untyped-def]
    """Lay one part of a butterfly over what is in the spans of a tile, in place.

    tile: uint32 (h, w) premultiplied RGBA; spans: int64 (h, 2) columns [first, last) of each row;
    to_texels: (3, 3) tile pixels -> texels, homogeneous; worn: what `dress` filled; size: its (width, height).
    """
    ends, width = (F32(size[0] - 1.001), F32(size[1] - 1.001)), I32(size[0])
    step_x, step_y, step_w = F32(to_texels[0, 0]), F32(to_texels[1, 0]), F32(to_texels[2, 0])
    places, fractions, corners = _room(tile.shape[1])
    for line in range(len(spans)):
        row, first, last = U64(line), U64(spans[line, 0]), U64(spans[line, 1])
        start_x = F32(to_texels[0, 1] * line + to_texels[0, 2])
        start_y = F32(to_texels[1, 1] * line + to_texels[1, 2])
        start_w = F32(to_texels[2, 1] * line + to_texels[2, 2])
        for column in range(first, last):
            along = F32(I32(column))
            depth = ONE / (start_w + step_w * along)
            # Where a span is longer than the texture, its empty border is sampled.
            x, y = (start_x + step_x * along) * depth, (start_y + step_y * along) * depth
            places[column], fractions[column] = _place(x, y, ends, width)
        _look_up(corners, worn, places, first, last, size[0])
        for column in range(first, last):
            low, high = _between(corners, column, fractions[column])
            behind, alpha = tile[row, column], U32(high >> U32(16))
            kept = U32(256) - alpha - U32(alpha >> U32(7))  # of 256
            low = _full_at_most(U32(low + _share(behind, kept)))
            high = _full_at_most(U32(high + _share(U32(behind >> U32(8)), kept)))
            tile[row, column] = _joined((low, high))


@unaliased
def average(tiles, painted):  # type: ignore[no-untyped-def]
    """Put the mean of all tiles, uint32 (n, h, w), into the first one, where something is painted: see `lay`."""
    share, width = F32(1 / len(tiles)), tiles.shape[2]
    for line in range(tiles.shape[1]):
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


@unaliased
def blend(frame, left, top, tile, painted, opacity, grain):  # type: ignore[no-untyped-def]
    """Blend what was painted into a tile into uint8 (H,W,3) in place; the tile may reach out of the frame.

    grain: float32 (n,W), n a power of 2, repeated down the frame, added where the tile covers it.
    """
    share, repeat = F32(opacity), U64(len(grain) - 1)
    levels = frame.reshape(len(frame), -1)  # numba does not know that the last axis of the frame is 3 long
    first_row, last_row = max(top, 0), min(top + tile.shape[0], frame.shape[0])
    for line in range(max(last_row - first_row, 0)):
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
def _room(width):  # type: ignore[no-untyped-def]
    """For a row of places, their fractions, and the pixels at their four corners."""
    return np.empty(width, np.uint32), np.empty(width, np.uint32), np.empty((4, width), np.uint32)


@compiled
def _place(x, y, ends, width):  # type: ignore[no-untyped-def]
    """The pixel above and left of a place in a picture so wide, and how far right of and below it the place lies, in
    FRACTIONS of a pixel, packed. ends: the largest x and y, float32: what lies farther out, or nowhere, is moved in."""
    # max(0, nan) is 0: nothing leads out.
    x, y = I32(min(max(ZERO, x), ends[0]) * FRACTIONS), I32(min(max(ZERO, y), ends[1]) * FRACTIONS)
    return U32((y >> I32(8)) * width + (x >> I32(8))), U32((U32(x) & BYTE) | U32((U32(y) & BYTE) << U32(8)))


@compiled
def _look_up(corners, pixels, places, first, last, width):  # type: ignore[no-untyped-def]
    """Fetch the four pixels around each place: apart from all arithmetic, as this is done one by one."""
    for column in range(first, last):
        upper, lower = U64(places[column]), U64(places[column]) + U64(width)
        corners[0, column], corners[1, column] = pixels[upper], pixels[upper + U64(1)]
        corners[2, column], corners[3, column] = pixels[lower], pixels[lower + U64(1)]


@compiled
def _between(corners, column, fractions):  # type: ignore[no-untyped-def]
    """Red and blue, green and alpha between four neighbours: see `_place`.

    Two channels at a time: each has 16 bits of a number, so that one multiplication weighs both.
    """
    right, below = fractions & BYTE, U32(fractions >> U32(8))
    both = U32(U32(right * below + U32(128)) >> U32(8))
    right, below = U32(right - both), U32(below - both)
    weights = U32(U32(256) - right - below - both), right, below, both
    four = corners[0, column], corners[1, column], corners[2, column], corners[3, column]
    return _weighed(four, weights), _weighed(
        (U32(four[0] >> U32(8)), U32(four[1] >> U32(8)), U32(four[2] >> U32(8)), U32(four[3] >> U32(8))),
        weights,
    )


@compiled
def _weighed(four, weights):  # type: ignore[no-untyped-def]
    sum_ = U32(
        U32((four[0] & EVERY_OTHER_BYTE) * weights[0])
        + U32((four[1] & EVERY_OTHER_BYTE) * weights[1])
        + U32((four[2] & EVERY_OTHER_BYTE) * weights[2])
        + U32((four[3] & EVERY_OTHER_BYTE) * weights[3])
    )
    return U32(U32(sum_ + HALVES) >> U32(8)) & EVERY_OTHER_BYTE


@compiled
def _share(two, kept):  # type: ignore[no-untyped-def]
    """So many 256ths of every other channel."""
    return U32(U32(U32((two & EVERY_OTHER_BYTE) * kept) + HALVES) >> U32(8)) & EVERY_OTHER_BYTE


@compiled
def _full_at_most(two):  # type: ignore[no-untyped-def]
    """Two sums of levels, each 255 at most."""
    over = U32(two >> U32(8)) & U32(0x00010001)
    return U32(two | U32(U32(over << U32(8)) - over)) & EVERY_OTHER_BYTE


@compiled
def _joined(halves):  # type: ignore[no-untyped-def]
    return U32(halves[0] | U32(halves[1] << U32(8)))


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

"""Pixels of one butterfly: sample, light and tint its parts, lay them over one another and into the frame.

Compiled by numba. Every part is a flat texture in space, so a homography says which of its texels a pixel shows;
each row's span is clipped beforehand, so that only pixels which the texture covers are visited.
"""

from math import ceil, cos, floor, log2, sin, sqrt
from typing import NamedTuple

import numpy as np
from numba import njit

from effect.species import DORSAL, FLASH, GLOW, LUMA, MIP_STEP, VENTRAL
from effect.wings import BODY, LEFT_WINGS, ROOT_ASIDE

DISPLAY_GAMMA = 2.2
TRANSLUCENCY = 0.40  # brightness of light that shines through a fully translucent wing
FLASH_EXPONENT, FLASH_GAIN, FLASH_REST = 6, 0.62, -0.12  # iridescence: bright in the highlight, dark off it
CLOTH_COVER = 0.92  # share of a wing's own colour that a patch of the person replaces
CLOTH_BRIGHTEST = 1.2  # pattern, relative to the wing's mean: white rings would stare from a face
CLOTH_PATTERN = 0.35  # share of the wing's light and dark that stays visible in it
SHARP_FORESHORTENING = 1.6  # octaves of foreshortening that need no smoothing; beyond it, wings seen
FORESHORTENED_LOSS = 0.8  # edge-on would break into dots: so much of every further octave is smoothed away

LUMA_RED, LUMA_GREEN, LUMA_BLUE = (float(weight) for weight in LUMA)
EVERY_OTHER_BYTE, TWO_BYTES = 0x00FF00FF, 0xFFFF

compiled = njit(cache=True, nogil=True, error_model="numpy")  # numpy: dividing by 0 is no error


class Shading(NamedTuple):
    """What the light does to one part; all in display space."""

    brightness: float
    tip_change: float  # of the brightness toward the wing tip, which droops; relative
    shine: float  # light through the wing, relative to the brightness
    flash: float  # iridescence


@compiled
def paint(tile, corner, resolution, parts, atlas, px_per_unit, cloth, patch, light, colours):  # type: ignore[no-untyped-def]
    """Lay the parts of a butterfly over what is in the tile, in place.

    tile: float32 (h,w,4) premultiplied RGBA, 0-255; corner: its left and top edge in frame pixels;
    resolution: tile pixels per frame pixel; parts: effect.wings.PosedParts; atlas: effect.species.Atlas;
    cloth: uint8 (H,W,3), what the wings are cut from; patch: x and y of the butterfly's centre in it, pixels per
    unit, yaw, and how much of it is to be seen, 0-1; light: unit vector to it, ambient, diffuse;
    colours: RGB 0-1 in display space of the light and of the haze.
    """
    for part in parts.order:
        shading = _shading(parts, part, light)
        gain, haze = _light_on(shading.brightness, patch[4], light, colours)
        level = _mip_level(atlas, part, px_per_unit * resolution, parts.facing[part])
        first, width, height = atlas.mips[part, level]
        # Texels of this mip per pixel of the largest one; a border of one texel surrounds each mip.
        shrink_x = (width - 2) / atlas.size_px[part, 0]
        shrink_y = (height - 2) / atlas.size_px[part, 1]
        hinge_x, hinge_y = atlas.hinge_px[part, 0] * shrink_x + 0.5, atlas.hinge_px[part, 1] * shrink_y + 0.5
        ramp_x, ramp_y = 1 / (shrink_x * atlas.reach_px[part]), 1 / (shrink_y * atlas.reach_px[part])
        to_texels = _tile_to_texels(parts.planes[part], corner, resolution, shrink_x, shrink_y)
        to_cloth = _texels_to_cloth(patch, atlas, part, shrink_x, shrink_y)
        cover = CLOTH_COVER * patch[4]
        shows_back = parts.facing[part] >= 0
        face = atlas.texels[DORSAL if shows_back else VENTRAL]
        glow, flash = atlas.texels[GLOW], atlas.texels[FLASH]
        glows = shading.shine > 0 and part != BODY
        flashes = atlas.shimmers and shows_back and part != BODY

        step = to_texels[0, 0], to_texels[1, 0], to_texels[2, 0]
        left, top, right, bottom = _box(parts.bounds[part], corner, resolution, tile.shape)
        for row in range(top, bottom):
            start_x = to_texels[0, 1] * row + to_texels[0, 2]
            start_y = to_texels[1, 1] * row + to_texels[1, 2]
            start_w = to_texels[2, 1] * row + to_texels[2, 2]
            start = start_x, start_y, start_w
            span_left, span_right = _span(start, step, left, right, width - 1, height - 1)
            for column in range(span_left, span_right):
                depth = start[2] + step[2] * column
                x, y = (start[0] + step[0] * column) / depth, (start[1] + step[1] * column) / depth
                if not (0 <= x < width - 1 and 0 <= y < height - 1):
                    continue  # a span's ends are rounded
                texel = first + int(y) * width + int(x)
                weights = _weights(x - int(x), y - int(y))
                red, green, blue, alpha = _sample(face, texel, width, weights)
                if alpha == 0:
                    continue
                if glows:
                    more_red, more_green, more_blue, _ = _sample(glow, texel, width, weights)
                    red += shading.shine * more_red
                    green += shading.shine * more_green
                    blue += shading.shine * more_blue
                if flashes:
                    more_red, more_green, more_blue, _ = _sample(flash, texel, width, weights)
                    red += shading.flash * more_red
                    green += shading.flash * more_green
                    blue += shading.flash * more_blue
                ramp = min(sqrt(((x - hinge_x) * ramp_x) ** 2 + ((y - hinge_y) * ramp_y) ** 2), 1.0)
                lit = 1 + shading.tip_change * ramp
                red, green, blue = red * lit, green * lit, blue * lit
                if cover > 0:
                    at_x = to_cloth[0, 0] * x + to_cloth[0, 1] * y + to_cloth[0, 2]
                    at_y = to_cloth[1, 0] * x + to_cloth[1, 1] * y + to_cloth[1, 2]
                    cut = _between(cloth, at_x, at_y)
                    luma = LUMA_RED * red + LUMA_GREEN * green + LUMA_BLUE * blue
                    pattern = min(luma / atlas.mean_luma, CLOTH_BRIGHTEST * alpha)
                    shown = CLOTH_PATTERN * pattern + (1 - CLOTH_PATTERN) * alpha
                    red += cover * (shown * cut[0] - red)
                    green += cover * (shown * cut[1] - green)
                    blue += cover * (shown * cut[2] - blue)
                kept = 1 - alpha / 255
                tile[row, column, 0] = red * gain[0] + alpha * haze[0] + tile[row, column, 0] * kept
                tile[row, column, 1] = green * gain[1] + alpha * haze[1] + tile[row, column, 1] * kept
                tile[row, column, 2] = blue * gain[2] + alpha * haze[2] + tile[row, column, 2] * kept
                tile[row, column, 3] = alpha + tile[row, column, 3] * kept


@compiled
def blend(frame, left, top, tile, opacity, grain):  # type: ignore[no-untyped-def]
    """Blend a tile, as in `paint`, into uint8 (H,W,3) in place; the tile may reach out of the frame.

    grain: float32 (n,n), repeated over the frame, added where the tile covers it.
    """
    period = len(grain)
    for row in range(max(top, 0), min(top + tile.shape[0], frame.shape[0])):
        for column in range(max(left, 0), min(left + tile.shape[1], frame.shape[1])):
            alpha = tile[row - top, column - left, 3]
            if alpha == 0:
                continue
            cover = alpha * opacity / 255
            noise = cover * grain[row % period, column % period]
            kept = 1 - cover
            for channel in range(3):
                level = frame[row, column, channel] * kept + tile[row - top, column - left, channel] * opacity
                level += noise
                frame[row, column, channel] = np.uint8(min(max(level, 0.0), 255.0) + 0.5)


@compiled
def _shading(parts, part, light):  # type: ignore[no-untyped-def]
    """Lambert's law on both sides of a part, light through it, and a highlight for iridescence."""
    to_x, to_y, to_z, ambient, diffuse = light
    normal, tip_normal = parts.normals[part], parts.tip_normals[part]
    lit = normal[0] * to_x + normal[1] * to_y + normal[2] * to_z
    tip_lit = tip_normal[0] * to_x + tip_normal[1] * to_y + tip_normal[2] * to_z
    # Half way between the light and the camera, which looks along z, a mirror would show the light.
    highlight = (lit + normal[2]) / sqrt(2 + 2 * to_z)
    if parts.facing[part] < 0:
        lit, tip_lit = -lit, -tip_lit
    brightness = _display(ambient + diffuse * max(lit, 0.0))
    tip_brightness = _display(ambient + diffuse * max(tip_lit, 0.0))
    return Shading(
        brightness,
        tip_brightness / brightness - 1,
        TRANSLUCENCY * _display(diffuse * max(-lit, 0.0)) / brightness,
        FLASH_REST + FLASH_GAIN * max(highlight, 0.0) ** FLASH_EXPONENT,
    )


@compiled
def _light_on(brightness, cover, light, colours):  # type: ignore[no-untyped-def]
    """By what to multiply a part's red, green and blue, and what to add to them, of full alpha.

    A patch of the person has the photo's light and haze in it already: lying flat, it stays as it is.
    """
    flat = _display(light[3] + light[4] * max(light[2], 0.0))
    own, carried = (1 - cover) * brightness, cover * brightness / flat
    gain = own * colours[0][0] + carried, own * colours[0][1] + carried, own * colours[0][2] + carried
    haze = (1 - cover) * colours[1][0], (1 - cover) * colours[1][1], (1 - cover) * colours[1][2]
    return gain, haze


@compiled
def _display(linear):  # type: ignore[no-untyped-def]
    """Linear light to display space."""
    return linear ** (1 / DISPLAY_GAMMA)


@compiled
def _mip_level(atlas, part, px_per_unit, facing):  # type: ignore[no-untyped-def]
    """The mip with one to MIP_STEP texels per pixel; smaller where the part is strongly foreshortened."""
    shrinking = log2(atlas.px_per_unit[part] / px_per_unit)
    foreshortening = -log2(max(abs(facing), 2**-8))
    smoothed = max(foreshortening - SHARP_FORESHORTENING, 0.0) * FORESHORTENED_LOSS
    return min(max(floor((shrinking + smoothed) / log2(MIP_STEP)), 0), atlas.mip_count[part] - 1)


@compiled
def _tile_to_texels(plane, corner, resolution, shrink_x, shrink_y):  # type: ignore[no-untyped-def]
    """(3,3) tile pixels, counted from their centres -> texels of a mip, from the centre of its border."""
    inverse = np.empty((3, 3))  # times the determinant, which is 0 edge-on
    for i in range(3):
        for j in range(3):
            inverse[j, i] = (
                plane[(i + 1) % 3, (j + 1) % 3] * plane[(i + 2) % 3, (j + 2) % 3]
                - plane[(i + 1) % 3, (j + 2) % 3] * plane[(i + 2) % 3, (j + 1) % 3]
            )
    determinant = plane[0, 0] * inverse[0, 0] + plane[0, 1] * inverse[1, 0] + plane[0, 2] * inverse[2, 0]
    for i in range(3):
        inverse[0, i] = inverse[0, i] * shrink_x + inverse[2, i] / 2
        inverse[1, i] = inverse[1, i] * shrink_y + inverse[2, i] / 2
    offset_x, offset_y = corner[0] + 0.5 / resolution, corner[1] + 0.5 / resolution
    for i in range(3):
        inverse[i, 2] += inverse[i, 0] * offset_x + inverse[i, 1] * offset_y
        inverse[i, 0], inverse[i, 1] = inverse[i, 0] / resolution, inverse[i, 1] / resolution
        for j in range(3):
            inverse[i, j] /= determinant
    return inverse


@compiled
def _box(bounds, corner, resolution, tile_shape):  # type: ignore[no-untyped-def]
    """Left, top, right, bottom in the tile; a pixel more on every side, as sampling reaches out by half a pixel."""
    left = max(int((bounds[0] - corner[0]) * resolution - 1), 0)
    top = max(int((bounds[1] - corner[1]) * resolution - 1), 0)
    right = min(int((bounds[2] - corner[0]) * resolution + 2), tile_shape[1])
    bottom = min(int((bounds[3] - corner[1]) * resolution + 2), tile_shape[0])
    return left, top, right, bottom


@compiled
def _span(start, step, left, right, last_x, last_y):  # type: ignore[no-untyped-def]
    """The columns in [left, right) whose texel (start + step * column, homogeneous) lies in [0, last]."""
    span = float(left), float(right)
    span = _narrowed(span, start[0], step[0])
    span = _narrowed(span, last_x * start[2] - start[0], last_x * step[2] - step[0])
    span = _narrowed(span, start[1], step[1])
    span = _narrowed(span, last_y * start[2] - start[1], last_y * step[2] - step[1])
    span = _narrowed(span, start[2], step[2])
    return ceil(span[0]), ceil(span[1])


@compiled
def _narrowed(span, start, step):  # type: ignore[no-untyped-def]
    """The part of a span of columns in which start + step * column is positive."""
    left, right = span
    if step > 0:
        return max(left, min(-start / step, right)), right
    if step < 0:
        return left, min(right, max(-start / step, left))
    return left, (right if start > 0 else left)


@compiled
def _weights(x, y):  # type: ignore[no-untyped-def]
    """Bilinear weights of a texel and its neighbours to the right, below, and both; they add up to 256."""
    right, below = int(x * 256 + 0.5), int(y * 256 + 0.5)
    both = (right * below + 128) >> 8
    return 256 - right - below + both, right - both, below - both, both


@compiled
def _sample(texels, texel, width, weights):  # type: ignore[no-untyped-def]
    """Red, green, blue, alpha, 0-255, between four neighbouring RGBA texels.

    Two channels at a time: each has 16 bits of a number, so that one multiplication weighs both.
    """
    here, right = np.int64(texels[texel]), np.int64(texels[texel + 1])
    below, both = np.int64(texels[texel + width]), np.int64(texels[texel + width + 1])
    red_and_blue = _weighed(here, right, below, both, weights)
    green_and_alpha = _weighed(here >> 8, right >> 8, below >> 8, both >> 8, weights)
    return (
        (red_and_blue & TWO_BYTES) / 256,
        (green_and_alpha & TWO_BYTES) / 256,
        (red_and_blue >> 16) / 256,
        (green_and_alpha >> 16) / 256,
    )


@compiled
def _weighed(here, right, below, both, weights):  # type: ignore[no-untyped-def]
    return (
        (here & EVERY_OTHER_BYTE) * weights[0]
        + (right & EVERY_OTHER_BYTE) * weights[1]
        + (below & EVERY_OTHER_BYTE) * weights[2]
        + (both & EVERY_OTHER_BYTE) * weights[3]
    )


@compiled
def _texels_to_cloth(patch, atlas, part, shrink_x, shrink_y):  # type: ignore[no-untyped-def]
    """(2,3) texels of a mip, from the centre of its border -> pixels of the cloth, from the centre of its first.

    The wings were cut out while they lay flat, with their roots beside the butterfly's centre.
    """
    x_px, y_px, px_per_unit, yaw, _ = patch
    mirrored = -1.0 if part in LEFT_WINGS else 1.0
    across = mirrored * px_per_unit / (atlas.px_per_unit[part] * shrink_x)
    down = px_per_unit / (atlas.px_per_unit[part] * shrink_y)
    root = (mirrored * ROOT_ASIDE * px_per_unit) if part != BODY else 0.0
    left = root - across * (atlas.hinge_px[part, 0] * shrink_x + 0.5)
    top = -down * (atlas.hinge_px[part, 1] * shrink_y + 0.5)
    matrix = np.empty((2, 3))
    matrix[0] = across * cos(yaw), down * sin(yaw), left * cos(yaw) + top * sin(yaw) + x_px - 0.5
    matrix[1] = -across * sin(yaw), down * cos(yaw), top * cos(yaw) - left * sin(yaw) + y_px - 0.5
    return matrix


@compiled
def _between(cloth, x, y):  # type: ignore[no-untyped-def]
    """Red, green, blue, 0-1, between four neighbouring pixels; at the edge of the cloth its last ones."""
    x, y = min(max(x, 0.0), cloth.shape[1] - 1.001), min(max(y, 0.0), cloth.shape[0] - 1.001)
    left, top = max(int(x), 0), max(int(y), 0)
    right, below = min(left + 1, cloth.shape[1] - 1), min(top + 1, cloth.shape[0] - 1)
    x, y = x - left, y - top
    here, beside, under, both = (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    red = here * cloth[top, left, 0] + beside * cloth[top, right, 0]
    green = here * cloth[top, left, 1] + beside * cloth[top, right, 1]
    blue = here * cloth[top, left, 2] + beside * cloth[top, right, 2]
    red += under * cloth[below, left, 0] + both * cloth[below, right, 0]
    green += under * cloth[below, left, 1] + both * cloth[below, right, 1]
    blue += under * cloth[below, left, 2] + both * cloth[below, right, 2]
    return red / 255, green / 255, blue / 255

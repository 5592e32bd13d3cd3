"""One butterfly into a tile of its own: where that lies, the light on its parts, their mips, their spans.

Compiled by numba. Every part is a flat texture in space, so a homography says which of its texels a pixel shows;
each row's span is clipped beforehand, so that only pixels which the texture may cover are visited: see `effect.pixels`.
"""

from math import ceil, cos, floor, log2, sin, sqrt
from typing import NamedTuple

import numpy as np

from effect.compiled import compiled
from effect.pixels import average, lay
from effect.species import DORSAL, FLASH, GLOW, MIP_STEP, VENTRAL
from effect.wings import BODY, LEFT_WINGS, ROOT_ASIDE, posed_parts

DISPLAY_GAMMA = 2.2
TRANSLUCENCY = 0.40  # brightness of light that shines through a fully translucent wing
FLASH_EXPONENT, FLASH_GAIN, FLASH_REST = 6, 0.62, -0.12  # iridescence: bright in the highlight, dark off it
CLOTH_COVER = 0.92  # share of a wing's own colour that a patch of the person replaces
SHARP_FORESHORTENING = 1.6  # octaves of foreshortening that need no smoothing; beyond it, wings seen
FORESHORTENED_LOSS = 0.8  # edge-on would break into dots: so much of every further octave is smoothed away

UNSEEN = 1 / 512  # changes no level by more than half of one
BLOCK = 16  # pixels; spans are made of them, as a compiler that works on many pixels is slow at odd ends
MARGIN_PX = 2.0


class Shading(NamedTuple):
    """What the light does to one part; all in display space."""

    brightness: float
    tip_change: float  # of the brightness toward the wing tip, which droops; relative
    shine: float  # light through the wing, relative to the brightness
    flash: float  # iridescence


@compiled
def paint(
    place, attitude, wing_angles, offsets, reach, resolution, frame_size, atlas, cloth, patch, light, colours
):  # type: ignore[no-untyped-def]
    """The mean of what a butterfly looks like while its wings beat.

    place, attitude, wing_angles: see effect.wings.posed_parts; offsets: (n,) what to add to both angles, one moment
    after the other; reach: pixels that blur needs around it; resolution: tile pixels per frame pixel;
    frame_size: (height, width); atlas: effect.species.Atlas; cloth: uint32 (H,W) RGBA, what the wings are cut from;
    patch: x and y of the butterfly's centre in it, pixels per unit, yaw, and how much of it is to be seen, 0-1;
    light: unit vector to it, ambient, diffuse; colours: RGB 0-1 in display space of the light and of the haze.

    Returns the area that the tile covers, (left, top, right, bottom) in frame pixels; the tile, uint32 (h,w)
    premultiplied RGBA, which may be a little wider than the area; and int64 (h,2), columns [first, last) of each row
    that may hold something. Tile and columns are empty where the area lies beside the frame.
    """
    beats = [
        posed_parts(place, attitude, (wing_angles[0] + offset, wing_angles[1] + offset), atlas)
        for offset in offsets
    ]
    area = _area(beats, reach, ceil(1 / resolution), frame_size)
    left, top, right, bottom = area
    if left >= frame_size[1] or top >= frame_size[0] or right <= 0 or bottom <= 0:
        return area, np.zeros((0, 0), np.uint32), np.zeros((0, 2), np.int64)
    width = ceil((right - left) * resolution / BLOCK) * BLOCK
    tiles = np.zeros((len(beats), round((bottom - top) * resolution), width), np.uint32)
    painted = np.empty((tiles.shape[1], 2), np.int64)
    painted[:, 0], painted[:, 1] = width, 0
    for beat, parts in enumerate(beats):
        for part in parts.order:
            spans = _spans(parts.outlines[part], (left, top), resolution, tiles[beat].shape)
            painted[:, 0] = np.minimum(painted[:, 0], spans[:, 0])
            painted[:, 1] = np.maximum(painted[:, 1], spans[:, 1])
            _lay_part(
                tiles[beat],
                spans,
                (left, top),
                resolution,
                parts,
                part,
                atlas,
                place[2],
                cloth,
                patch,
                light,
                colours,
            )
    if len(beats) > 1:
        average(tiles, painted)
    return area, tiles[0], painted


@compiled
def _area(beats, reach, multiple, frame_size):  # type: ignore[no-untyped-def]
    """The parts' bounds, grown by the reach, cut to the surroundings of the frame, in whole steps."""
    left = top = np.inf
    right = bottom = -np.inf
    for parts in beats:
        for part in range(5):
            bounds = parts.bounds[part]
            left, top = min(left, bounds[0]), min(top, bounds[1])
            right, bottom = max(right, bounds[2]), max(bottom, bounds[3])
    reach = ceil(reach)
    left, top = max(floor(left), 0) - reach, max(floor(top), 0) - reach
    right, bottom = min(ceil(right), frame_size[1]) + reach, min(ceil(bottom), frame_size[0]) + reach
    width, height = ceil((right - left) / multiple) * multiple, ceil((bottom - top) / multiple) * multiple
    return left, top, left + width, top + height


@compiled
def _lay_part(tile, spans, corner, resolution, parts, part, atlas, px_per_unit, cloth, patch, light, colours):  # type: ignore[no-untyped-def]
    """Lay a part over what is in the spans of the tile, in place; corner: the tile's left and top edge in the frame."""
    shading = _shading(parts, part, light)
    gain, haze = _light_on(shading.brightness, patch[4], light, colours)
    level = _mip_level(atlas, part, px_per_unit * resolution, parts.facing[part])
    first, width, height = atlas.mips[part, level]
    texels = slice(first, first + width * height)
    # Texels of this mip per pixel of the largest one; a border of one texel surrounds each mip.
    shrink_x = (width - 2) / atlas.size_px[part, 0]
    shrink_y = (height - 2) / atlas.size_px[part, 1]
    hinge_x, hinge_y = atlas.hinge_px[part, 0] * shrink_x + 0.5, atlas.hinge_px[part, 1] * shrink_y + 0.5
    ramp_x, ramp_y = 1 / (shrink_x * atlas.reach_px[part]), 1 / (shrink_y * atlas.reach_px[part])
    to_texels = _tile_to_texels(parts.planes[part], corner, resolution, shrink_x, shrink_y)
    shows_back = parts.facing[part] >= 0
    face = atlas.texels[DORSAL if shows_back else VENTRAL][texels]
    ramp = hinge_x, hinge_y, ramp_x, ramp_y, shading.tip_change
    shine = shading.shine if part != BODY else 0.0
    shimmer = shading.flash if atlas.shimmers and shows_back and part != BODY else 0.0
    cover = CLOTH_COVER * patch[4]
    glow, flash = atlas.texels[GLOW][texels], atlas.texels[FLASH][texels]
    to_cloth = _texels_to_cloth(patch, atlas, part, shrink_x, shrink_y)
    whole_cloth, cloth_size = cloth.reshape(-1), (cloth.shape[1], cloth.shape[0])
    look = tile, spans, to_texels, (width, height), face, ramp, gain, haze
    worn = cloth_size, to_cloth, cover, 1 / atlas.mean_luma
    # What is None is left out of the machine code: from the rarest look, which needs everything, to the plainest.
    if shine > UNSEEN:
        lay(*look, glow, flash, shine, shimmer, whole_cloth, *worn)
    elif abs(shimmer) > UNSEEN:
        lay(*look, None, flash, shine, shimmer, whole_cloth, *worn)
    elif cover > UNSEEN:
        lay(*look, None, None, shine, shimmer, whole_cloth, *worn)
    else:
        lay(*look, None, None, shine, shimmer, None, *worn)


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
def _spans(outline, corner, resolution, tile_shape):  # type: ignore[no-untyped-def]
    """int64 (h,2): of each row of a tile, the columns in [first, last) that a convex outline covers.

    Two pixels more on every side, as sampling and small mips reach out, in whole blocks.
    """
    height, width = tile_shape
    spans = np.empty((height, 2), np.int64)
    spans[:, 0], spans[:, 1] = width, 0
    for point in range(len(outline)):
        x, y = _in_tile(outline[point - 1], corner, resolution)
        other_x, other_y = _in_tile(outline[point], corner, resolution)
        if y > other_y:
            x, y, other_x, other_y = other_x, other_y, x, y
        slope = (other_x - x) / max(other_y - y, 1e-9)
        for row in range(max(int(y - MARGIN_PX), 0), min(int(other_y + MARGIN_PX) + 1, height)):
            enters = x + slope * (min(max(row - MARGIN_PX, y), other_y) - y)
            leaves = x + slope * (min(max(row + 1 + MARGIN_PX, y), other_y) - y)
            spans[row, 0] = min(spans[row, 0], int(min(enters, leaves) - MARGIN_PX))
            spans[row, 1] = max(spans[row, 1], int(max(enters, leaves) + MARGIN_PX) + 1)
    for row in range(height):
        first, last = max(spans[row, 0], 0), min(spans[row, 1], width)
        length = max(last - first + BLOCK - 1, 0) // BLOCK * BLOCK
        first = min(first, width - length)
        spans[row, 0], spans[row, 1] = first, first + length
    return spans


@compiled
def _in_tile(point, corner, resolution):  # type: ignore[no-untyped-def]
    return (point[0] - corner[0]) * resolution, (point[1] - corner[1]) * resolution


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

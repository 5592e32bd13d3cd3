"""Butterflies into a frame, each by a tile of its own: where that lies, its moments, the spans of its parts.

Compiled by numba. Every part is a flat texture in space, so a homography says which of its texels a pixel shows;
each row's span is clipped beforehand, so that only pixels which the texture may cover are visited: see `effect.pixels`.
"""

from math import ceil, floor, log2

import numpy as np

from effect.compiled import compiled
from effect.pixels import average, blend, lay
from effect.species import Atlas
from effect.wardrobe import dress_part, room_for_parts, shrinkage
from effect.wings import posed_parts

SHUTTER = 0.18  # share of the frame time during which a beating wing is seen: short, as for wildlife
BLUR_STEP_PX = 5  # motion blur: one wing position per so many pixels of tip travel ...
PX_PER_SAMPLE, FEW_SAMPLES = 25, 3  # ... but no more than one per so much size, as each costs a laying
SMALL_PX = 26  # forewings shorter than this are painted at twice the size and reduced
FAINTEST_BLUR_PX = 0.25  # depth of field, sigma: less does not show

BLOCK = 16  # pixels; spans are made of them, as a compiler that works on many pixels is slow at odd ends
MARGIN_PX = 2.0


@compiled
def draw_sharp(frame, poses, first, atlases, cloth, light, colours, grain):  # type: ignore[no-untyped-def]
    """Draw butterflies into uint8 (H,W,3), in place, from the pose `first` on as long as they need no finish.

    poses: effect.butterflies.POSE (n,); grain: see effect.pixels.blend; for the others see `paint`. Returns which of
    the poses needs one, or their number.
    """
    for number in range(first, len(poses)):
        pose = poses[number]
        if pose.opacity * 255 < 0.5 or pose.size_px < 0.5:
            continue
        if pose.blur_px > FAINTEST_BLUR_PX or resolution_of(pose) != 1:
            return number
        (left, top, _, _), tile, painted = paint(pose, 1.0, frame.shape[:2], atlases, cloth, light, colours)
        if tile.size:
            blend(frame, left, top, tile, painted, pose.opacity, grain)
    return len(poses)


@compiled
def paint(pose, resolution, frame_size, atlases, cloth, light, colours):  # type: ignore[no-untyped-def]
    """The mean of what a butterfly looks like while its wings beat.

    pose: of effect.butterflies.POSE; resolution: tile pixels per frame pixel; frame_size: (height, width);
    atlases: effect.species.Atlases; cloth: uint32 (H,W) RGBA, what the wings are cut from;
    light: unit vector to it, ambient, diffuse; colours: RGB 0-1 in display space of the light and of the haze.

    Returns the area that the tile covers, (left, top, right, bottom) in frame pixels; the tile, uint32 (h,w)
    premultiplied RGBA, which may be a little wider than the area; and int64 (h,2), columns [first, last) of each row
    that may hold something. Tile and columns are empty where the area lies beside the frame.
    """
    atlas = _atlas_of(atlases, pose.kind)
    still = _posed(pose, 0.0, atlas)
    offsets = _moments(pose)
    beats = [still] if len(offsets) == 1 else [_posed(pose, offset, atlas) for offset in offsets]
    area = _area(beats, 3 * pose.blur_px + 1, ceil(1 / resolution), frame_size)
    left, top, right, bottom = area
    if left >= frame_size[1] or top >= frame_size[0] or right <= 0 or bottom <= 0:
        return area, np.zeros((0, 0), np.uint32), np.zeros((0, 2), np.int64)
    width = ceil((right - left) * resolution / BLOCK) * BLOCK
    tiles = np.zeros((len(beats), round((bottom - top) * resolution), width), np.uint32)
    painted = np.empty((tiles.shape[1], 2), np.int64)
    painted[:, 0], painted[:, 1] = width, 0
    spans = np.empty_like(painted)
    wardrobe, first_texels, levels = room_for_parts(
        atlas, _px_per_unit(pose, atlas) * resolution, still.facing
    )
    shown = np.zeros(5, np.int64)
    for beat, parts in enumerate(beats):
        for part in parts.order:
            worn = wardrobe[first_texels[part] : first_texels[part + 1]]
            side = 1 if parts.facing[part] >= 0 else -1
            if shown[part] != side:
                lit = still if still.facing[part] * side > 0 else parts
                dress_part(worn, levels[part], lit, part, atlas, cloth, pose, light, colours)
                shown[part] = side
            _set_spans(spans, parts.outlines[part], (left, top), resolution, width)
            for row in range(len(spans)):
                if spans[row, 0] < spans[row, 1]:
                    painted[row, 0] = min(painted[row, 0], spans[row, 0])
                    painted[row, 1] = max(painted[row, 1], spans[row, 1])
            shrink_x, shrink_y = shrinkage(atlas, part, levels[part])
            to_texels = _tile_to_texels(parts.planes[part], (left, top), resolution, shrink_x, shrink_y)
            _, mip_width, mip_height, _ = atlas.mips[part, levels[part]]
            lay(tiles[beat], spans, to_texels, (mip_width, mip_height), worn)
    if len(beats) > 1:
        average(tiles, painted)
    return area, tiles[0], painted


@compiled
def _posed(pose, offset, atlas):  # type: ignore[no-untyped-def]
    """The butterfly's parts with its wings so far off the pose's angles."""
    return posed_parts(
        (pose.x_px, pose.y_px, _px_per_unit(pose, atlas)),
        (pose.yaw, pose.pitch, pose.roll, pose.tilt),
        (pose.forewing_angle + offset, pose.hindwing_angle + offset),
        atlas,
    )


@compiled
def _px_per_unit(pose, atlas):  # type: ignore[no-untyped-def]
    return pose.size_px / atlas.forewing_units


@compiled
def _moments(pose):  # type: ignore[no-untyped-def]
    """How far the wings are off the pose's angles at evenly spread times while the shutter is open: (n,)."""
    travel = pose.wing_speed * SHUTTER
    wanted = 1 + floor(abs(travel) * pose.size_px / max(BLUR_STEP_PX, 2 * pose.blur_px))
    count = min(wanted, max(FEW_SAMPLES, floor(pose.size_px / PX_PER_SAMPLE)))
    return travel * ((np.arange(count) + 0.5) / count - 0.5)


@compiled
def resolution_of(pose):  # type: ignore[no-untyped-def]
    """Tile pixels per frame pixel: finer for tiny butterflies, coarser where blur hides the detail."""
    if pose.blur_px < 2.5:
        return 2.0 if pose.size_px < SMALL_PX and pose.blur_px < 1 else 1.0
    return 0.5 ** floor(log2(pose.blur_px / 1.25))


@compiled
def _atlas_of(atlases, kind):  # type: ignore[no-untyped-def]
    """One species' own textures."""
    return Atlas(
        atlases.texels,
        atlases.mips[kind],
        atlases.visible,
        atlases.mip_count[kind],
        atlases.size_px[kind],
        atlases.hinge_px[kind],
        atlases.reach_px[kind],
        atlases.px_per_unit[kind],
        atlases.outlines[kind],
        atlases.forewing_units[kind],
        atlases.shimmers[kind],
        atlases.mean_luma[kind],
    )


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
def _set_spans(spans, outline, corner, resolution, width):  # type: ignore[no-untyped-def]
    """Set int64 (h,2): of each row of a tile of this width, the columns in [first, last) that a convex outline covers.

    Two pixels more on every side, as sampling and small mips reach out, in whole blocks.
    """
    height = len(spans)
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


@compiled
def _in_tile(point, corner, resolution):  # type: ignore[no-untyped-def]
    return (point[0] - corner[0]) * resolution, (point[1] - corner[1]) * resolution

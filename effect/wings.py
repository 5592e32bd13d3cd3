"""Geometry of one butterfly: where its four wings and its body lie in the frame, sorted back to front.

Model space: see effect.species. Camera space: x right, y up, z toward the viewer, in model units, the
butterfly at the origin and the camera at (0, 0, CAMERA_UNITS). Frame: pixels, x right, y down.
Compiled by numba: in numpy, arrays this small cost more to handle than to compute.
"""

from math import cos, hypot, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from effect.compiled import compiled

CAMERA_UNITS = 6.0  # small enough that a beating wing visibly comes nearer
ROOT_ASIDE = 0.035  # the wings are fixed beside the body's axis, on its back
FOREWING_ROOT_ABOVE, HINDWING_ROOT_ABOVE = 0.04, 0.02
BODY_SHORTEST = 0.35  # a body that points at the camera keeps this share of its length: it is round
TIP_DROOP = 0.35  # radians: wings bend toward their tips, so the light changes along them

LEFT_HINDWING, LEFT_FOREWING, RIGHT_HINDWING, RIGHT_FOREWING, BODY = range(5)
FOREWINGS = LEFT_FOREWING, RIGHT_FOREWING
LEFT_WINGS, RIGHT_WINGS = (LEFT_HINDWING, LEFT_FOREWING), (RIGHT_HINDWING, RIGHT_FOREWING)


class PosedParts(NamedTuple):
    """The five parts of a butterfly in the frame; arrays are indexed by part: see LEFT_HINDWING and so on."""

    order: NDArray[np.int64]  # (5,) parts, back to front
    planes: NDArray[np.float64]  # (5,3,3) texture pixels (largest mip) -> frame pixels, homogeneous
    outlines: NDArray[np.float64]  # (5,n,2) convex hull of each part in the frame
    bounds: NDArray[np.float64]  # (5,4) its left, top, right, bottom
    normals: NDArray[np.float64]  # (5,3) of the back, camera space, near the root
    tip_normals: NDArray[np.float64]  # (5,3)
    facing: NDArray[np.float64]  # (5,) cosine between back and way to the camera; negative: shows its belly


@compiled
def posed_parts(place, attitude, wing_angles, atlas):  # type: ignore[no-untyped-def]
    """Lay out the wings and the body as the camera sees them; returns PosedParts.

    place: x and y of the centre in frame pixels, pixels per unit; attitude: yaw, pitch, roll, tilt in radians;
    wing_angles: of the forewings and of the hindwings, radians; atlas: effect.species.Atlas.
    """
    right, axis, up = (
        _turned(1.0, 0.0, 0.0, attitude),
        _turned(0.0, 1.0, 0.0, attitude),
        _turned(0.0, 0.0, 1.0, attitude),
    )
    across, along, roots, normals, tip_normals = np.zeros((5, 5, 3))
    for part in range(BODY):
        side = 1 if part in RIGHT_WINGS else -1
        angle = wing_angles[0] if part in FOREWINGS else wing_angles[1]
        above = FOREWING_ROOT_ABOVE if part in FOREWINGS else HINDWING_ROOT_ABOVE
        for i in range(3):
            across[part, i] = side * cos(angle) * right[i] + sin(angle) * up[i]
            along[part, i] = axis[i]
            roots[part, i] = side * ROOT_ASIDE * right[i] + above * up[i]
            normals[part, i] = cos(angle) * up[i] - side * sin(angle) * right[i]
            tip_normals[part, i] = cos(angle - TIP_DROOP) * up[i] - side * sin(angle - TIP_DROOP) * right[i]
    _lay_body_card(axis, across[BODY], along[BODY])
    normals[BODY, 2] = tip_normals[BODY, 2] = 1

    planes, bounds, facing = np.empty((5, 3, 3)), np.empty((5, 4)), np.empty(5)
    outlines = np.empty_like(atlas.outlines)
    for part in range(5):
        root, normal = roots[part], normals[part]
        slant = normal[0] * root[0] + normal[1] * root[1] + normal[2] * root[2]
        facing[part] = normal[2] - slant / CAMERA_UNITS
        _set_plane(planes[part], across[part], along[part], roots[part], place, atlas, part)
        _set_outline(outlines[part], bounds[part], planes[part], atlas.outlines[part])
    return PosedParts(
        _painting_order(axis, across, roots, normals),
        planes,
        outlines,
        bounds,
        normals,
        tip_normals,
        facing,
    )


@compiled
def _turned(x, y, z, attitude):  # type: ignore[no-untyped-def]
    """A direction of the model in camera space: turned by roll, pitch and yaw, then by the camera's tilt."""
    yaw, pitch, roll, tilt = attitude
    x, z = x * cos(roll) + z * sin(roll), z * cos(roll) - x * sin(roll)
    y, z = y * cos(pitch) - z * sin(pitch), y * sin(pitch) + z * cos(pitch)
    x, y = x * cos(yaw) - y * sin(yaw), x * sin(yaw) + y * cos(yaw)
    y, z = y * cos(tilt) + z * sin(tilt), z * cos(tilt) - y * sin(tilt)
    return x, y, z


@compiled
def _lay_body_card(axis, across, along):  # type: ignore[no-untyped-def]
    """The body is round: its card lies along the axis and always turns its face to the camera."""
    length = hypot(axis[0], axis[1])
    flat_x, flat_y = (axis[0] / length, axis[1] / length) if length > 1e-6 else (0.0, 1.0)
    seen = max(length, BODY_SHORTEST)
    across[0], across[1] = flat_y, -flat_x
    along[0], along[1], along[2] = flat_x * seen, flat_y * seen, axis[2]


@compiled
def _set_plane(plane, across, along, root, place, atlas, part):  # type: ignore[no-untyped-def]
    """(3,3) texture pixels -> frame pixels, homogeneous, of a card with these two directions and this root."""
    x_px, y_px, px_per_unit = place
    focal = px_per_unit * CAMERA_UNITS
    unit_px = atlas.px_per_unit[part]
    for axis in range(3):
        # The butterfly's centre falls on its place; the camera looks along -z, and its y goes up.
        toward, centre = (focal, x_px) if axis == 0 else (-focal, y_px) if axis == 1 else (0.0, 1.0)
        plane[axis, 0] = (toward * across[axis] - centre * across[2]) / unit_px
        plane[axis, 1] = (centre * along[2] - toward * along[axis]) / unit_px  # textures count down
        plane[axis, 2] = (
            toward * root[axis]
            + centre * (CAMERA_UNITS - root[2])
            - atlas.hinge_px[part, 0] * plane[axis, 0]
            - atlas.hinge_px[part, 1] * plane[axis, 1]
        )


@compiled
def _set_outline(outline, bounds, plane, texels):  # type: ignore[no-untyped-def]
    """The points (n,2) of a part's outline, and its left, top, right, bottom, in the frame."""
    bounds[0] = bounds[1] = np.inf
    bounds[2] = bounds[3] = -np.inf
    for point in range(len(texels)):
        across, down = texels[point, 0], texels[point, 1]
        distance = plane[2, 0] * across + plane[2, 1] * down + plane[2, 2]
        for axis in range(2):
            along = (plane[axis, 0] * across + plane[axis, 1] * down + plane[axis, 2]) / distance
            outline[point, axis] = along
            bounds[axis], bounds[axis + 2] = min(bounds[axis], along), max(bounds[axis + 2], along)


@compiled
def _painting_order(axis, spans, roots, normals):  # type: ignore[no-untyped-def]
    """Parts from back to front, chosen so that a beating wing only changes place while it is edge-on."""
    left = _layered(LEFT_HINDWING, LEFT_FOREWING, normals)
    right = _layered(RIGHT_HINDWING, RIGHT_FOREWING, normals)
    left_span = spans[LEFT_HINDWING] + spans[LEFT_FOREWING]
    right_span = spans[RIGHT_HINDWING] + spans[RIGHT_FOREWING]
    left_covers = _covers_body(axis, roots[LEFT_FOREWING], left_span)
    right_covers = _covers_body(axis, roots[RIGHT_FOREWING], right_span)
    # Half planes that share a hinge: the one whose span points more toward the camera is in front.
    if left_span[2] <= right_span[2]:
        far, far_covers, near, near_covers = left, left_covers, right, right_covers
    else:
        far, far_covers, near, near_covers = right, right_covers, left, left_covers
    if far_covers:
        return np.array((BODY, far[0], far[1], near[0], near[1]))
    if near_covers:
        return np.array((far[0], far[1], BODY, near[0], near[1]))
    return np.array((far[0], far[1], near[0], near[1], BODY))


@compiled
def _layered(hindwing, forewing, normals):  # type: ignore[no-untyped-def]
    """The two wings of a side, back to front: the forewing lies on the hindwing's back, whatever the beat."""
    shows_backs = normals[hindwing, 2] + normals[forewing, 2] >= 0
    return (hindwing, forewing) if shows_backs else (forewing, hindwing)


@compiled
def _covers_body(axis, root, span):  # type: ignore[no-untyped-def]
    """Whether a wing reaches across the body's axis in front of it, as the camera sees it."""
    root_aside = axis[1] * root[0] - axis[0] * root[1]
    span_aside = axis[1] * span[0] - axis[0] * span[1]
    if root_aside * span_aside > 0:
        return False
    # Depth where the wing's plane crosses the axis, times |span_aside|.
    return root[2] * abs(span_aside) + span[2] * abs(root_aside) > 0

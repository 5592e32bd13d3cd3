"""Geometry of one butterfly: where its four wings and its body lie in the frame, sorted back to front.

Model space: see effect.species. Camera space: x right, y up, z toward the viewer, in model units, the
butterfly at the origin and the camera at (0, 0, CAMERA_UNITS). Frame: pixels, x right, y down.
"""

from dataclasses import dataclass
from math import cos, hypot, sin

import numpy as np
from numpy.typing import NDArray

from effect.species import Species

CAMERA_UNITS = 6.0  # small enough that a beating wing visibly comes nearer
ROOT_ASIDE = 0.035  # the wings are fixed beside the body's axis, on its back
FOREWING_ROOT_ABOVE, HINDWING_ROOT_ABOVE = 0.04, 0.02
BODY_SHORTEST = 0.35  # a body that points at the camera keeps this share of its length: it is round
TIP_DROOP = 0.35  # radians: wings bend toward their tips, so the light changes along them

LEFT_HINDWING, LEFT_FOREWING, RIGHT_HINDWING, RIGHT_FOREWING, BODY = range(5)
TOWARD_CAMERA = np.array([0.0, 0.0, 1.0])

Vector = NDArray[np.float64]  # (3,)
Matrix = NDArray[np.float64]  # (3,3)


@dataclass(frozen=True)
class Pose:
    """One butterfly at one instant. With all angles 0 its open back faces the camera, head up.

    The body is turned by roll, then pitch, then yaw; the camera's tilt comes last.
    """

    x_px: float  # centre of the body in the frame
    y_px: float
    size_px: float  # forewing length
    yaw: float = 0.0  # radians, counter-clockwise in the picture plane
    pitch: float = 0.0  # radians, positive: head toward the camera
    roll: float = 0.0  # radians, positive: right wing away from the camera
    tilt: float = 0.0  # radians, positive: seen from behind, so that raised wings point up
    forewing_angle: float = 0.0  # radians; 0 flat open, about 1.45 closed above the back
    hindwing_angle: float = 0.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)  # RGB 0-1
    tint_strength: float = 0.0  # 0-1
    opacity: float = 1.0  # 0-1
    blur_px: float = 0.0  # depth of field, sigma
    wing_speed: float = 0.0  # radians a frame; moves the wing tips by a few pixels or more: motion blur


@dataclass(frozen=True)
class PosedParts:
    """The five parts of a butterfly in the frame; arrays are indexed by part: see LEFT_HINDWING and so on."""

    order: list[int]  # parts, back to front
    planes: NDArray[np.float64]  # (5,3,3) texture pixels (largest mip) -> frame pixels, homogeneous
    bounds: NDArray[np.float64]  # (5,4) left, top, right, bottom of each part in the frame
    normals: NDArray[np.float64]  # (5,3) of the back, camera space, near the root
    tip_normals: NDArray[np.float64]  # (5,3)
    facing: list[float]  # cosine between each back and the direction to the camera; negative: shows its belly


def posed_parts(species: Species, pose: Pose) -> PosedParts:
    """Lay out the wings and the body as the camera sees them."""
    turn = _rotation(pose)
    across, along, roots, normals, tip_normals = _model_directions(pose) @ turn.T
    axis = turn[:, 1]
    across[BODY], along[BODY] = _body_card(axis)
    roots[BODY] = 0
    normals[BODY] = tip_normals[BODY] = TOWARD_CAMERA
    to_camera = CAMERA_UNITS * TOWARD_CAMERA - roots
    facing = (normals * to_camera).sum(axis=1) / CAMERA_UNITS

    lens = _lens(pose, pose.size_px / species.forewing_units)
    card_to_camera = np.stack([across, along, roots], axis=2)
    card_to_frame = lens[:, :3] @ card_to_camera
    card_to_frame[:, :, 2] += lens[:, 3]
    planes = card_to_frame @ species.texture_to_card
    outlines = planes @ species.outlines
    outlines = outlines[:, :2] / outlines[:, 2:]
    bounds = np.concatenate([outlines.min(axis=2), outlines.max(axis=2)], axis=1)
    order = _painting_order(axis, across, roots, normals)
    return PosedParts(order, planes, bounds, normals, tip_normals, facing.tolist())


def _model_directions(pose: Pose) -> NDArray[np.float64]:
    """(5 vectors, 5 parts, 3) of the parts in model space: across, along, root, normal, normal at the tip."""
    vectors = np.zeros((5, 5, 3))
    vectors[1, :, 1] = 1
    for part, side, angle, above in (
        (LEFT_HINDWING, -1, pose.hindwing_angle, HINDWING_ROOT_ABOVE),
        (LEFT_FOREWING, -1, pose.forewing_angle, FOREWING_ROOT_ABOVE),
        (RIGHT_HINDWING, 1, pose.hindwing_angle, HINDWING_ROOT_ABOVE),
        (RIGHT_FOREWING, 1, pose.forewing_angle, FOREWING_ROOT_ABOVE),
    ):
        vectors[0, part] = side * cos(angle), 0, sin(angle)
        vectors[2, part] = side * ROOT_ASIDE, 0, above
        vectors[3, part] = -side * sin(angle), 0, cos(angle)
        vectors[4, part] = -side * sin(angle - TIP_DROOP), 0, cos(angle - TIP_DROOP)
    return vectors


def _painting_order(axis: Vector, spans: NDArray, roots: NDArray, normals: NDArray) -> list[int]:
    """Parts from back to front, chosen so that a beating wing only changes place while it is edge-on."""
    sides = []
    for hindwing, forewing in ((LEFT_HINDWING, LEFT_FOREWING), (RIGHT_HINDWING, RIGHT_FOREWING)):
        # The forewing lies on the hindwing's back, whatever the beat.
        shows_backs = normals[hindwing, 2] + normals[forewing, 2] >= 0
        pair = [hindwing, forewing] if shows_backs else [forewing, hindwing]
        span = spans[hindwing] + spans[forewing]
        sides.append((span[2], _covers_body(axis, roots[forewing], span), pair))
    # Half planes that share a hinge: the one whose span points more toward the camera is in front.
    (_, far_covers, far), (_, near_covers, near) = sorted(sides, key=lambda side: side[0])
    if far_covers:
        return [BODY, *far, *near]
    return [*far, BODY, *near] if near_covers else [*far, *near, BODY]


def _rotation(pose: Pose) -> Matrix:
    """Model to camera."""
    cos_yaw, sin_yaw = cos(pose.yaw), sin(pose.yaw)
    cos_pitch, sin_pitch = cos(pose.pitch), sin(pose.pitch)
    cos_roll, sin_roll = cos(pose.roll), sin(pose.roll)
    cos_tilt, sin_tilt = cos(pose.tilt), sin(pose.tilt)
    tilt = np.array([[1, 0, 0], [0, cos_tilt, sin_tilt], [0, -sin_tilt, cos_tilt]])
    yaw = np.array([[cos_yaw, -sin_yaw, 0], [sin_yaw, cos_yaw, 0], [0, 0, 1]])
    pitch = np.array([[1, 0, 0], [0, cos_pitch, -sin_pitch], [0, sin_pitch, cos_pitch]])
    roll = np.array([[cos_roll, 0, sin_roll], [0, 1, 0], [-sin_roll, 0, cos_roll]])
    return tilt @ yaw @ pitch @ roll


def _lens(pose: Pose, px_per_unit: float) -> NDArray[np.float64]:
    """(3,4) camera space -> homogeneous frame pixels; the butterfly's centre falls on (x_px, y_px)."""
    focal = px_per_unit * CAMERA_UNITS
    return np.array(
        [
            [focal, 0, -pose.x_px, pose.x_px * CAMERA_UNITS],
            [0, -focal, -pose.y_px, pose.y_px * CAMERA_UNITS],
            [0, 0, -1, CAMERA_UNITS],
        ]
    )


def _body_card(axis: Vector) -> tuple[Vector, Vector]:
    """The body is round: its card lies along the axis and always turns its face to the camera."""
    length = hypot(axis[0], axis[1])
    flat_x, flat_y = (axis[0] / length, axis[1] / length) if length > 1e-6 else (0.0, 1.0)
    seen = max(length, BODY_SHORTEST)
    return np.array([flat_y, -flat_x, 0]), np.array([flat_x * seen, flat_y * seen, axis[2]])


def _covers_body(axis: Vector, root: Vector, span: Vector) -> bool:
    """Whether a wing reaches across the body's axis in front of it, as the camera sees it."""
    root_aside = axis[1] * root[0] - axis[0] * root[1]
    span_aside = axis[1] * span[0] - axis[0] * span[1]
    if root_aside * span_aside > 0:
        return False
    # Depth where the wing's plane crosses the axis, times |span_aside|.
    return bool(root[2] * abs(span_aside) + span[2] * abs(root_aside) > 0)

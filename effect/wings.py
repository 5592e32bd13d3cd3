"""Geometry of one butterfly: where its four wings and its body lie in the frame, sorted back to front.

Model space: see effect.species. Camera space: x right, y up, z toward the viewer, in model units, the
butterfly at the origin and the camera at (0, 0, CAMERA_UNITS). Frame: pixels, x right, y down.
"""

from dataclasses import dataclass
from math import cos, hypot, sin

import numpy as np
from numpy.typing import NDArray

from effect.species import Species, Texture

CAMERA_UNITS = 6.0  # small enough that a beating wing visibly comes nearer
ROOT_ASIDE = 0.035  # the wings are fixed beside the body's axis, on its back
FOREWING_ROOT_ABOVE, HINDWING_ROOT_ABOVE = 0.04, 0.02
BODY_SHORTEST = 0.35  # a body that points at the camera keeps this share of its length: it is round
TIP_DROOP = 0.35  # radians: wings bend toward their tips, so the light changes along them

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
class Part:
    """A wing or the body, ready to be drawn."""

    texture: Texture
    plane: Matrix  # texture pixels (largest mip) -> frame pixels, homogeneous
    corners: NDArray[np.float64]  # (2,4) the texture's corners in the frame
    normal: Vector  # of its back, camera space, near the root
    tip_normal: Vector
    shows_back: bool


def posed_parts(species: Species, pose: Pose) -> list[Part]:
    """The wings and the body, in the order in which they have to be painted."""
    turn = _rotation(pose)
    lens = _lens(pose, pose.size_px / species.forewing_units)
    axis = turn[:, 1]
    sides = []
    for side in (-1, 1):
        hindwing = _wing(species.hindwing, side, pose.hindwing_angle, HINDWING_ROOT_ABOVE, turn, lens)
        forewing = _wing(species.forewing, side, pose.forewing_angle, FOREWING_ROOT_ABOVE, turn, lens)
        # The forewing lies on the hindwing's back, whatever the beat.
        shows_back = (hindwing.normal + forewing.normal)[2] >= 0
        pair = [hindwing, forewing] if shows_back else [forewing, hindwing]
        mean_angle = (pose.forewing_angle + pose.hindwing_angle) / 2
        span = turn @ [side * cos(mean_angle), 0, sin(mean_angle)]
        root = turn @ [side * ROOT_ASIDE, 0, FOREWING_ROOT_ABOVE]
        sides.append((span[2], _covers_body(axis, root, span), pair))
    # Half planes that share a hinge: the one whose span points more toward the camera is in front.
    sides.sort(key=lambda entry: entry[0])
    parts: list[Part] = []
    body: list[Part] = [_body(species.body, axis, lens)]
    for _, covers_body, pair in sides:
        if covers_body:
            parts += body
            body = []
        parts += pair
    return parts + body


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


def _wing(texture: Texture, side: int, angle: float, above: float, turn: Matrix, lens: NDArray) -> Part:
    cos_angle, sin_angle = cos(angle), sin(angle)
    directions = np.array(
        [
            [side * cos_angle, 0, side * ROOT_ASIDE, -side * sin_angle, -side * sin(angle - TIP_DROOP)],
            [0, 1, 0, 0, 0],
            [sin_angle, 0, above, cos_angle, cos(angle - TIP_DROOP)],
        ]
    )
    across, along, root, normal, tip_normal = (turn @ directions).T
    shows_back = normal @ ([0, 0, CAMERA_UNITS] - root) >= 0
    return _part(texture, across, along, root, lens, normal, tip_normal, bool(shows_back))


def _body(texture: Texture, axis: Vector, lens: NDArray) -> Part:
    """A card along the body's axis that always turns its face to the camera."""
    length = hypot(axis[0], axis[1])
    flat = axis / length if length > 1e-6 else np.array([0.0, 1.0, 0.0])
    along = flat * max(length, BODY_SHORTEST) * [1, 1, 0] + axis * [0, 0, 1]
    across = np.array([flat[1], -flat[0], 0])
    toward_camera = np.array([0.0, 0.0, 1.0])
    return _part(texture, across, along, np.zeros(3), lens, toward_camera, toward_camera, True)


def _part(
    texture: Texture, across: Vector, along: Vector, root: Vector, lens: NDArray,
    normal: Vector, tip_normal: Vector, shows_back: bool,
) -> Part:
    """The texture laid out from its hinge at `root`: its columns go `across`, its rows against `along`."""
    hinge_x, hinge_y = texture.hinge_px
    scale = 1 / texture.px_per_unit
    origin = root + (hinge_y * along - hinge_x * across) * scale
    plane = lens[:, :3] @ np.stack([across * scale, -along * scale, origin], axis=1)
    plane[:, 2] += lens[:, 3]
    width, height = texture.size_px
    corners = plane @ np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]])
    return Part(texture, plane, corners[:2] / corners[2], normal, tip_normal, shows_back)


def _covers_body(axis: Vector, root: Vector, span: Vector) -> bool:
    """Whether a wing reaches across the body's axis in front of it, as the camera sees it."""
    aside = np.array([axis[1], -axis[0]])
    root_aside, span_aside = aside @ root[:2], aside @ span[:2]
    if root_aside * span_aside > 0:
        return False
    # Depth where the wing's plane crosses the axis, times |span_aside|.
    return bool(root[2] * abs(span_aside) + span[2] * abs(root_aside) > 0)

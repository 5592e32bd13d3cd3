"""Draw one butterfly into a frame: four hinged wings and a body, lit, cut from the person's cloth, blended.

The parts are painted back to front into a small premultiplied RGBA tile, which is blended once, so that
opacity and blur treat the butterfly as a whole. Colours are blended in display (sRGB) space throughout.
"""

from dataclasses import dataclass
from functools import cache
from math import floor, log2, sqrt
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.species import Species, load_species, species_names

__all__ = ["DAYLIGHT", "Light", "Patch", "Pose", "Species", "draw_butterfly", "load_species", "species_names"]

SMALL_PX = 26  # forewings shorter than this are painted at twice the size and reduced
SHUTTER = 0.18  # share of the frame time during which a beating wing is seen: short, as for wildlife
GRAIN_PX = 128  # side of the noise that is repeated over the frame
BLUR_STEP_PX = 5  # motion blur: one wing position per so many pixels of tip travel ...
PX_PER_SAMPLE, FEW_SAMPLES = 25, 3  # ... but no more than one per so much size, as each costs a drawing

Tile = NDArray[np.uint32]  # (h,w) premultiplied RGBA
Spans = NDArray[np.int64]  # (h,2) columns [first, last) of each row
Box = tuple[int, int, int, int]  # left, top, right, bottom in frame pixels


class Patch(NamedTuple):
    """The patch of a cloth that a butterfly carries away: where and how large it lay there before it left."""

    x_px: float = 0.0  # centre of the body in the cloth
    y_px: float = 0.0
    size_px: float = 0.0  # forewing length
    yaw: float = 0.0  # radians, counter-clockwise
    strength: float = 0.0  # 0 the wings' own colours, 1 the cloth's


NO_PATCH = Patch()


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
    patch: Patch = NO_PATCH
    opacity: float = 1.0  # 0-1
    blur_px: float = 0.0  # depth of field, sigma
    wing_speed: float = 0.0  # radians a frame; moves the wing tips by a few pixels or more: motion blur


@dataclass(frozen=True)
class Light:
    """One distant light and its surroundings. `direction` points to the light: x right, y up, z to the viewer.

    Colours are in display space. `haze_rgb` is what the air adds to every colour: what black looks like in the photo.
    `grain` is the photo's noise. `halo` is how strongly butterflies that shine light up what is around them.
    """

    direction: tuple[float, float, float] = (-0.45, 0.55, 0.75)
    ambient: float = 0.36
    diffuse: float = 0.72
    rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    haze_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    grain: float = 0.0  # standard deviation, 0-255
    halo: float = 0.0


DAYLIGHT = Light()
NO_CLOTH = np.zeros((2, 2), np.uint32)


def draw_butterfly(
    frame: NDArray[np.uint8],
    species: Species,
    pose: Pose,
    light: Light = DAYLIGHT,
    cloth: NDArray[np.uint32] = NO_CLOTH,
) -> Box | None:
    """Blend a butterfly into `frame` (H,W,3) RGB uint8, in place. `cloth` (h,w) from `cloth_of`: see `Patch`.

    Returns the box outside which nothing changed, or None when nothing was drawn.
    """
    from effect.pixels import blend  # not at the top: compiled code takes a while to load

    if pose.opacity * 255 < 0.5 or pose.size_px < 0.5:
        return None
    resolution = _resolution(pose)
    area, tile, painted = _painted(species, pose, resolution, frame.shape, light, cloth)
    if not tile.size:
        return None
    if pose.blur_px > 0.25 or resolution != 1:
        tile, painted = _finish(tile, area, resolution, pose)
    blend(frame, area[0], area[1], tile, painted, float(pose.opacity), grain_of(light.grain, frame.shape[1]))
    left, top, right, bottom = area
    return max(left, 0), max(top, 0), min(right, frame.shape[1]), min(bottom, frame.shape[0])


def wing_shape(
    species: Species, pose: Pose, shape: tuple[int, int]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """What a butterfly hides of a frame of this shape (height, width): rows and columns, and bool (h,w) within them."""
    (left, top, right, bottom), tile, _ = _painted(species, pose, 1.0, shape, DAYLIGHT, NO_CLOTH)
    if not tile.size:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    rows, columns = slice(max(top, 0), min(bottom, shape[0])), slice(max(left, 0), min(right, shape[1]))
    inside = tile[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return (rows, columns), inside >> 24 > 127


def _painted(
    species: Species,
    pose: Pose,
    resolution: float,
    frame_shape: tuple[int, ...],
    light: Light,
    cloth: NDArray[np.uint32],
) -> tuple[Box, Tile, Spans]:
    """See `effect.rasterize.paint`."""
    from effect.rasterize import paint

    px_per_unit = pose.size_px / species.forewing_units
    patch = pose.patch._replace(size_px=pose.patch.size_px / species.forewing_units)
    distance = sqrt(sum(along * along for along in light.direction))
    return paint(
        (float(pose.x_px), float(pose.y_px), px_per_unit),
        (float(pose.yaw), float(pose.pitch), float(pose.roll), float(pose.tilt)),
        (float(pose.forewing_angle), float(pose.hindwing_angle)),
        _moments(pose),
        3 * pose.blur_px + 1,
        resolution,
        (frame_shape[0], frame_shape[1]),
        species.atlas,
        cloth,
        tuple(patch),
        (*(along / distance for along in light.direction), float(light.ambient), float(light.diffuse)),
        (light.rgb, light.haze_rgb),
    )


def _moments(pose: Pose) -> NDArray[np.float64]:
    """How far the wings are off the pose's angles at evenly spread times while the shutter is open."""
    travel = pose.wing_speed * SHUTTER
    wanted = 1 + floor(abs(travel) * pose.size_px / max(BLUR_STEP_PX, 2 * pose.blur_px))
    count = min(wanted, max(FEW_SAMPLES, floor(pose.size_px / PX_PER_SAMPLE)))
    return travel * ((np.arange(count) + 0.5) / count - 0.5)


def _resolution(pose: Pose) -> float:
    """Tile pixels per frame pixel: finer for tiny butterflies, coarser where blur hides the detail."""
    if pose.blur_px < 2.5:
        return 2.0 if pose.size_px < SMALL_PX and pose.blur_px < 1 else 1.0
    return 0.5 ** floor(log2(pose.blur_px / 1.25))


@cache
def grain_of(deviation: float, width: int) -> NDArray[np.float32]:
    """Noise as wide as a frame, float32 (n,width), for butterflies: it lies still, as the photo's own does."""
    noise = np.random.default_rng(0).standard_normal((GRAIN_PX, GRAIN_PX))
    square = (np.rint(noise * deviation * 64) / 64).astype(np.float32)
    return np.tile(square, -(-width // GRAIN_PX))[:, :width].copy()


def cloth_of(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """A picture (H,W,3) as the cloth that wings are cut from, uint32 (H,W) RGBA; 2 x 2 pixels or more."""
    smallest = cv2.copyMakeBorder(
        rgb, 0, max(2 - rgb.shape[0], 0), 0, max(2 - rgb.shape[1], 0), cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(smallest, cv2.COLOR_RGB2RGBA)).view(np.uint32)[..., 0]


def _finish(tile: Tile, area: Box, resolution: float, pose: Pose) -> tuple[Tile, Spans]:
    """The blurred tile in the size of the area in frame pixels; anything in it may be painted."""
    rgba: NDArray[Any] = tile.view(np.uint8).reshape(*tile.shape, 4).astype(np.float32)
    if pose.blur_px > 0.25:
        rgba = cv2.GaussianBlur(rgba, (0, 0), pose.blur_px * resolution, borderType=cv2.BORDER_CONSTANT)
    if resolution != 1:
        size = round(tile.shape[1] / resolution), area[3] - area[1]
        rgba = cv2.resize(rgba, size, interpolation=cv2.INTER_AREA if resolution > 1 else cv2.INTER_LINEAR)
    levels = np.rint(rgba).astype(np.uint8)
    painted = np.full((levels.shape[0], 2), (0, levels.shape[1]), np.int64)
    return levels.view(np.uint32)[..., 0], painted

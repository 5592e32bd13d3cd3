"""Draw butterflies into a frame: each four hinged wings and a body, lit, cut from the person's cloth, blended.

The parts are painted back to front into a small premultiplied RGBA tile, which is blended once, so that
opacity and blur treat the butterfly as a whole. Colours are blended in display (sRGB) space throughout.
"""

from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.species import Species, atlases_of, load_species, species_names

__all__ = ["DAYLIGHT", "Light", "Patch", "Pose", "Species", "draw_butterfly", "load_species", "species_names"]

GRAIN_PX = 128  # side of the noise that is repeated over the frame

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


# A pose, its patch, and the number of its species, as compiled code takes them.
POSE_NUMBERS = (
    *("x_px", "y_px", "size_px", "yaw", "pitch", "roll", "tilt", "forewing_angle", "hindwing_angle"),
    *("opacity", "blur_px", "wing_speed"),
)
PATCH_NUMBERS = ("patch_x_px", "patch_y_px", "patch_size_px", "patch_yaw", "patch_strength")
POSE = np.dtype([*((name, np.float64) for name in POSE_NUMBERS + PATCH_NUMBERS), ("kind", np.int64)])

DAYLIGHT = Light()
NO_CLOTH = np.zeros((2, 2), np.uint32)


def draw_butterfly(
    frame: NDArray[np.uint8],
    species: Species,
    pose: Pose,
    light: Light = DAYLIGHT,
    cloth: NDArray[np.uint32] = NO_CLOTH,
) -> None:
    """Blend a butterfly into `frame` (H,W,3) RGB uint8, in place. `cloth` (h,w) from `cloth_of`: see `Patch`."""
    draw_butterflies(frame, (species,), _recorded(pose), light, cloth)


def draw_butterflies(
    frame: NDArray[np.uint8],
    species: tuple[Species, ...],
    poses: NDArray[np.void],
    light: Light,
    cloth: NDArray[np.uint32],
) -> None:
    """Blend butterflies into `frame` (H,W,3) RGB uint8, in place, one after the other.

    poses: POSE (n,), where `kind` counts in `species`; `cloth` (h,w) from `cloth_of`: see `Patch`.
    """
    from effect.pixels import blend  # not at the top: compiled code takes a while to load
    from effect.rasterize import draw_sharp, paint, resolution_of

    grain, atlases = grain_of(light.grain, frame.shape[1]), atlases_of(species)
    shown = cloth, *_as_numbers(light)
    number = 0
    while (number := draw_sharp(frame, poses, number, atlases, *shown, grain)) < len(poses):
        pose = poses[number]
        resolution = resolution_of(pose)
        area, tile, _ = paint(pose, resolution, frame.shape[:2], atlases, *shown)
        if tile.size:
            tile, painted = _finish(tile, area, resolution, float(pose["blur_px"]))
            blend(frame, area[0], area[1], tile, painted, float(pose["opacity"]), grain)
        number += 1


def wing_shape(
    species: Species, pose: Pose, shape: tuple[int, int]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """What a butterfly hides of a frame of this shape (height, width): rows and columns, and bool (h,w) within them."""
    from effect.rasterize import paint  # not at the top: compiled code takes a while to load

    (left, top, right, bottom), tile, _ = paint(
        _recorded(pose)[0], 1.0, shape, atlases_of((species,)), NO_CLOTH, *_as_numbers(DAYLIGHT)
    )
    if not tile.size:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    rows, columns = slice(max(top, 0), min(bottom, shape[0])), slice(max(left, 0), min(right, shape[1]))
    inside = tile[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return (rows, columns), inside >> 24 > 127


def _recorded(pose: Pose) -> NDArray[np.void]:
    """One pose as compiled code takes it: POSE (1,)."""
    return np.array([(*(getattr(pose, name) for name in POSE_NUMBERS), *pose.patch, 0)], POSE)


def _as_numbers(light: Light) -> tuple[tuple[float, ...], tuple[tuple[float, ...], tuple[float, ...]]]:
    """Unit vector to the light, ambient, diffuse; the colours of the light and of the haze."""
    distance = sqrt(sum(along * along for along in light.direction))
    toward = (along / distance for along in light.direction)
    return (*toward, float(light.ambient), float(light.diffuse)), (light.rgb, light.haze_rgb)


@cache
def grain_of(deviation: float, width: int) -> NDArray[np.float32]:
    """Noise as wide as a frame, float32 (n,width), for butterflies: it lies still, as the photo's own does."""
    noise = np.random.default_rng(0).standard_normal((GRAIN_PX, GRAIN_PX))
    square = (np.rint(noise * deviation * 64) / 64).astype(np.float32)
    return np.tile(square, -(-width // GRAIN_PX))[:, :width].copy()


def cloth_of(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """A picture (H,W,3) as the cloth that wings are cut from, RGBA, uint32 (H,W), 2 x 2 pixels or more."""
    smallest = cv2.copyMakeBorder(
        rgb, 0, max(2 - rgb.shape[0], 0), 0, max(2 - rgb.shape[1], 0), cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.cvtColor(smallest, cv2.COLOR_RGB2RGBA)).view(np.uint32)[..., 0]


def _finish(tile: Tile, area: Box, resolution: float, blur_px: float) -> tuple[Tile, Spans]:
    """The blurred tile in the size of the area in frame pixels; anything in it may be painted."""
    from effect.rasterize import FAINTEST_BLUR_PX  # not at the top: compiled code takes a while to load

    rgba: NDArray[Any] = tile.view(np.uint8).reshape(*tile.shape, 4)
    if blur_px > FAINTEST_BLUR_PX:
        rgba = cv2.GaussianBlur(rgba, (0, 0), blur_px * resolution, borderType=cv2.BORDER_CONSTANT)
    if resolution != 1:
        size = round(tile.shape[1] / resolution), area[3] - area[1]
        rgba = cv2.resize(rgba, size, interpolation=cv2.INTER_AREA if resolution > 1 else cv2.INTER_LINEAR)
    painted = np.full((rgba.shape[0], 2), (0, rgba.shape[1]), np.int64)
    return rgba.view(np.uint32)[..., 0], painted

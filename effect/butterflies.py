"""Draw one butterfly into a frame: four hinged wings and a body, lit, tinted, blended.

The parts are painted back to front into a small premultiplied RGBA tile, which is blended once, so that
opacity and blur treat the butterfly as a whole. Colours are blended in display (sRGB) space throughout.
"""

from dataclasses import dataclass, replace
from math import ceil, floor, log2, sqrt
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.species import LUMA, MIP_STEP, Species, Texture, load_species, species_names
from effect.wings import TOWARD_CAMERA, Pose, PosedParts, posed_parts

__all__ = ["DAYLIGHT", "Light", "Pose", "Species", "draw_butterfly", "load_species", "species_names"]

DISPLAY_GAMMA = 2.2
TRANSLUCENCY = 0.40  # brightness of light that shines through a fully translucent wing
FLASH_EXPONENT, FLASH_GAIN, FLASH_REST = 6, 0.62, -0.12  # iridescence: bright in the highlight, dark off it
TINT_COVER = 0.92  # share of a wing's own colour that a full tint replaces
TINT_PATTERN = 0.6  # share of the wing's light and dark that a tint keeps
SHARP_FORESHORTENING = 1.6  # octaves of foreshortening that need no smoothing; beyond it, wings seen
FORESHORTENED_LOSS = 0.8  # edge-on would break into dots: so much of every further octave is smoothed away
SMALL_PX = 26  # forewings shorter than this are painted at twice the size and reduced
SHUTTER = 0.25  # share of the frame time during which a beating wing is seen: short, as for wildlife
BLUR_STEP_PX = 5  # motion blur: one wing position per so many pixels of tip travel ...
PX_PER_SAMPLE, FEW_SAMPLES = 25, 3  # ... but no more than one per so much size, as each costs a drawing

# What is left of the background under a premultiplied RGBA tile: 1 - alpha in every channel.
BACKGROUND_SHARE = np.array([[0, 0, 0, -1 / 255, 1]] * 4, np.float32)

Tile = NDArray[Any]  # (h,w,4) premultiplied RGBA, 0-255, float32
Box = tuple[int, int, int, int]  # left, top, right, bottom in frame pixels


@dataclass(frozen=True)
class Light:
    """One distant light and its surroundings. `direction` points to the light: x right, y up, z to the viewer."""

    direction: tuple[float, float, float] = (-0.45, 0.55, 0.75)
    ambient: float = 0.36
    diffuse: float = 0.72
    rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)


DAYLIGHT = Light()


@dataclass(frozen=True)
class Shading:
    """What the light does to one part; all in display space."""

    brightness: float
    tip_change: float  # of the brightness toward the wing tip, which droops; relative
    shine: float  # light through the wing, relative to the brightness
    flash: float  # iridescence


def draw_butterfly(
    frame: NDArray[np.uint8], species: Species, pose: Pose, light: Light = DAYLIGHT
) -> Box | None:
    """Blend a butterfly into `frame` (H,W,3) RGB uint8, in place.

    Returns the box outside which nothing changed, or None when nothing was drawn.
    """
    if pose.opacity * 255 < 0.5 or pose.size_px < 0.5:
        return None
    beats = [posed_parts(species, moment) for moment in _moments(pose)]
    resolution = _resolution(pose)
    area = _area(beats, 3 * pose.blur_px + 1, frame.shape, ceil(1 / resolution))
    visible = (max(area[0], 0), max(area[1], 0), min(area[2], frame.shape[1]), min(area[3], frame.shape[0]))
    if visible[0] >= visible[2] or visible[1] >= visible[3]:
        return None
    tile = _mean([_paint(parts, area, resolution, species, pose, light) for parts in beats])
    tile = _finish(tile, area, resolution, pose)
    left, top, right, bottom = visible
    tile = tile[top - area[1] : bottom - area[1], left - area[0] : right - area[0]]
    target = frame[top:bottom, left:right]
    share = cv2.cvtColor(cv2.transform(tile, BACKGROUND_SHARE), cv2.COLOR_RGBA2RGB)
    kept = cv2.multiply(target, share, dtype=cv2.CV_32F)
    target[:] = cv2.add(kept, cv2.cvtColor(tile, cv2.COLOR_RGBA2RGB), dtype=cv2.CV_8U)
    return visible


def _moments(pose: Pose) -> list[Pose]:
    """The pose at evenly spread times while the shutter is open."""
    travel = pose.wing_speed * SHUTTER
    wanted = 1 + floor(abs(travel) * pose.size_px / max(BLUR_STEP_PX, 2 * pose.blur_px))
    count = min(wanted, max(FEW_SAMPLES, floor(pose.size_px / PX_PER_SAMPLE)))
    if count == 1:
        return [pose]
    offsets = [travel * ((i + 0.5) / count - 0.5) for i in range(count)]
    return [
        replace(
            pose, forewing_angle=pose.forewing_angle + offset, hindwing_angle=pose.hindwing_angle + offset
        )
        for offset in offsets
    ]


def _resolution(pose: Pose) -> float:
    """Tile pixels per frame pixel: finer for tiny butterflies, coarser where blur hides the detail."""
    if pose.blur_px < 2.5:
        return 2.0 if pose.size_px < SMALL_PX and pose.blur_px < 1 else 1.0
    return 0.5 ** floor(log2(pose.blur_px / 1.25))


def _area(beats: list[PosedParts], margin: float, frame_shape: tuple[int, ...], multiple: int) -> Box:
    """The parts' bounds, grown by the margin, cut to the surroundings of the frame, in whole steps."""
    bounds = np.concatenate([parts.bounds for parts in beats])
    reach = ceil(margin)
    left = max(floor(bounds[:, 0].min()), 0) - reach
    top = max(floor(bounds[:, 1].min()), 0) - reach
    right = min(ceil(bounds[:, 2].max()), frame_shape[1]) + reach
    bottom = min(ceil(bounds[:, 3].max()), frame_shape[0]) + reach
    width = ceil((right - left) / multiple) * multiple
    height = ceil((bottom - top) / multiple) * multiple
    return left, top, left + width, top + height


def _paint(
    parts: PosedParts, area: Box, resolution: float, species: Species, pose: Pose, light: Light
) -> Tile:
    """The parts over one another, in a tile that covers the area."""
    left, top, right, bottom = area
    tile = np.zeros((round((bottom - top) * resolution), round((right - left) * resolution), 4), np.float32)
    to_tile = np.array([[resolution, 0, -left * resolution], [0, resolution, -top * resolution], [0, 0, 1]])
    planes = to_tile @ parts.planes
    shadings = _shadings(parts, light)
    tint = _tint_matrix(species.mean_luma, pose)
    light_gain = _display(np.array(light.rgb))[:, None]
    scale = resolution * pose.size_px / species.forewing_units
    # One pixel more on every side: bilinear sampling reaches out by half a pixel.
    boxes = ((parts.bounds - [left, top, left, top]) * resolution + [-1, -1, 2, 2]).astype(int).tolist()
    for part in parts.order:
        x0, y0 = max(boxes[part][0], 0), max(boxes[part][1], 0)
        x1, y1 = min(boxes[part][2], tile.shape[1]), min(boxes[part][3], tile.shape[0])
        if x0 >= x1 or y0 >= y1:
            continue
        texture, shading = species.parts[part], shadings[part]
        level = _mip_level(texture, scale, parts.facing[part])
        face = _lit_face(texture, level, parts.facing[part] >= 0, shading)
        plane = planes[part] @ texture.mip_to_largest[level]
        plane[0] -= (x0 + 0.5) * plane[2]  # OpenCV counts from pixel centres, the geometry from corners
        plane[1] -= (y0 + 0.5) * plane[2]
        patch = cv2.warpPerspective(face, plane, (x1 - x0, y1 - y0))
        colour = tint.copy()
        colour[:3] *= shading.brightness * light_gain
        patch = cv2.transform(patch, colour)
        below = tile[y0:y1, x0:x1]
        below *= cv2.transform(patch, BACKGROUND_SHARE)
        below += patch
    return tile


def _mip_level(texture: Texture, px_per_unit: float, facing: float) -> int:
    """The mip with one to MIP_STEP texels per pixel; smaller where the part is strongly foreshortened."""
    shrinking = log2(texture.px_per_unit / px_per_unit)
    foreshortening = -log2(max(abs(facing), 2**-8))
    smoothed = max(foreshortening - SHARP_FORESHORTENING, 0) * FORESHORTENED_LOSS
    return min(max(floor((shrinking + smoothed) / log2(MIP_STEP)), 0), len(texture.dorsal) - 1)


def _shadings(parts: PosedParts, light: Light) -> list[Shading]:
    """Lambert's law on both sides of each part, light through it, and a highlight for iridescence."""
    to_light = np.array(light.direction) / np.linalg.norm(light.direction)
    half_way = to_light + TOWARD_CAMERA
    half_way /= sqrt(half_way @ half_way)
    shadings = []
    for facing, lit, tip_lit, highlight in zip(
        parts.facing,
        (parts.normals @ to_light).tolist(),
        (parts.tip_normals @ to_light).tolist(),
        (parts.normals @ half_way).tolist(),
        strict=True,
    ):
        if facing < 0:
            lit, tip_lit = -lit, -tip_lit
        brightness = _display(light.ambient + light.diffuse * max(lit, 0.0))
        tip_brightness = _display(light.ambient + light.diffuse * max(tip_lit, 0.0))
        shine = TRANSLUCENCY * _display(light.diffuse * max(-lit, 0.0)) / brightness
        flash = FLASH_REST + FLASH_GAIN * max(highlight, 0.0) ** FLASH_EXPONENT
        shadings.append(Shading(brightness, tip_brightness / brightness - 1, shine, flash))
    return shadings


def _display(linear: Any) -> Any:
    """Linear light (a number or an array) to display space."""
    return linear ** (1 / DISPLAY_GAMMA)


def _lit_face(texture: Texture, level: int, shows_back: bool, shading: Shading) -> Tile:
    """The visible face with every effect of light that varies over it."""
    face: Tile = (texture.dorsal if shows_back else texture.ventral)[level].astype(np.float32)
    if texture.glow and shading.shine > 0:
        face += texture.glow[level] * np.float32(shading.shine)
    if texture.flash and shows_back:
        face += texture.flash[level] * np.float32(shading.flash)
    if texture.ramp:
        face += face * texture.ramp[level] * np.float32(shading.tip_change / 255)
    return face


def _tint_matrix(mean_luma: float, pose: Pose) -> NDArray[np.float32]:
    """(4,4) for premultiplied RGBA that lays the tint over a wing and keeps the wing's light and dark."""
    matrix = np.eye(4, dtype=np.float32)
    if pose.tint_strength > 0:
        cover = TINT_COVER * pose.tint_strength
        tint = np.array(pose.tint, np.float32)[:, None]
        matrix[:3, :3] = (1 - cover) * matrix[:3, :3] + cover * TINT_PATTERN / mean_luma * tint * LUMA
        matrix[:3, 3:] = cover * (1 - TINT_PATTERN) * tint
    return matrix


def _mean(tiles: list[Tile]) -> Tile:
    if len(tiles) == 1:
        return tiles[0]
    return sum(tiles[1:], tiles[0]) / np.float32(len(tiles))


def _finish(tile: Tile, area: Box, resolution: float, pose: Pose) -> Tile:
    """Blur, opacity, and the size of the area in frame pixels."""
    if pose.blur_px > 0.25:
        tile = cv2.GaussianBlur(tile, (0, 0), pose.blur_px * resolution, borderType=cv2.BORDER_CONSTANT)
    if pose.opacity < 1:
        tile = tile * np.float32(pose.opacity)
    if resolution != 1:
        size = (area[2] - area[0], area[3] - area[1])
        tile = cv2.resize(tile, size, interpolation=cv2.INTER_AREA if resolution > 1 else cv2.INTER_LINEAR)
    return tile

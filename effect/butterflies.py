"""Draw one butterfly into a frame: four hinged wings and a body, lit, tinted, blended.

The parts are painted back to front into a small premultiplied RGBA tile, which is blended once, so that
opacity and blur treat the butterfly as a whole. Colours are blended in display (sRGB) space throughout.
"""

from dataclasses import dataclass, replace
from math import ceil, floor, log2, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.species import LUMA, MIP_STEP, Species, load_species, species_names
from effect.wings import Part, Pose, posed_parts

__all__ = ["Light", "Pose", "Species", "draw_butterfly", "load_species", "species_names"]

DISPLAY_GAMMA = 2.2
TRANSLUCENCY = 0.75  # brightness of light that shines through a fully translucent wing
FLASH_EXPONENT, FLASH_GAIN, FLASH_REST = 6, 0.85, -0.14  # iridescence: bright in the highlight, dark off it
TINT_COVER = 0.92  # share of a wing's own colour that a full tint replaces
TINT_PATTERN = 0.6  # share of the wing's light and dark that a tint keeps
SHARP_FORESHORTENING = 1.6  # octaves of foreshortening that need no smoothing; beyond it, wings seen
FORESHORTENED_LOSS = 0.8  # edge-on would break into dots: so much of every further octave is smoothed away
SMALL_PX = 26  # forewings shorter than this are painted at twice the size and reduced
SHUTTER = 0.5  # share of the frame time during which a beating wing is seen
BLUR_STEP_PX, MOST_SAMPLES = 5, 4  # motion blur: one wing position per so many pixels of tip travel

# What is left of the background under a premultiplied RGBA tile: 255 - alpha in every channel.
BACKGROUND_SHARE = np.array([[0, 0, 0, -1, 255]] * 4, np.float32)

Tile = NDArray[np.uint8]  # (h,w,4) premultiplied RGBA
Box = tuple[int, int, int, int]  # left, top, right, bottom in frame pixels


@dataclass(frozen=True)
class Light:
    """One distant light and its surroundings. `direction` points to the light: x right, y up, z to the viewer."""

    direction: tuple[float, float, float] = (-0.45, 0.55, 0.75)
    ambient: float = 0.36
    diffuse: float = 0.85
    rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)


DAYLIGHT = Light()


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
    kept = cv2.multiply(target, cv2.transform(tile, BACKGROUND_SHARE[:3]), scale=1 / 255)
    target[:] = cv2.add(kept, cv2.cvtColor(tile, cv2.COLOR_RGBA2RGB))
    return visible


def _moments(pose: Pose) -> list[Pose]:
    """The pose at evenly spread times while the shutter is open."""
    travel = pose.wing_speed * SHUTTER
    count = min(MOST_SAMPLES, 1 + floor(abs(travel) * pose.size_px / BLUR_STEP_PX))
    if count == 1:
        return [pose]
    offsets = [travel * ((i + 0.5) / count - 0.5) for i in range(count)]
    return [
        replace(pose, forewing_angle=pose.forewing_angle + offset, hindwing_angle=pose.hindwing_angle + offset)
        for offset in offsets
    ]


def _resolution(pose: Pose) -> float:
    """Tile pixels per frame pixel: finer for tiny butterflies, coarser where blur hides the detail."""
    if pose.blur_px < 2.5:
        return 2.0 if pose.size_px < SMALL_PX and pose.blur_px < 1 else 1.0
    return 0.5 ** floor(log2(pose.blur_px / 1.25))


def _area(beats: list[list[Part]], margin: float, frame_shape: tuple[int, ...], multiple: int) -> Box:
    """The parts' bounds, grown by the margin, cut to the surroundings of the frame, in whole steps."""
    corners = np.concatenate([part.corners for parts in beats for part in parts], axis=1)
    reach = ceil(margin)
    left, top = np.maximum(np.floor(corners.min(axis=1)).astype(int) - reach, -reach)
    right = min(ceil(corners[0].max()) + reach, frame_shape[1] + reach)
    bottom = min(ceil(corners[1].max()) + reach, frame_shape[0] + reach)
    width = ceil((right - left) / multiple) * multiple
    height = ceil((bottom - top) / multiple) * multiple
    return int(left), int(top), int(left) + width, int(top) + height


def _paint(parts: list[Part], area: Box, resolution: float, species: Species, pose: Pose, light: Light) -> Tile:
    """The parts over one another, in a tile that covers the area."""
    left, top, right, bottom = area
    tile = np.zeros((round((bottom - top) * resolution), round((right - left) * resolution), 4), np.uint8)
    to_light = np.array(light.direction) / np.linalg.norm(light.direction)
    for part in parts:
        # OpenCV counts from pixel centres, the geometry from pixel corners.
        corners = (part.corners - [[left], [top]]) * resolution
        x0, y0 = np.maximum(np.floor(corners.min(axis=1) - 0.5).astype(int), 0)
        x1, y1 = np.minimum(np.ceil(corners.max(axis=1) + 0.5).astype(int), tile.shape[1::-1])
        if x0 >= x1 or y0 >= y1:
            continue
        level = _mip_level(part, corners)
        face, gain = _lit_face(part, level, to_light, light)
        shrink_x = part.texture.size_px[0] / face.shape[1]
        shrink_y = part.texture.size_px[1] / face.shape[0]
        from_face = np.array([[shrink_x, 0, shrink_x / 2], [0, shrink_y, shrink_y / 2], [0, 0, 1]])
        to_patch = np.array(
            [
                [resolution, 0, -left * resolution - 0.5 - x0],
                [0, resolution, -top * resolution - 0.5 - y0],
                [0, 0, 1],
            ]
        )
        patch = cv2.warpPerspective(face, to_patch @ part.plane @ from_face, (int(x1 - x0), int(y1 - y0)))
        patch = cv2.transform(patch, _colour_matrix(gain, species.mean_luma, pose))
        below = tile[y0:y1, x0:x1]
        below[:] = cv2.add(patch, cv2.multiply(below, cv2.transform(patch, BACKGROUND_SHARE), scale=1 / 255))
    return tile


def _mip_level(part: Part, corners: NDArray[np.float64]) -> int:
    """The mip with one to MIP_STEP texels per pixel; strongly foreshortened wings take a smaller one."""
    width, height = part.texture.size_px
    across = (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]) / (2 * width)
    along = (corners[:, 3] - corners[:, 0] + corners[:, 2] - corners[:, 1]) / (2 * height)
    # Singular values of the 2x2 map from texels to pixels: its longest and shortest stretch.
    longest = sqrt(across @ across + along @ along + 1e-9)
    area = abs(across[0] * along[1] - across[1] * along[0])
    foreshortening = min(longest**2 / (area + 1e-9), 2**8)
    level = -log2(longest) + max(log2(foreshortening) - SHARP_FORESHORTENING, 0) * FORESHORTENED_LOSS
    return min(max(floor(level / log2(MIP_STEP)), 0), len(part.texture.dorsal) - 1)


def _lit_face(
    part: Part, level: int, to_light: NDArray[np.float64], light: Light
) -> tuple[Tile, NDArray[np.float64]]:
    """The visible face with everything that varies over it, and the RGB gain of the light on it."""
    outward = 1 if part.shows_back else -1
    texture = part.texture
    face = (texture.dorsal if part.shows_back else texture.ventral)[level]
    facing = outward * part.normal @ to_light
    gain = _display(light.ambient + light.diffuse * max(facing, 0)) * _display(np.array(light.rgb))
    if not texture.glow:
        return face, gain
    if facing < 0:
        shine = TRANSLUCENCY * _display(light.diffuse * -facing) / gain.mean()
        face = cv2.addWeighted(face, 1, texture.glow[level], shine, 0)
    if texture.flash and part.shows_back:
        half_way = to_light + [0, 0, 1]
        highlight = max(part.normal @ half_way, 0) / sqrt(half_way @ half_way)
        face = cv2.addWeighted(face, 1, texture.flash[level], FLASH_REST + FLASH_GAIN * highlight**FLASH_EXPONENT, 0)
    tip_gain = _display(light.ambient + light.diffuse * max(outward * part.tip_normal @ to_light, 0))
    change = float(tip_gain / _display(light.ambient + light.diffuse * max(facing, 0)) - 1)
    along = cv2.multiply(face, texture.ramp[level], scale=abs(change) / 255)
    return (cv2.add(face, along) if change > 0 else cv2.subtract(face, along)), gain


def _display(linear):
    return linear ** (1 / DISPLAY_GAMMA)


def _colour_matrix(gain: NDArray[np.float64], mean_luma: float, pose: Pose) -> NDArray[np.float32]:
    """(4,4) for premultiplied RGBA: the light's gain, then the tint, which keeps the wing's light and dark."""
    cover = TINT_COVER * pose.tint_strength
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] *= 1 - cover
    if cover > 0:
        tint = np.array(pose.tint, np.float32)[:, None]
        matrix[:3, :3] += cover * TINT_PATTERN * tint * LUMA / max(mean_luma, 0.05)
        matrix[:3, 3:] = cover * (1 - TINT_PATTERN) * tint
    matrix[:3] *= gain[:, None]
    return matrix


def _mean(tiles: list[Tile]) -> Tile:
    if len(tiles) == 1:
        return tiles[0]
    total = np.zeros(tiles[0].shape, np.float32)
    for tile in tiles:
        cv2.accumulate(tile, total)
    return cv2.convertScaleAbs(total, alpha=1 / len(tiles))


def _finish(tile: Tile, area: Box, resolution: float, pose: Pose) -> Tile:
    """Blur, opacity, and the size of the area in frame pixels."""
    if pose.blur_px > 0.25:
        tile = cv2.GaussianBlur(tile, (0, 0), pose.blur_px * resolution, borderType=cv2.BORDER_CONSTANT)
    if pose.opacity < 1:
        tile = cv2.convertScaleAbs(tile, alpha=pose.opacity)
    if resolution != 1:
        size = (area[2] - area[0], area[3] - area[1])
        tile = cv2.resize(tile, size, interpolation=cv2.INTER_AREA if resolution > 1 else cv2.INTER_LINEAR)
    return tile

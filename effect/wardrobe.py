"""A butterfly's parts as they look in the light: from textures and the person's cloth, at the size that is needed.

Compiled by numba: see `effect.pixels.dress`, which this hands everything to.
"""

from math import cos, floor, log2, sin, sqrt
from typing import NamedTuple

import numpy as np

from effect.compiled import compiled
from effect.pixels import dress
from effect.species import DORSAL, FLASH, GLOW, MIP_STEP, VENTRAL
from effect.wings import BODY, LEFT_WINGS, ROOT_ASIDE

DISPLAY_GAMMA = 2.2
TRANSLUCENCY = 0.40  # brightness of light that shines through a fully translucent wing
FLASH_EXPONENT, FLASH_GAIN, FLASH_REST = 6, 0.62, -0.12  # iridescence: bright in the highlight, dark off it
CLOTH_COVER = 0.92  # share of a wing's own colour that a patch of the person replaces
SHARP_FORESHORTENING = 1.6  # octaves of foreshortening that need no smoothing; beyond it, wings seen
FORESHORTENED_LOSS = 0.8  # edge-on would break into dots: so much of every further octave is smoothed away
UNSEEN = 1 / 512  # changes no level by more than half of one


class Shading(NamedTuple):
    """What the light does to one part; all in display space."""

    brightness: float
    tip_change: float  # of the brightness toward the wing tip, which droops; relative
    shine: float  # light through the wing, relative to the brightness
    flash: float  # iridescence


@compiled
def room_for_parts(atlas, px_per_unit, facing):  # type: ignore[no-untyped-def]
    """Room for all parts as they look in the light, where in it each begins (6,), and the mip of each (5,)."""
    levels, first_texels = np.zeros(5, np.int64), np.zeros(6, np.int64)
    for part in range(5):
        levels[part] = _mip_level(atlas, part, px_per_unit, facing[part])
        _, width, height, _ = atlas.mips[part, levels[part]]
        first_texels[part + 1] = first_texels[part] + width * height
    return np.empty(first_texels[5], np.uint32), first_texels, levels


@compiled
def shrinkage(atlas, part, level):  # type: ignore[no-untyped-def]
    """Texels of a mip per pixel of the largest one, across and down; a border of one texel surrounds each mip."""
    _, width, height, _ = atlas.mips[part, level]
    return (width - 2) / atlas.size_px[part, 0], (height - 2) / atlas.size_px[part, 1]


@compiled
def dress_part(worn, level, parts, part, atlas, cloth, pose, light, colours):  # type: ignore[no-untyped-def]
    """Fill `worn` with a part as it looks in the light: see `effect.pixels.dress`."""
    shading = _shading(parts, part, light)
    gain, haze = _light_on(shading.brightness, pose.patch_strength, light, colours)
    first, width, height, first_row = atlas.mips[part, level]
    texels, rows = slice(first, first + width * height), slice(first_row, first_row + height)
    shrink_x, shrink_y = shrinkage(atlas, part, level)
    hinge_x, hinge_y = atlas.hinge_px[part, 0] * shrink_x + 0.5, atlas.hinge_px[part, 1] * shrink_y + 0.5
    ramp_x, ramp_y = 1 / (shrink_x * atlas.reach_px[part]), 1 / (shrink_y * atlas.reach_px[part])
    shows_back = parts.facing[part] >= 0
    face = atlas.texels[DORSAL if shows_back else VENTRAL][texels]
    ramp = hinge_x, hinge_y, ramp_x, ramp_y, shading.tip_change
    shine = shading.shine if part != BODY else 0.0
    shimmer = shading.flash if atlas.shimmers and shows_back and part != BODY else 0.0
    cover = CLOTH_COVER * pose.patch_strength
    glow, flash = atlas.texels[GLOW][texels], atlas.texels[FLASH][texels]
    to_cloth = _texels_to_cloth(pose, atlas, part, shrink_x, shrink_y)
    whole_cloth, cloth_size = cloth.reshape(-1), (cloth.shape[1], cloth.shape[0])
    look = worn, (width, height), atlas.visible[rows], face, ramp, gain, haze
    cut = cloth_size, to_cloth, cover, 1 / atlas.mean_luma
    # What is None is left out of the machine code: from the rarest look, which needs everything, to the plainest.
    if shine > UNSEEN:
        dress(*look, glow, flash, shine, shimmer, whole_cloth, *cut)
    elif abs(shimmer) > UNSEEN:
        dress(*look, None, flash, shine, shimmer, whole_cloth, *cut)
    elif cover > UNSEEN:
        dress(*look, None, None, shine, shimmer, whole_cloth, *cut)
    else:
        dress(*look, None, None, shine, shimmer, None, *cut)


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
def _texels_to_cloth(pose, atlas, part, shrink_x, shrink_y):  # type: ignore[no-untyped-def]
    """(2,3) texels of a mip, from the centre of its border -> pixels of the cloth, from the centre of its first.

    The wings were cut out while they lay flat, with their roots beside the butterfly's centre.
    """
    x_px, y_px, yaw = pose.patch_x_px, pose.patch_y_px, pose.patch_yaw
    px_per_unit = pose.patch_size_px / atlas.forewing_units
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

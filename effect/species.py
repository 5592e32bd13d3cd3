"""Butterfly species: wing and body textures from assets/butterflies, prepared for drawing.

Only the right wings are stored; the left ones are their mirror images. All textures are kept as
premultiplied RGBA in display (sRGB) space, in chains of shrinking copies ("mips"), so that a butterfly
of 8 pixels and one of 300 are both sampled at about one texel per pixel.
"""

import os
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError

SPECIES_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "butterflies"
MIP_STEP = 2**0.5  # size ratio of neighbouring mips: small enough that switching between them never shows
SMALLEST_MIP_PX = 5
OUTLINE_ROOM_PX = 4
GROUP = 8  # texels that compiled code handles at once
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709


DORSAL, VENTRAL, GLOW, FLASH = range(4)  # layers of a texture


@dataclass(frozen=True, eq=False)
class Texture:
    """One flat part, in mips, largest first: each premultiplied RGBA uint8 (4,h,w,4), one layer per face or effect.

    Glow (light that shines through) and flash (iridescence) have alpha 0: they change a face's colour in
    proportion to the light and leave its shape alone. A transparent border of one texel surrounds each mip.
    """

    mips: tuple[NDArray[np.uint8], ...]
    size_px: tuple[int, int]  # width, height of the largest mip, without its border
    hinge_px: tuple[float, float]  # where the part is fixed to the body, in the largest mip
    reach_px: float  # from the hinge to the farthest visible texel, in the largest mip
    px_per_unit: float
    outline_px: NDArray[np.float64]  # (n,2) convex hull of what is visible


class Atlas(NamedTuple):
    """The textures of a species as compiled code takes them. Arrays of five are indexed by part: see effect.wings."""

    texels: NDArray[np.uint32]  # (4,n) RGBA, per layer: all mips of all textures in a row
    mips: NDArray[np.int64]  # (5,m,4) first texel, width and height with the border, first row
    visible: NDArray[np.int32]  # (r,2) of each row of each mip, the columns [first, last) that hold anything
    mip_count: NDArray[np.int64]  # (5,)
    size_px: NDArray[np.float64]  # (5,2) as in Texture
    hinge_px: NDArray[np.float64]  # (5,2)
    reach_px: NDArray[np.float64]  # (5,)
    px_per_unit: NDArray[np.float64]  # (5,)
    outlines: NDArray[np.float64]  # (5,n,2); short ones repeat their last point
    forewing_units: float  # hinge to wing tip
    shimmers: bool
    mean_luma: float  # of the dorsal forewing, 0-1: what a tint is measured against


class Atlases(NamedTuple):
    """The atlases of several species in one: all but texels and visible rows have one more axis, in front, for them."""

    texels: NDArray[np.uint32]
    mips: NDArray[np.int64]
    visible: NDArray[np.int32]
    mip_count: NDArray[np.int64]
    size_px: NDArray[np.float64]
    hinge_px: NDArray[np.float64]
    reach_px: NDArray[np.float64]
    px_per_unit: NDArray[np.float64]
    outlines: NDArray[np.float64]
    forewing_units: NDArray[np.float64]
    shimmers: NDArray[np.bool_]
    mean_luma: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Species:
    """A butterfly in model units: body along +y (head up), right wing along +x, its back toward +z."""

    name: str
    common_name: str
    atlas: Atlas
    wing_rgb: tuple[float, ...]  # mean colour of the forewings' backs, at full brightness
    body_rgb: tuple[float, ...]
    fur_rgb: tuple[float, ...]


def species_names() -> list[str]:
    """All species that come with the project, in alphabetical order."""
    return sorted(path.parent.name for path in SPECIES_FOLDER.glob("*/species.toml"))


def is_folder(name: str) -> bool:
    """Whether the name of a species is the path of a folder."""
    return os.sep in name or "/" in name


@cache
def load_species(name: str) -> Species:
    """Textures and measures of a species, loaded once; the path of a folder stands for a species of the user's own.

    Unknown name or broken file: UserError.
    """
    if is_folder(name):
        return read_species(Path(name))
    if name not in species_names():
        raise UserError(f"unknown species '{name}'; choose from: {', '.join(species_names())}")
    return read_species(SPECIES_FOLDER / name)


def read_species(folder: Path) -> Species:
    """Read a species folder: species.toml, {forewing,hindwing}_{dorsal,ventral,mask} and body, .webp or .png."""
    facts = _read_facts(folder / "species.toml")
    try:
        shimmer = facts.get("iridescence_rgb")
        forewing, mean_rgb = _read_wing(folder, "forewing", facts["forewing"], shimmer)
        hindwing, _ = _read_wing(folder, "hindwing", facts["hindwing"], shimmer)
        mean_luma = _luma_of(mean_rgb)
        body = _read_body(folder, facts["body"])
        return Species(
            name=folder.name,
            common_name=facts["common_name"],
            atlas=_atlas(forewing, hindwing, body, shimmer is not None, mean_luma),
            wing_rgb=tuple((mean_rgb / max(mean_rgb.max(), 0.05)).tolist()),
            body_rgb=tuple(facts["body_rgb"]),
            fur_rgb=tuple(facts["fur_rgb"]),
        )
    except KeyError as missing:
        raise UserError(
            f"{folder / 'species.toml'} lacks {missing}; see assets/butterflies/README.md"
        ) from None


def texture_file(folder: Path, name: str) -> Path:
    """Where a texture lies: a WebP file, or a PNG where there is no such."""
    webp, png = folder / f"{name}.webp", folder / f"{name}.png"
    return png if png.is_file() and not webp.is_file() else webp


def _read_facts(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UserError(f"cannot read {path}: {fault}; restore the file") from None


def _read_image(path: Path, channels: int) -> NDArray[np.float32]:
    """An image file as float32 (h,w,channels) 0-1, straight RGB(A)."""
    data = np.fromfile(path, np.uint8) if path.is_file() else np.empty(0, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None or image.ndim != 3 or image.shape[2] != channels:
        raise UserError(f"broken butterfly texture {path}; restore the file")
    order = cv2.COLOR_BGRA2RGBA if channels == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(image, order).astype(np.float32) / np.float32(255)


def _read_wing(
    folder: Path, part: str, facts: dict, shimmer: list | None
) -> tuple[Texture, NDArray[np.float32]]:
    """The wing and the mean colour of its back, 0-1."""
    dorsal = _premultiplied(_read_image(texture_file(folder, f"{part}_dorsal"), 4))
    ventral = _premultiplied(_read_image(texture_file(folder, f"{part}_ventral"), 4))
    mask = _read_image(texture_file(folder, f"{part}_mask"), 3)
    if not dorsal.shape[:2] == ventral.shape[:2] == mask.shape[:2]:
        raise UserError(f"the {part} textures in {folder} differ in size; restore the files")
    luma = dorsal[..., :3] @ LUMA
    alpha = dorsal[..., 3]
    mean_rgb = dorsal[..., :3].sum(axis=(0, 1)) / max(float(alpha.sum()), 1)
    mean_luma = _luma_of(mean_rgb)
    glow = dorsal * mask[..., 1:2]
    flash = (mask[..., 0] * (0.35 * alpha + 0.65 * luma / mean_luma))[..., None] * np.array(
        [*(shimmer or (0, 0, 0)), 0], np.float32
    )
    glow[..., 3] = 0
    outline = _outline(np.maximum(alpha, ventral[..., 3]))
    return _texture([dorsal, ventral, glow, flash], facts, outline), mean_rgb


def _luma_of(rgb: NDArray[np.float32]) -> float:
    return max(float(rgb @ LUMA), 0.05)


def _read_body(folder: Path, facts: dict) -> Texture:
    card = _premultiplied(_read_image(texture_file(folder, "body"), 4))
    unlit = np.zeros_like(card)
    return _texture([card, card, unlit, unlit], facts, _outline(card[..., 3]))


def _texture(layers: list[NDArray[np.float32]], facts: dict, outline_px: NDArray[np.float64]) -> Texture:
    alpha = layers[DORSAL][..., 3]
    hinge_x, hinge_y = facts["hinge_px"]
    rows, columns = np.nonzero(alpha > 0.5)
    return Texture(
        mips=tuple(np.stack(mip) for mip in zip(*(_mips(layer) for layer in layers), strict=True)),
        size_px=(alpha.shape[1], alpha.shape[0]),
        hinge_px=(hinge_x, hinge_y),
        reach_px=float(np.hypot(columns - hinge_x, rows - hinge_y).max()),
        px_per_unit=facts["px_per_unit"],
        outline_px=outline_px,
    )


def _atlas(forewing: Texture, hindwing: Texture, body: Texture, shimmers: bool, mean_luma: float) -> Atlas:
    """Left hind, left fore, right hind, right fore wing, body: the order that effect.wings counts in."""
    textures = (hindwing, forewing, body)
    all_mips = [mip for texture in textures for mip in texture.mips]
    texels = [mip.reshape(4, -1, 4).view(np.uint32)[..., 0] for mip in all_mips]
    first_texels = iter(np.cumsum([0] + [mip.shape[1] * mip.shape[2] for mip in all_mips]).tolist())
    first_rows = iter(np.cumsum([0] + [mip.shape[1] for mip in all_mips]).tolist())
    mips = [
        [(next(first_texels), mip.shape[2], mip.shape[1], next(first_rows)) for mip in texture.mips]
        for texture in textures
    ]
    most_mips = max(len(levels) for levels in mips)
    most_points = max(len(texture.outline_px) for texture in textures)
    padded = [levels + levels[-1:] * (most_mips - len(levels)) for levels in mips]
    outlines = [
        np.pad(texture.outline_px, ((0, most_points - len(texture.outline_px)), (0, 0)), "edge")
        for texture in textures
    ]
    order = [0, 1, 0, 1, 2]
    return Atlas(
        texels=np.concatenate(texels, axis=1),
        mips=np.array(padded)[order],
        visible=np.concatenate([_visible(mip) for mip in all_mips]),
        mip_count=np.array([len(levels) for levels in mips])[order],
        size_px=np.array([texture.size_px for texture in textures], float)[order],
        hinge_px=np.array([texture.hinge_px for texture in textures], float)[order],
        reach_px=np.array([texture.reach_px for texture in textures])[order],
        px_per_unit=np.array([texture.px_per_unit for texture in textures], float)[order],
        outlines=np.array(outlines)[order],
        forewing_units=forewing.reach_px / forewing.px_per_unit,
        shimmers=shimmers,
        mean_luma=mean_luma,
    )


@lru_cache(32)  # one species costs next to nothing, and a clip asks for each and for all together
def atlases_of(species: tuple[Species, ...]) -> Atlases:
    """What compiled code needs to draw any of these."""
    own = [one.atlas for one in species]
    joined = ("texels", "visible", "mips", "outlines")
    alike = {
        name: np.stack([getattr(atlas, name) for atlas in own])
        for name in Atlas._fields
        if name not in joined
    }
    if len(own) == 1:  # nothing to copy
        (atlas,) = own
        return Atlases(atlas.texels, atlas.mips[None], atlas.visible, outlines=atlas.outlines[None], **alike)
    places = np.cumsum([[0, 0, 0, 0], *([a.texels.shape[1], 0, 0, len(a.visible)] for a in own)], axis=0)
    most_mips = max(atlas.mips.shape[1] for atlas in own)
    most_points = max(atlas.outlines.shape[1] for atlas in own)
    return Atlases(
        texels=np.concatenate([atlas.texels for atlas in own], axis=1),
        visible=np.concatenate([atlas.visible for atlas in own]),
        mips=np.stack(
            [_lengthened(a.mips + place, most_mips) for a, place in zip(own, places, strict=False)]
        ),
        outlines=np.stack([_lengthened(atlas.outlines, most_points) for atlas in own]),
        **alike,
    )


def _lengthened(array: NDArray[Any], length: int) -> NDArray[Any]:
    """An array (5,n,k) as (5,length,k): the last entry goes on."""
    return np.pad(array, ((0, 0), (0, length - array.shape[1]), (0, 0)), "edge")


def _visible(mip: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Of each row of a mip (4,h,w,4), the columns [first, last) of texels that are not empty: int32 (h,2).

    In whole groups where the row has room, as a compiler that works on many texels is slow at odd ends.
    """
    holds = np.bitwise_or.reduce(mip.view(np.uint32)[..., 0], axis=0) > 0
    width = holds.shape[1]
    first, last = np.argmax(holds, axis=1), width - np.argmax(holds[:, ::-1], axis=1)
    length = np.minimum(-(-(last - first) // GROUP) * GROUP, width)
    first = np.minimum(first, width - length)
    spans = np.stack([first, first + length], axis=1)
    return np.where(np.any(holds, axis=1, keepdims=True), spans, 0).astype(np.int32)


def _outline(alpha: NDArray) -> NDArray[np.float64]:
    """Convex hull (n,2) of the visible texels, with room around it for the smoothing of smaller mips."""
    grown = cv2.dilate((alpha > 0.02).astype(np.uint8), np.ones((2 * OUTLINE_ROOM_PX + 1,) * 2, np.uint8))
    contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(contours))
    return cv2.approxPolyDP(hull, 1.0, True)[:, 0].astype(np.float64)


def _premultiplied(rgba: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.dstack([rgba[..., :3] * rgba[..., 3:], rgba[..., 3]])


def _mips(image: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """The image and its copies shrunk by powers of MIP_STEP, rounded to uint8, each with an empty border."""
    height, width = image.shape[:2]
    scaled: list[NDArray[np.float32]] = []
    while min(height, width) >= SMALLEST_MIP_PX or not scaled:
        larger = scaled[-2] if len(scaled) > 1 else image  # twice as large: fast to shrink, and as good
        shrunk = cv2.resize(larger, (width, height), interpolation=cv2.INTER_AREA)
        scaled.append(np.asarray(shrunk, np.float32))
        factor = MIP_STEP ** len(scaled)
        height, width = round(image.shape[0] / factor), round(image.shape[1] / factor)
    return [_in_levels(level) for level in scaled]


def _in_levels(mip: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Shares as levels, 255 at most, for a flash may be brighter than white; with an empty border."""
    levels = cv2.convertScaleAbs(np.maximum(mip, 0), alpha=255)
    return np.asarray(cv2.copyMakeBorder(levels, 1, 1, 1, 1, cv2.BORDER_CONSTANT), np.uint8)

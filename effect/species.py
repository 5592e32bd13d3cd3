"""Butterfly species: wing and body textures from assets/butterflies, prepared for drawing.

Only the right wings are stored; the left ones are their mirror images. All textures are kept as
premultiplied RGBA in display (sRGB) space, in chains of shrinking copies ("mips"), so that a butterfly
of 8 pixels and one of 300 are both sampled at about one texel per pixel.
"""

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError

SPECIES_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "butterflies"
MIP_STEP = 2**0.5  # size ratio of neighbouring mips: small enough that switching between them never shows
SMALLEST_MIP_PX = 5
OUTLINE_ROOM_PX = 4
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709


@dataclass(frozen=True, eq=False)
class Texture:
    """One flat part. Every tuple holds mips, largest first: premultiplied RGBA uint8 (h,w,4).

    `glow` (light that shines through), `flash` (iridescence) and `ramp` (0 at the root, 1 at the tip) have
    alpha 0: they change a face's colour in proportion to the light and leave its shape alone.
    """

    dorsal: tuple[NDArray[np.uint8], ...]
    ventral: tuple[NDArray[np.uint8], ...]
    glow: tuple[NDArray[np.uint8], ...]
    flash: tuple[NDArray[np.uint8], ...]  # empty where nothing shimmers
    ramp: tuple[NDArray[np.uint8], ...]
    size_px: tuple[int, int]  # width, height of the largest mip
    hinge_px: tuple[float, float]  # where the part is fixed to the body, in the largest mip
    px_per_unit: float
    outline_px: NDArray[np.float64]  # (n,2) convex hull of what is visible

    @cached_property
    def mip_to_largest(self) -> list[NDArray[np.float64]]:
        """(3,3) per mip: indices of its texels, counted from their centres, -> pixels of the largest mip."""
        matrices = []
        for mip in self.dorsal:
            x, y = self.size_px[0] / mip.shape[1], self.size_px[1] / mip.shape[0]
            matrices.append(np.array([[x, 0, x / 2], [0, y, y / 2], [0, 0, 1]]))
        return matrices


@dataclass(frozen=True, eq=False)
class Species:
    """A butterfly in model units: body along +y (head up), right wing along +x, its back toward +z."""

    name: str
    common_name: str
    forewing: Texture
    hindwing: Texture
    body: Texture
    forewing_units: float  # hinge to wing tip
    mean_luma: float  # of the dorsal wings, 0-1: what a tint is measured against
    body_rgb: tuple[float, ...]
    fur_rgb: tuple[float, ...]

    @cached_property
    def parts(self) -> tuple[Texture, ...]:
        """Left hind, left fore, right hind, right fore wing, body: the order that effect.wings counts in."""
        return (self.hindwing, self.forewing, self.hindwing, self.forewing, self.body)

    @cached_property
    def texture_to_card(self) -> NDArray[np.float64]:
        """(5,3,3) per part: texture pixels -> units (across, along, 1) from the hinge."""
        matrices = np.zeros((5, 3, 3))
        for matrix, part in zip(matrices, self.parts, strict=True):
            hinge_x, hinge_y = part.hinge_px
            matrix[:] = [[1, 0, -hinge_x], [0, -1, hinge_y], [0, 0, part.px_per_unit]]
            matrix /= part.px_per_unit
        return matrices

    @cached_property
    def outlines(self) -> NDArray[np.float64]:
        """(5,3,n) per part: homogeneous texture pixels of its outline; short ones repeat their last point."""
        count = max(len(part.outline_px) for part in self.parts)
        points = np.ones((5, 3, count))
        for homogeneous, part in zip(points, self.parts, strict=True):
            homogeneous[:2] = np.pad(part.outline_px, ((0, count - len(part.outline_px)), (0, 0)), "edge").T
        return points


def species_names() -> list[str]:
    """All species that come with the project, in alphabetical order."""
    return sorted(path.parent.name for path in SPECIES_FOLDER.glob("*/species.toml"))


def load_species(name: str) -> Species:
    """Textures and measures of a species, loaded once. Unknown name or broken file: UserError."""
    if name not in species_names():
        raise UserError(f"unknown species '{name}'; choose from: {', '.join(species_names())}")
    return read_species(SPECIES_FOLDER / name)


@cache
def read_species(folder: Path) -> Species:
    """Read a species folder: species.toml, {forewing,hindwing}_{dorsal,ventral,mask}.webp and body.webp."""
    facts = _read_facts(folder / "species.toml")
    try:
        shimmer = facts.get("iridescence_rgb")
        forewing, reach, luma = _read_wing(folder, "forewing", facts["forewing"], shimmer)
        hindwing, _, _ = _read_wing(folder, "hindwing", facts["hindwing"], shimmer)
        return Species(
            name=folder.name,
            common_name=facts["common_name"],
            forewing=forewing,
            hindwing=hindwing,
            body=_read_body(folder, facts["body"]),
            forewing_units=reach,
            mean_luma=luma,
            body_rgb=tuple(facts["body_rgb"]),
            fur_rgb=tuple(facts["fur_rgb"]),
        )
    except KeyError as missing:
        raise UserError(
            f"{folder / 'species.toml'} lacks {missing}; see assets/butterflies/README.md"
        ) from None


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


def _read_wing(folder: Path, part: str, facts: dict, shimmer: list | None) -> tuple[Texture, float, float]:
    """The wing, the distance from its hinge to its tip in units, and its mean brightness."""
    dorsal = _premultiplied(_read_image(folder / f"{part}_dorsal.webp", 4))
    ventral = _premultiplied(_read_image(folder / f"{part}_ventral.webp", 4))
    mask = _read_image(folder / f"{part}_mask.webp", 3)
    if not dorsal.shape[:2] == ventral.shape[:2] == mask.shape[:2]:
        raise UserError(f"the {part} textures in {folder} differ in size; restore the files")
    luma = dorsal[..., :3] @ LUMA
    alpha = dorsal[..., 3]
    mean_luma = max(float(luma.sum() / max(alpha.sum(), 1)), 0.05)
    glow = dorsal * mask[..., 1:2]
    flash = (mask[..., 0] * (0.35 * alpha + 0.65 * luma / mean_luma))[..., None] * np.array(
        [*(shimmer or (0, 0, 0)), 0], np.float32
    )
    glow[..., 3] = 0
    hinge_x, hinge_y = facts["hinge_px"]
    rows, columns = np.indices(alpha.shape)
    distance = np.hypot(columns - hinge_x, rows - hinge_y)
    reach = float(distance[alpha > 0.5].max())
    ramp = np.zeros_like(dorsal)
    ramp[..., :3] = (distance / reach)[..., None]
    texture = Texture(
        dorsal=_mips(dorsal),
        ventral=_mips(ventral),
        glow=_mips(glow),
        flash=_mips(flash) if shimmer else (),
        ramp=_mips(ramp),
        size_px=(alpha.shape[1], alpha.shape[0]),
        hinge_px=(hinge_x, hinge_y),
        px_per_unit=facts["px_per_unit"],
        outline_px=_outline(np.maximum(alpha, ventral[..., 3])),
    )
    return texture, reach / facts["px_per_unit"], mean_luma


def _read_body(folder: Path, facts: dict) -> Texture:
    card = _mips(_premultiplied(_read_image(folder / "body.webp", 4)))
    height, width = card[0].shape[:2]
    outline = _outline(card[0][..., 3] / 255)
    hinge_x, hinge_y = facts["hinge_px"]
    return Texture(card, card, (), (), (), (width, height), (hinge_x, hinge_y), facts["px_per_unit"], outline)


def _outline(alpha: NDArray) -> NDArray[np.float64]:
    """Convex hull (n,2) of the visible texels, with room around it for the smoothing of smaller mips."""
    grown = cv2.dilate((alpha > 0.02).astype(np.uint8), np.ones((2 * OUTLINE_ROOM_PX + 1,) * 2, np.uint8))
    rows, columns = np.nonzero(grown)
    hull = cv2.convexHull(np.stack([columns, rows], axis=1).astype(np.int32))
    return cv2.approxPolyDP(hull, 1.0, True)[:, 0].astype(np.float64)


def _premultiplied(rgba: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.dstack([rgba[..., :3] * rgba[..., 3:], rgba[..., 3]])


def _mips(image: NDArray[np.float32]) -> tuple[NDArray[np.uint8], ...]:
    """The image and its copies shrunk by powers of MIP_STEP, rounded to uint8."""
    height, width = image.shape[:2]
    levels: list[NDArray[np.uint8]] = []
    while min(height, width) >= SMALLEST_MIP_PX or not levels:
        scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        levels.append(np.clip(scaled * 255 + 0.5, 0, 255).astype(np.uint8))
        factor = MIP_STEP ** len(levels)
        height, width = round(image.shape[0] / factor), round(image.shape[1] / factor)
    return tuple(levels)

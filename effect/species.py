"""Butterfly species: wing and body textures from assets/butterflies, prepared for drawing.

Only the right wings are stored; the left ones are their mirror images. All textures are kept as
premultiplied RGBA in display (sRGB) space, in chains of shrinking copies ("mips"), so that a butterfly
of 8 pixels and one of 300 are both sampled at about one texel per pixel.
"""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError

SPECIES_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "butterflies"
MIP_STEP = 2**0.5  # size ratio of neighbouring mips: small enough that switching between them never shows
SMALLEST_MIP_PX = 5
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


def species_names() -> list[str]:
    """All species that come with the project, in alphabetical order."""
    return sorted(path.parent.name for path in SPECIES_FOLDER.glob("*/species.toml"))


def load_species(name: str) -> Species:
    """Textures and measures of a species, loaded once. Unknown name or broken file: UserError."""
    if name not in species_names():
        raise UserError(f"unknown species '{name}'; choose from: {', '.join(species_names())}")
    return read_species(SPECIES_FOLDER / name)


@lru_cache(maxsize=None)
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
        raise UserError(f"{folder / 'species.toml'} lacks {missing}; see assets/butterflies/README.md") from None


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
    return cv2.cvtColor(image, order).astype(np.float32) / 255


def _read_wing(folder: Path, part: str, facts: dict, shimmer: list | None) -> tuple[Texture, float, float]:
    """The wing, the distance from its hinge to its tip in units, and its mean brightness."""
    dorsal = _premultiplied(_read_image(folder / f"{part}_dorsal.webp", 4))
    ventral = _premultiplied(_read_image(folder / f"{part}_ventral.webp", 4))
    mask = _read_image(folder / f"{part}_mask.webp", 3)
    if not dorsal.shape[:2] == ventral.shape[:2] == mask.shape[:2]:
        raise UserError(f"the {part} textures in {folder} differ in size; restore the files")
    luma = dorsal[..., :3] @ LUMA
    alpha = dorsal[..., 3]
    mean_luma = float(luma.sum() / max(alpha.sum(), 1))
    glow = dorsal * mask[..., 1:2]
    flash = (mask[..., 0] * (0.35 * alpha + 0.65 * luma / max(mean_luma, 0.05)))[..., None] * np.array(
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
    )
    return texture, reach / facts["px_per_unit"], mean_luma


def _read_body(folder: Path, facts: dict) -> Texture:
    card = _mips(_premultiplied(_read_image(folder / "body.webp", 4)))
    height, width = card[0].shape[:2]
    return Texture(card, card, (), (), (), (width, height), tuple(facts["hinge_px"]), facts["px_per_unit"])


def _premultiplied(rgba: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.dstack([rgba[..., :3] * rgba[..., 3:], rgba[..., 3]])


def _mips(image: NDArray[np.float32]) -> tuple[NDArray[np.uint8], ...]:
    """The image and its copies shrunk by powers of MIP_STEP, rounded to uint8."""
    height, width = image.shape[:2]
    levels = []
    while min(height, width) >= SMALLEST_MIP_PX or not levels:
        scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        levels.append(np.clip(scaled * 255 + 0.5, 0, 255).astype(np.uint8))
        factor = MIP_STEP ** len(levels)
        height, width = round(image.shape[0] / factor), round(image.shape[1] / factor)
    return tuple(levels)

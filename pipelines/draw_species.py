"""Draw every species, wings and body: `python -m pipelines.draw_species [NAME ...]`.

The pictures go to assets/butterflies/<species>/. species.toml is written by hand: it gives the body's colours,
and repeats the hinges, which this command prints.
"""

import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from effect.species import SPECIES_FOLDER
from pipelines.species_art import iridescent, pale, patterned
from pipelines.species_art.bodies import draw_body
from pipelines.species_art.brush import Painting
from pipelines.species_art.canvas import DISPLAY_GAMMA, PX_PER_UNIT, Wing


@dataclass(frozen=True)
class Recipe:
    """A wing shape, how deep its margin is scalloped (forewing, hindwing), what is painted on it, a seed."""

    shape: str
    scallops: tuple[float, float]
    paint: Callable[[Wing], Painting]
    seed: int


RECIPES = {
    "common_blue": Recipe("round", (0, 0), iridescent.common_blue, 31),
    "emerald": Recipe("swallowtail", (0.012, 0.05), iridescent.emerald, 25),
    "glasswing": Recipe("long", (0, 0), pale.glasswing, 61),
    "monarch": Recipe("monarch", (0.015, 0.03), patterned.monarch, 3),
    "morpho": Recipe("broad", (0.02, 0.035), iridescent.morpho, 1),
    "orange_tip": Recipe("round", (0, 0), pale.orange_tip, 11),
    "peacock": Recipe("peaked", (0.03, 0.045), patterned.peacock, 41),
    "postman": Recipe("long", (0, 0.01), patterned.postman, 51),
    "rose_morpho": Recipe("broad", (0.012, 0.05), iridescent.rose_morpho, 27),
    "sulphur": Recipe("round", (0, 0), pale.sulphur, 71),
    "tiger_swallowtail": Recipe("swallowtail", (0.01, 0.05), patterned.tiger_swallowtail, 7),
    "ulysses": Recipe("swallowtail", (0.012, 0.05), iridescent.ulysses, 21),
}


def write_wing(name: str, part: str) -> tuple[int, int]:
    """Write the three pictures of one wing; returns its hinge in pixels."""
    recipe = RECIPES[name]
    is_forewing = part == "forewing"
    generator = np.random.default_rng(recipe.seed + (not is_forewing))
    wing = Wing(part, recipe.shape, recipe.scallops[not is_forewing], generator)
    painting = recipe.paint(wing)
    for side, rgb in (("dorsal", painting.dorsal), ("ventral", painting.ventral)):
        display = np.clip(rgb, 0, 1) ** (1 / DISPLAY_GAMMA)
        _save(np.dstack([display, painting.alpha]), f"{name}/{part}_{side}.webp")
    mask = np.dstack([painting.iridescence, painting.translucency, np.zeros(wing.shape)])
    _save(mask, f"{name}/{part}_mask.webp")
    return wing.hinge_px


def write_body(name: str) -> None:
    facts = tomllib.loads((SPECIES_FOLDER / name / "species.toml").read_text(encoding="utf-8"))
    body = draw_body(np.array(facts["body_rgb"]), np.array(facts["fur_rgb"]))
    _save(body, f"{name}/body.webp")


def _save(image: NDArray, place: str) -> None:
    """Write a picture, RGB or straight RGBA, float 0-1."""
    pixels = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(SPECIES_FOLDER / place, quality=90, method=6)


def main(names: list[str]) -> None:
    for name in names or RECIPES:
        for part in ("forewing", "hindwing"):
            hinge_px = list(write_wing(name, part))
            print(f"{name}: [{part}] hinge_px = {hinge_px}, px_per_unit = {PX_PER_UNIT}")
        write_body(name)


if __name__ == "__main__":
    main(sys.argv[1:])

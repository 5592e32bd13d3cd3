"""What the paintings of all species share: the finished wing, veins and margins, undersides."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.species_art.canvas import Colour, Map, Wing, linear, mix, smooth

BLACK: Colour = (14, 11, 10)
WHITE: Colour = (250, 246, 236)


@dataclass(frozen=True)
class Painting:
    """A finished wing: colours in linear light (h,w,3), maps (h,w), all 0-1."""

    dorsal: NDArray
    ventral: NDArray
    translucency: Map
    iridescence: Map
    alpha: Map


def plain(wing: Wing, colour: Colour) -> NDArray:
    return np.zeros((*wing.shape, 3)) + linear(colour)


def finish(
    wing: Wing,
    rgb: NDArray,
    vein: Colour = (20, 12, 8),
    vein_units: float = 0.0045,
    vein_strength: float = 0.85,
    margin: Colour = (12, 9, 8),
    margin_units: float = 0.011,
    fringe: Colour | None = None,
    fur: Colour | None = None,
) -> NDArray:
    """Veins, margin, scales and the shade at the root: what every wing has."""
    from_root = np.hypot(wing.x, wing.y)
    taper = 1.25 - 0.55 * np.clip(wing.radius, 0, 1)
    fade_in = 0.35 + 0.65 * smooth(0.10, 0.45, wing.radius)
    width = vein_units * taper
    rgb = mix(rgb, vein, vein_strength * fade_in * (1 - smooth(0.5, 1.5, wing.vein / width)))
    # The inner half of the margin lies under or over the other wing: a hard line there looks cut out.
    facing_other_wing = wing.across > 0.8 if wing.is_forewing else wing.across < 0.12
    strength = np.where(facing_other_wing, smooth(0.75, 1.0, wing.radius * (from_root > 0.55)), 1.0)
    rgb = mix(rgb, margin, strength * (1 - smooth(0.4, 1.6, wing.edge / margin_units)))
    if fringe is not None:
        rgb = mix(rgb, fringe, 0.85 * (1 - smooth(0.006, 0.010, wing.edge)) * (wing.radius > 0.6))
    pleats = 0.10 * wing.middle * smooth(0.1, 0.5, wing.radius)
    root_shade = 1 - 0.45 * np.exp(-((from_root / 0.13) ** 2))
    rgb = rgb * ((1 + 0.10 * wing.streaks) * (1 + 0.06 * wing.grain) * (1 + pleats) * root_shade)[..., None]
    # Dark scales still catch a little light: without it black areas look like holes.
    darkness = 1 - smooth(0.0, 0.06, rgb.mean(axis=2))
    rgb = rgb + (darkness * (0.0035 + 0.0009 * wing.grain + 0.0012 * wing.streaks))[..., None] * np.array(
        [1.1, 1.0, 1.05]
    )
    if fur is not None:
        hairs = np.exp(-((from_root / 0.16) ** 2)) * np.clip(0.5 + 0.35 * wing.streaks, 0, 0.9)
        rgb = mix(rgb, fur, hairs)
    return np.clip(rgb, 0, 1)


def underside(wing: Wing, ground: Colour, marks: Colour, dark: Colour) -> NDArray:
    """A brown underside with ripples, a pale band and a row of crescents: of species that hide at rest."""
    rgb = plain(wing, ground)
    rgb = mix(
        rgb,
        dark,
        0.45 * smooth(-0.2, 1.0, np.sin(wing.radius * 24 + 0.7 * wing.noise)) * smooth(0.1, 0.4, wing.radius),
    )
    band = wing.radius + 0.03 * wing.noise + 0.03 * wing.middle**2
    rgb = mix(rgb, marks, 0.30 * smooth(0.55, 0.60, band) * (1 - smooth(0.66, 0.74, band)))
    rgb = mix(rgb, marks, 0.55 * wing.spots(0.86, 0.030, 0.60))
    return mix(rgb, dark, 0.60 * wing.spots(0.835, 0.018, 0.50))

"""Species of strong patterns: monarch, tiger swallowtail, peacock, postman."""

import numpy as np

from pipelines.species_art.brush import BLACK, WHITE, Painting, finish, plain
from pipelines.species_art.canvas import Colour, Rings, Wing, eyespot, mix, smooth


def monarch(wing: Wing) -> Painting:
    rgb = mix(
        plain(wing, (236, 112, 14)), (250, 160, 40), 0.7 * smooth(0.2, 0.75, wing.radius + 0.05 * wing.noise)
    )
    depth = wing.radius + 0.012 * wing.noise - 0.05 * (1 - wing.middle**2)
    if wing.is_forewing:
        depth = depth + 0.28 * (1 - smooth(0.0, 0.42, wing.across)) * smooth(0.35, 0.7, wing.radius)
    dark = smooth(0.80, 0.835, depth)
    rgb = mix(rgb, BLACK, dark)
    if wing.is_forewing:
        rgb = mix(rgb, BLACK, 1 - smooth(0.012, 0.030, wing.edge + 0.05 * (wing.across > 0.8)))
        rgb = mix(rgb, (240, 150, 50), 0.95 * wing.spots(0.70, 0.05, 0.52, (0, 3, 4, 5, 6, 7, 8)) * dark)
        rgb = mix(rgb, WHITE, wing.spots(0.80, 0.030, 0.42, (0, 4, 5, 6, 7, 8)))
    rgb = mix(rgb, WHITE, wing.spots(0.925, 0.017, 0.42))
    rgb = mix(rgb, WHITE, wing.spots(0.875, 0.014, 0.30) * dark)
    dorsal = finish(wing, rgb, BLACK, 0.0085, 0.97, BLACK, 0.013)
    pale = 0.62 * dorsal + 0.10 * np.array([1.0, 0.82, 0.55])
    ventral = np.where(dark[..., None] > 0.5, dorsal, pale)
    lightness = smooth(0.04, 0.10, dorsal.mean(axis=2))
    return Painting(dorsal, ventral, 0.15 + 0.75 * lightness, np.zeros(wing.shape), wing.alpha)


def tiger_swallowtail(wing: Wing) -> Painting:
    yellow: Colour = (248, 226, 110)
    dark: Colour = (16, 13, 12)
    rgb = mix(
        plain(wing, yellow),
        (240, 196, 60),
        0.6 * smooth(0.5, 0.0, wing.radius) + 0.1 * np.clip(wing.noise, 0, 1),
    )
    depth = wing.radius + 0.010 * wing.noise - 0.02 * (1 - wing.middle**2)
    if wing.is_forewing:
        slant = 0.88 * wing.x + 0.30 * wing.y + 0.012 * wing.noise + 0.02 * np.sin(9 * wing.y)
        for place, width, end in (
            (0.16, 0.030, 1.0),
            (0.30, 0.028, 0.52),
            (0.44, 0.028, 0.46),
            (0.57, 0.030, 0.40),
            (0.69, 0.026, 0.34),
        ):
            narrowing = width * np.sqrt(np.clip((end + 0.05 - wing.across) / (end + 0.05), 0, 1))
            rgb = mix(rgb, dark, 1 - smooth(0.75, 1.05, np.abs(slant - 1.08 * place) / (narrowing + 0.002)))
        rgb = mix(rgb, dark, 1 - smooth(0.010, 0.022, wing.edge + 0.05 * (wing.across > 0.85)))
        rgb = mix(rgb, dark, smooth(0.795, 0.82, depth))
        rgb = mix(rgb, yellow, wing.spots(0.905, 0.022, 0.62, (0,)))
    else:
        band = smooth(0.66, 0.70, depth) * smooth(0.08, 0.2, wing.across)
        rgb = mix(rgb, dark, band)
        rgb = mix(rgb, (60, 110, 210), 0.9 * wing.spots(0.755, 0.040, 0.70, (0,)) * band)
        rgb = mix(rgb, yellow, wing.spots(0.905, 0.024, 0.55, (0,)))
        stripe = np.abs(wing.x - 0.10 - 0.16 * np.clip(-wing.y, 0, None) ** 1.3)
        rgb = mix(
            rgb, dark, 0.95 * (1 - smooth(0.008, 0.016, stripe)) * (wing.radius < 0.74) * (wing.y < 0.02)
        )
        rgb = eyespot(
            rgb, wing.disc(0.235, -0.655, 0.062), ((1.0, dark), (0.80, (225, 70, 30)), (0.42, (40, 70, 160)))
        )
    dorsal = finish(wing, rgb, dark, 0.0055, 0.9, dark, 0.012, fur=(150, 130, 60))
    lightness = smooth(0.08, 0.16, dorsal.mean(axis=2))
    ventral = np.where(lightness[..., None] > 0.5, 0.85 * dorsal + 0.05, dorsal + 0.01)
    return Painting(dorsal, ventral, 0.12 + 0.7 * lightness, np.zeros(wing.shape), wing.alpha)


def peacock(wing: Wing) -> Painting:
    rgb = mix(
        plain(wing, (168, 48, 28)), (206, 80, 36), 0.6 * smooth(0.3, 0.7, wing.radius + 0.06 * wing.noise)
    )
    rgb = mix(rgb, (70, 30, 22), 0.8 * (1 - smooth(0.05, 0.35, wing.radius)))
    outer = 1 - smooth(0.05, 0.085, wing.edge + 0.012 * wing.noise)
    inner_half = wing.across > 0.85 if wing.is_forewing else wing.across < 0.15
    rgb = mix(rgb, (58, 46, 42), np.where(inner_half, outer * smooth(0.6, 0.95, wing.radius), outer))
    if wing.is_forewing:
        for x, y, size in ((0.44, 0.345, 0.060), (0.66, 0.475, 0.058)):
            rgb = eyespot(rgb, wing.disc(x, y, size, 1.5), ((1.0, BLACK),))
        rgb = eyespot(rgb, wing.disc(0.555, 0.425, 0.045, 1.3), ((1.0, (240, 205, 110)),))
        rings: Rings = (
            (1.0, (244, 206, 110)),
            (0.86, (150, 40, 40)),
            (0.70, (40, 40, 70)),
            (0.48, (90, 130, 210)),
            (0.24, (30, 26, 46)),
        )
        rgb = eyespot(rgb, wing.disc(0.83, 0.50, 0.155, 1.05), rings)
        for y in (0.28, 0.18, 0.08):
            rgb = eyespot(rgb, wing.disc(0.86 - 0.03 * (0.28 - y), y, 0.020), ((1.0, (210, 225, 250)),))
    else:
        rings = (
            (1.0, (30, 22, 22)),
            (0.98, (196, 184, 160)),
            (0.80, (18, 14, 18)),
            (0.55, (60, 90, 200)),
            (0.34, (120, 170, 250)),
            (0.16, (20, 18, 40)),
        )
        rgb = eyespot(rgb, wing.disc(0.60, -0.20, 0.165, 1.1), rings)
    ripples = np.sin(46 * wing.radius + 1.4 * wing.noise) * smooth(0.05, 0.2, wing.radius)
    ventral = plain(wing, (58, 48, 42)) * (1 + 0.45 * ripples + 0.25 * wing.streaks)[..., None]
    ventral = mix(ventral, (112, 96, 80), 0.35 * smooth(0.62, 0.66, wing.radius + 0.03 * wing.noise))
    ventral = mix(
        ventral, (24, 19, 18), 0.8 * (1 - smooth(0.006, 0.02, np.abs(wing.radius - 0.63 + 0.03 * wing.noise)))
    )
    dorsal = finish(wing, rgb, (60, 22, 16), 0.0035, 0.5, fur=(130, 78, 48))
    return Painting(
        dorsal,
        finish(wing, ventral, (28, 22, 20), 0.0035, 0.5),
        np.full(wing.shape, 0.28),
        np.zeros(wing.shape),
        wing.alpha,
    )


def postman(wing: Wing) -> Painting:
    rgb = mix(plain(wing, (20, 15, 15)), (40, 44, 96), 0.5 * (1 - smooth(0.1, 0.6, wing.radius)))
    if wing.is_forewing:
        slant = 0.86 * wing.x + 0.5 * wing.y + 0.02 * wing.noise + 0.03 * np.abs(wing.middle)
        mark = smooth(0.70, 0.735, slant) * (1 - smooth(0.92, 0.955, slant)) * smooth(0.035, 0.06, wing.edge)
        rgb = mix(rgb, (228, 40, 24), mark)
    else:
        bend = wing.y + 0.16 + 0.10 * (wing.x - 0.4) ** 2 + 0.012 * wing.noise + 0.012 * np.abs(wing.middle)
        mark = (
            (1 - smooth(0.045, 0.065, np.abs(bend)))
            * smooth(0.10, 0.16, wing.x)
            * (1 - smooth(0.60, 0.68, wing.x))
        )
        rgb = mix(rgb, (250, 226, 90), mark)
    ventral = mix(0.75 * rgb + 0.012, (236, 190, 160), 0.35 * mark)
    if not wing.is_forewing:
        ventral = mix(ventral, (200, 52, 40), 0.8 * wing.spots(0.13, 0.05, 0.6))
    dorsal = finish(wing, rgb, (8, 6, 8), 0.0045, 0.8)
    return Painting(
        dorsal,
        finish(wing, ventral, (8, 6, 8), 0.0045, 0.8),
        0.15 + 0.6 * mark,
        np.zeros(wing.shape),
        wing.alpha,
    )

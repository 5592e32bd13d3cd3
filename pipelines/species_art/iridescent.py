"""Species that shimmer: blue and rose morphos, blue and green swallowtails, a common blue."""

import numpy as np

from pipelines.species_art.brush import BLACK, WHITE, Painting, finish, plain, underside
from pipelines.species_art.canvas import Colour, Rings, Wing, eyespot, mix, smooth


def morpho(wing: Wing) -> Painting:
    rgb = plain(wing, (16, 110, 230))
    rgb = mix(
        rgb, (60, 190, 255), 0.75 * smooth(0.25, 0.62, wing.radius) * (1 - smooth(0.68, 0.80, wing.radius))
    )
    rgb = mix(rgb, (10, 40, 110), 0.85 * (1 - smooth(0.02, 0.30, wing.radius)))
    depth = wing.radius + 0.022 * wing.noise - 0.03 * np.cos(wing.middle * np.pi / 2)
    if wing.is_forewing:
        band = smooth(0.74, 0.86, depth + 0.16 * (1 - wing.across) ** 3)
        rgb = mix(rgb, BLACK, np.maximum(band, 1 - smooth(0.015, 0.045, wing.edge + 0.03 * wing.across)))
        rgb = mix(rgb, WHITE, 0.85 * wing.spots(0.80, 0.020, 0.22, (0, 4, 5, 6, 7, 8)))
        eyes = [(0.30, 0.62, 0.070), (0.62, 0.64, 0.090)]
    else:
        band = smooth(0.80, 0.90, depth)
        rgb = mix(rgb, BLACK, band)
        rgb = mix(rgb, (200, 70, 40), 0.6 * wing.spots(0.945, 0.010, 0.5, (0, 1, 2)))
        eyes = [(0.22, 0.60, 0.100), (0.62, 0.60, 0.075), (0.78, 0.58, 0.060)]
    rgb = mix(rgb, WHITE, 0.9 * wing.spots(0.90, 0.022, 0.30, (0,)))
    ventral = underside(wing, (118, 88, 60), (170, 142, 104), (66, 46, 30))
    for across, radius, size in eyes:
        nearest = np.argmin(
            0.35 * (wing.across - across) ** 2 + (wing.radius - radius) ** 2 + 10 * (wing.alpha < 0.5)
        )
        row, column = np.unravel_index(nearest, wing.shape)
        disc = wing.disc(wing.x[row, column], wing.y[row, column], size)
        rings: Rings = (
            (1.0, (210, 170, 90)),
            (0.82, (18, 12, 10)),
            (0.42, (120, 60, 30)),
            (0.20, (240, 240, 245)),
        )
        ventral = eyespot(ventral, disc, rings)
    shimmer = 0.85 * (1 - band) * smooth(0.05, 0.35, wing.radius)
    dorsal = finish(wing, rgb, (8, 14, 40), 0.004, 0.6, fur=(60, 66, 84))
    return Painting(
        dorsal, 0.9 * finish(wing, ventral, (50, 34, 20)), 0.33 - 0.15 * band, shimmer, wing.alpha
    )


def metallic(wing: Wing, core: Colour, bright: Colour, extent: float, crescents: Colour) -> Painting:
    """A shining patch on black wings: ulysses, emerald, rose morpho."""
    depth = wing.radius + 0.035 * wing.noise + 0.055 * np.abs(wing.middle) - (0 if wing.is_forewing else 0.10)
    patch = (1 - smooth(extent + 0.10, extent + 0.18, depth)) * smooth(0.06, 0.22, wing.radius)
    shining = mix(plain(wing, core), bright, 0.7 * smooth(0.2, 0.6, wing.radius))
    rgb = plain(wing, (10, 10, 13)) * (1 - patch[..., None]) + shining * patch[..., None]
    dust = smooth(1.3, 2.2, wing.grain) * (1 - patch) * smooth(0.45, 0.8, wing.radius)
    rgb = mix(rgb, core, 0.22 * dust * (1 - smooth(0.85, 1.0, wing.radius)))
    if not wing.is_forewing:
        rgb = mix(rgb, bright, 0.55 * wing.spots(0.885, 0.020, 0.35, (0,)))
    ventral = underside(wing, (84, 64, 50), (158, 142, 116), (40, 29, 22))
    if not wing.is_forewing:
        ventral = mix(ventral, crescents, 0.75 * wing.spots(0.905, 0.016, 0.55))
    dorsal = finish(wing, rgb, (6, 8, 14), 0.0050, 0.8)
    return Painting(dorsal, finish(wing, ventral, (34, 25, 18)), 0.12 + 0.3 * patch, 0.8 * patch, wing.alpha)


def ulysses(wing: Wing) -> Painting:
    return metallic(wing, (0, 150, 255), (70, 230, 255), 0.50, (222, 120, 60))


def emerald(wing: Wing) -> Painting:
    return metallic(wing, (10, 170, 90), (140, 240, 110), 0.40, (226, 140, 70))


def rose_morpho(wing: Wing) -> Painting:
    return metallic(wing, (236, 60, 130), (255, 170, 200), 0.62, (232, 130, 150))


def common_blue(wing: Wing) -> Painting:
    rgb = mix(plain(wing, (92, 104, 226)), (150, 150, 255), 0.6 * smooth(0.2, 0.7, wing.radius))
    rgb = mix(rgb, (40, 44, 90), 0.8 * (1 - smooth(0.04, 0.25, wing.radius)))
    dusk = (1 - smooth(0.025, 0.060, wing.edge + 0.006 * wing.noise)) * smooth(0.45, 0.65, wing.radius)
    rgb = mix(rgb, (22, 20, 34), dusk)
    ventral = plain(wing, (196, 186, 172))
    for radius, size in ((0.50, 0.020), (0.70, 0.022)):
        ventral = mix(ventral, WHITE, wing.spots(radius, size * 1.7, 0.62))
        ventral = mix(ventral, (30, 26, 26), wing.spots(radius, size, 0.36))
    ventral = mix(ventral, (245, 140, 40), 0.9 * wing.spots(0.88, 0.030, 0.7))
    ventral = mix(ventral, (40, 34, 32), 0.8 * wing.spots(0.925, 0.014, 0.45))
    if not wing.is_forewing:
        rgb = mix(rgb, (22, 20, 34), wing.spots(0.90, 0.018, 0.4))
        ventral = mix(ventral, (120, 150, 200), 0.6 * (1 - smooth(0.1, 0.35, wing.radius)))
    dorsal = finish(
        wing, rgb, (60, 64, 150), 0.003, 0.55, (30, 28, 40), 0.009, (245, 245, 250), fur=(150, 156, 190)
    )
    ventral = finish(wing, ventral, (150, 140, 128), 0.003, 0.4, (110, 100, 92), 0.006, (245, 243, 240))
    return Painting(
        dorsal,
        ventral,
        np.full(wing.shape, 0.35),
        0.55 * (1 - dusk) * smooth(0.05, 0.3, wing.radius),
        wing.alpha,
    )

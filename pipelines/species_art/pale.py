"""Light species that the sun shines through: orange tip, glasswing, sulphur."""

import numpy as np

from pipelines.species_art.brush import WHITE, Painting, finish, plain
from pipelines.species_art.canvas import Colour, Wing, eyespot, mix, smooth


def orange_tip(wing: Wing) -> Painting:
    tip: Colour = (38, 34, 36)
    rgb = mix(
        plain(wing, (250, 250, 244)),
        (120, 120, 118),
        0.55 * (1 - smooth(0.0, 0.28, wing.radius + 0.05 * wing.noise)),
    )
    if wing.is_forewing:
        depth = wing.radius + 0.25 * (0.5 - wing.across) + 0.02 * wing.noise
        rgb = mix(rgb, (250, 150, 40), smooth(0.60, 0.66, depth) * (1 - smooth(0.70, 0.78, wing.across)))
        rgb = mix(rgb, tip, smooth(0.80, 0.84, wing.radius + 0.16 * (0.35 - wing.across) + 0.02 * wing.noise))
        rgb = mix(rgb, tip, 1 - smooth(0.8, 1.1, wing.disc(0.50, 0.30, 0.028)))
    else:
        rgb = mix(rgb, tip, 0.5 * wing.spots(0.965, 0.022, 0.35))
    dorsal = finish(wing, rgb, (150, 150, 140), 0.003, 0.45, (90, 88, 84), 0.008, fur=(190, 190, 184))
    ventral = 0.80 * dorsal + 0.06 * np.array([1.0, 1.0, 0.6])
    if not wing.is_forewing:  # mottled green below, as if lichen grew on it
        moss = smooth(0.1, 0.7, wing.noise + 0.5 * np.cos(3 * np.pi * wing.middle)) * smooth(
            0.06, 0.25, wing.radius
        )
        ventral = mix(ventral, (132, 140, 74), 0.75 * moss)
    return Painting(dorsal, ventral, np.full(wing.shape, 0.75), np.zeros(wing.shape), wing.alpha)


def glasswing(wing: Wing) -> Painting:
    rgb = plain(wing, (214, 226, 232))
    rim = 1 - smooth(0.035, 0.060, wing.edge + 0.008 * wing.noise)
    rgb = mix(rgb, (64, 34, 22), rim)
    if wing.is_forewing:
        slant = np.abs(0.9 * wing.x + 0.45 * wing.y - 1.02 + 0.01 * wing.noise)
        band = (1 - smooth(0.03, 0.045, slant)) * smooth(0.03, 0.05, wing.edge)
        blush = np.zeros(wing.shape)
    else:
        band = np.zeros(wing.shape)
        blush = smooth(0.35, 0.8, wing.radius) * smooth(0.15, 0.5, wing.across)
    rgb = mix(mix(rgb, WHITE, band), (240, 90, 150), 0.9 * blush)
    dorsal = finish(wing, rgb, (112, 88, 78), 0.0055, 0.7, (84, 56, 44), 0.011)
    lines = 1 - smooth(0.003, 0.008, wing.vein)
    # Clearer panes, as real ones have, leave nothing but a wire frame to see in a moving picture.
    cover = np.clip(0.5 + 0.45 * rim + 0.5 * band + 0.4 * blush + 0.25 * lines, 0, 1)
    return Painting(dorsal, 0.9 * dorsal, np.full(wing.shape, 0.7), np.zeros(wing.shape), wing.alpha * cover)


def sulphur(wing: Wing) -> Painting:
    yellow: Colour = (252, 222, 60)
    dark: Colour = (34, 24, 20)
    rgb = mix(plain(wing, yellow), (255, 196, 30), 0.6 * (1 - smooth(0.1, 0.6, wing.radius)))
    band = smooth(0.80, 0.835, wing.radius + 0.02 * wing.noise + (0.06 if wing.is_forewing else -0.03)) * (
        wing.across < 0.97
    )
    rgb = mix(rgb, dark, band)
    if wing.is_forewing:
        rgb = mix(rgb, yellow, 0.9 * wing.spots(0.915, 0.018, 0.30) * band)
        rgb = eyespot(rgb, wing.disc(0.49, 0.28, 0.035), ((1.0, dark),))
    else:
        rgb = eyespot(rgb, wing.disc(0.38, -0.22, 0.050), ((1.0, (246, 130, 30)),))
    dorsal = finish(
        wing, rgb, (210, 160, 40), 0.0035, 0.5, (60, 40, 30), 0.008, (240, 150, 150), fur=(196, 172, 90)
    )
    ventral = mix(
        plain(wing, (244, 222, 110)), (226, 196, 90), 0.5 * smooth(0.3, 0.9, wing.radius + 0.1 * wing.noise)
    )
    ventral = mix(ventral, (150, 96, 52), 0.5 * wing.spots(0.82, 0.014, 0.30))
    if wing.is_forewing:
        ventral = eyespot(ventral, wing.disc(0.49, 0.28, 0.030), ((1.0, dark),))
    else:
        ventral = eyespot(ventral, wing.disc(0.38, -0.22, 0.050), ((1.0, (190, 90, 50)), (0.7, WHITE)))
    ventral = finish(wing, ventral, (206, 170, 80), 0.003, 0.4, (190, 130, 90), 0.006, (240, 160, 160))
    return Painting(dorsal, ventral, np.full(wing.shape, 0.75), np.zeros(wing.shape), wing.alpha)

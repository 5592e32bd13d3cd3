"""The light of a photo: where it comes from, its colour, the haze and the grain, so that butterflies belong to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from effect.butterflies import Light
from effect.grain import grain_level
from effect.scene import Subject

GLOW_AMBIENT = 1.2
STEP_PX = 4  # every fourth pixel tells enough of the light
GRID = 64  # results are whole 64ths: far below what shows, above the last digit in which machines differ
DIMMEST_WHITE = 0.6  # how far butterflies follow a photo that has no bright spot ...
THICKEST_HAZE = 0.22  # ... or no dark one
# Of the colour of the brightest spots, for a white wall and a white coat look alike here.
WARMTH_SHARE, MOST_WARMTH = 0.6, 0.12
MOST_GRAIN = 6.0


def estimate_light(subject: Subject) -> Light:
    """Light from the side on which the photo is brighter, from above and toward the viewer, in the photo's tones."""
    rgb = subject.photo[::STEP_PX, ::STEP_PX].astype(np.float64) / 255
    luma = rgb.mean(axis=2)
    black, bright, white = np.percentile(luma, (1, 93, 99))
    haze = np.minimum(rgb[luma <= black].mean(axis=0), THICKEST_HAZE)
    lamp = rgb[luma >= bright].mean(axis=0)
    warmth = np.clip(WARMTH_SHARE * (lamp / max(lamp.mean(), 1e-6) - 1), -MOST_WARMTH, MOST_WARMTH)
    reach = max(float(white), DIMMEST_WHITE) - haze  # what lies between black and white in this photo
    gain = np.clip(reach * (1 + warmth), 0, 1)

    columns = luma.mean(axis=0)
    half = max(len(columns) // 2, 1)
    left, right = columns[:half].mean(), columns[-half:].mean()
    aside = float(np.clip(_on_grid(3 * (right - left) / (right + left + 1e-2)), -0.6, 0.6))
    return Light(
        direction=(aside, 0.6, 0.75),
        rgb=_colour(gain),
        haze_rgb=_colour(haze),
        grain=float(_on_grid(min(grain_level(subject.photo), MOST_GRAIN))),
    )


def glowing(light: Light, glow: float) -> Light:
    """Light under which wings shine by themselves: from all sides, and more than white at a glow of 1."""
    ambient, diffuse = light.ambient + GLOW_AMBIENT * glow, light.diffuse * (1 - glow / 2)
    return replace(light, ambient=ambient, diffuse=diffuse, halo=glow)


def _on_grid(value: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.rint(np.multiply(value, GRID)) / GRID


def _colour(rgb: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = _on_grid(rgb).tolist()
    return red, green, blue

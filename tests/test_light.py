"""The light of a photo: its side, its warmth, its haze and its grain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import figure_scene

from effect.light import THICKEST_HAZE, estimate_light, glowing
from effect.scene import Subject

SCENE = figure_scene()


def lit(photo: NDArray[np.float64]) -> Subject:
    return replace(SCENE.subject, photo=np.clip(np.rint(photo), 0, 255).astype(np.uint8))


def test_light_comes_from_the_brighter_side() -> None:
    ramp = np.linspace(0.2, 1, SCENE.size[0])[None, :, None]
    from_right = estimate_light(lit(SCENE.photo * ramp)).direction[0]
    from_left = estimate_light(lit(SCENE.photo * ramp[:, ::-1])).direction[0]
    assert from_left < -0.3 and from_right > 0.3


def test_a_warm_photo_has_warm_light() -> None:
    wall = np.full(SCENE.photo.shape, 200.0)
    wall[:100] = 20
    red, _, blue = estimate_light(lit(wall * (1.1, 1.0, 0.8))).rgb
    assert red > 1.1 * blue
    assert np.ptp(estimate_light(lit(wall)).rgb) == 0


def test_haze_is_what_black_looks_like() -> None:
    contrast = np.random.default_rng(1).uniform(0, 255, SCENE.photo.shape[:2])[..., None] * np.ones(3)
    clear = estimate_light(lit(contrast))
    hazy = estimate_light(lit(contrast * 0.5 + 50))
    assert max(clear.haze_rgb) < 0.05
    assert 0.15 < min(hazy.haze_rgb) <= THICKEST_HAZE + 0.01
    for low, gain in zip(hazy.haze_rgb, hazy.rgb, strict=True):
        assert low + gain < 0.85  # white stays below the photo's own white


@pytest.mark.parametrize("deviation", [0.0, 2.0, 5.0])
def test_grain_is_measured_where_the_photo_is_flat(deviation: float) -> None:
    rows, columns = np.mgrid[0 : SCENE.size[1], 0 : SCENE.size[0]]
    noise = np.random.default_rng(2).normal(0, deviation, rows.shape)
    striped = 128 + 0.2 * rows + 40 * (np.sin(columns / 2) > 0.5) * (rows > 120) + noise
    assert estimate_light(lit(striped[..., None] * np.ones(3))).grain == pytest.approx(deviation, abs=0.6)


def test_a_photo_without_a_tone_between_black_and_white_has_no_grain() -> None:
    assert estimate_light(lit(np.zeros(SCENE.photo.shape))).grain == 0


def test_what_glows_is_lit_from_all_sides_and_lights_up_its_surroundings() -> None:
    light = estimate_light(SCENE.subject)
    lantern = glowing(light, 1.0)
    assert lantern.ambient > 1 > light.ambient and lantern.halo == 1 and light.halo == 0
    assert glowing(light, 0.0) == light

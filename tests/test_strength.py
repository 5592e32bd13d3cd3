"""Texture in the hole becomes about as strong as around it; what colours vary by nature is measured around it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from effect.inpaint.strength import (
    LEAST_GAIN,
    MOST_GAIN,
    spread_by_distance,
    strength_gain,
    variance_around,
)
from effect.inpaint.texture import toward


def hole_in_the_middle() -> NDArray[np.bool_]:
    hole = np.zeros((120, 160), bool)
    hole[32:88, 40:120] = True
    return hole


def noisy(around: float, inside: float) -> NDArray[np.uint8]:
    """Grey with noise of these deviations around the hole and in it, as large as it is in most photos."""
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, (120, 160, 3)), (0, 0), 0.7)
    strength = np.where(hole_in_the_middle(), inside, around)[..., None]
    return np.clip(np.rint(128 + strength * noise / noise.std()), 0, 255).astype(np.uint8)


def ridged() -> NDArray[np.uint8]:
    """Grey that varies by 40 levels up and down, like bark."""
    wave = np.rint(128 + 40 * np.sin(2 * np.pi * np.arange(160) / 40)).astype(np.uint8)
    return np.broadcast_to(wave[None, :, None], (120, 160, 3)).copy()


@pytest.mark.parametrize(
    ("around", "inside", "least", "most"),
    [
        (10, 10, 0.95, 1.05),
        (5, 10, 0.5, 0.75),
        (10, 7, 1.1, 1.4),
        (0, 30, LEAST_GAIN, LEAST_GAIN),
        (30, 2, 1.5, 1.5),
    ],
)
def test_texture_gets_nearly_the_strength_of_what_is_around(
    around: float, inside: float, least: float, most: float
):
    gain = strength_gain(noisy(around, inside), hole_in_the_middle(), 1.5)
    assert least <= np.median(gain[hole_in_the_middle()]) <= most
    assert gain.dtype == np.float32 and gain.min() >= LEAST_GAIN and gain.max() <= MOST_GAIN


def test_without_any_texture_nothing_changes():
    np.testing.assert_allclose(strength_gain(noisy(0, 0), hole_in_the_middle(), 1.5), 1)


def test_each_side_of_the_hole_is_as_strong_as_its_surroundings():
    picture = np.where(np.arange(160)[:, None] < 80, noisy(2, 6), noisy(18, 6))
    gain = strength_gain(picture, hole_in_the_middle(), 1.5)
    assert gain[60, 48] < 0.9 and gain[60, 112] > 1.2


def test_near_values_count_most_where_they_spread():
    hole = hole_in_the_middle()
    values = np.where(np.arange(160) < 80, np.float32(10), np.float32(20)) * np.ones((120, 1), np.float32)
    values[hole] = 1000  # what is missing does not count
    spread = spread_by_distance(values, hole)
    assert spread[60, 44] < 12 and spread[60, 116] > 18
    assert spread[60, 44] < spread[60, 70] < spread[60, 90] < spread[60, 116]
    assert spread_by_distance(np.full((120, 160), 7, np.float32), hole)[hole] == pytest.approx(7, rel=1e-4)


def test_where_nothing_is_known_nothing_spreads():
    assert (spread_by_distance(np.ones((20, 30), np.float32), np.ones((20, 30), bool)) == 0).all()


def test_natural_variance_is_that_of_what_is_around():
    hole = hole_in_the_middle()
    ridges = ridged()
    plain = np.full_like(ridges, 128)
    rugged = variance_around(ridges, hole)[hole].mean()
    assert 0.5 * 3 * 40**2 / 2 < rugged < 1.5 * 3 * 40**2 / 2
    ridges[hole] = 128
    assert variance_around(ridges, hole)[hole].mean() == pytest.approx(rugged, rel=1e-3)
    assert variance_around(plain, hole)[hole].max() < 1e-3


def test_ridges_stay_among_ridges_and_fade_on_a_plain():
    hole = hole_in_the_middle()
    ridges = ridged()
    on_a_plain = np.where(hole[..., None], ridges, np.uint8(128))
    grey = np.full_like(ridges, 128)  # the likely colours: the mean of all ridges
    left = [
        np.ptp(toward(grey, picture, hole)[60, 60:100, 0].astype(int)) for picture in (ridges, on_a_plain)
    ]
    assert left[0] > 0.2 * 80 and left[1] < 0.7 * left[0]


def test_what_is_in_focus_softens_among_what_is_not():
    sharp = noisy(1, 20)
    likely = cv2.GaussianBlur(sharp, (0, 0), 8)
    hole = hole_in_the_middle()
    assert toward(likely, sharp, hole)[48:72, 64:96].std() < 0.7 * sharp[48:72, 64:96].std()

"""How strong the texture is, by known pixels alone, and how the pieces of a background go by it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.layout import calmest, lay_out
from effect.inpaint.strength import texture_strength


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, (height, width, 3)).astype(np.uint8)


def hole_in(height: int, width: int) -> NDArray[np.bool_]:
    hole = np.zeros((height, width), bool)
    hole[height // 4 : height // 2, width // 3 : width * 2 // 3] = True
    return hole


def test_stripes_are_strong_across_and_not_along():
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = 100
    down, across = texture_strength(stripes, np.ones((40, 40), bool)).transpose(2, 0, 1)
    assert down.max() == 0
    np.testing.assert_allclose(across, 100 * 3**0.5, rtol=1e-5)


def test_what_is_missing_has_no_say():
    picture, hole = np.full((40, 40, 3), 90, np.uint8), hole_in(40, 40)
    picture[hole] = noise(40, 40)[hole]
    assert texture_strength(picture, np.ones_like(hole))[hole].min() > 1
    assert texture_strength(picture, ~hole).max() == 0


def test_an_edge_beside_the_hole_does_not_make_a_wall_rough():
    wall, hole = np.full((60, 60, 3), 200, np.uint8), hole_in(60, 60)
    wall[:, 15:] = 60  # a straight edge on the rim
    grass = np.where(hole[..., None], np.uint8(0), noise(60, 60))
    expected = [calmest(texture_strength(picture, ~hole), hole)[hole].mean() for picture in (wall, grass)]
    assert texture_strength(wall, ~hole)[..., 1].max() > 60
    assert expected[0] < 2 and expected[1] > 100


def test_what_is_calm_around_is_finite_for_all_that_can_be_missing():
    picture = noise(30, 30)
    for missing in (np.zeros((30, 30), bool), np.ones((30, 30), bool), hole_in(30, 30)):
        strengths = calmest(texture_strength(picture, ~missing), missing)
        assert strengths.shape == (30, 30, 2) and np.isfinite(strengths).all() and strengths.min() > -1e-3


def test_a_wall_goes_on_beside_a_pillar():
    """A plain wall over a rough floor, a rough grey pillar near the hole, and a guide that paints the mean of both."""
    rng = np.random.default_rng(6)
    picture = np.full((96, 128, 3), (205, 205, 220), np.uint8)
    wood, concrete = np.array((150, 90, 40)), np.array((140, 135, 130))
    floor, pillar = rng.normal(0, 14, (36, 128, 1)), rng.normal(0, 14, (60, 12, 1))
    picture[60:] = np.clip(cv2.GaussianBlur(floor, (0, 0), 0.8)[..., None] + wood, 0, 255)
    picture[:60, 88:100] = np.clip(pillar + concrete, 0, 255)
    missing = np.zeros((96, 128), bool)
    missing[14:86, 48:84] = True
    guide = picture.copy()
    guide[missing] = cv2.GaussianBlur(picture, (0, 0), 6)[missing]
    places = lay_out(picture, missing, ~missing, guide)
    on_pillar = (places[..., 0] < 60) & (places[..., 1] >= 88) & (places[..., 1] < 100)
    above, below = missing.copy(), missing.copy()
    above[58:], below[:62] = False, False
    assert on_pillar[above].mean() < 0.05
    assert (places[..., 0] < 60)[above].mean() > 0.95 and (places[..., 0] >= 60)[below].mean() > 0.95

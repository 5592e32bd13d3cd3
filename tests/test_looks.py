"""What places look like, by known pixels alone, and how the pieces of a background go by it."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from effect.inpaint.average import known_average
from effect.inpaint.layout import LIKENESS_WEIGHT, Choices, calmest, lay_out, likeness_costs
from effect.inpaint.looks import looks, texture_strength
from effect.inpaint.nets.looks import CELL_PX, log_strength
from effect.inpaint.nets.looks import looks as looks_of_cells


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, (height, width, 3)).astype(np.uint8)


def hole_in(height: int, width: int) -> NDArray[np.bool_]:
    hole = np.zeros((height, width), bool)
    hole[height // 4 : height // 2, width // 3 : width * 2 // 3] = True
    return hole


def grass_and_wall() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8]]:
    """Grass on the left and a wall of the same green on the right, a hole between them, and that green in it."""
    picture = np.full((72, 120, 3), (90, 130, 70), np.uint8)
    grass = np.clip(np.random.default_rng(3).normal(0, 20, (72, 60, 1)) + picture[:, :60], 0, 255)
    picture[:, :60] = grass.astype(np.uint8)
    missing = np.zeros((72, 120), bool)
    missing[10:62, 40:80] = True
    guide = np.where(missing[..., None], np.array((90, 130, 70), np.uint8), picture)
    return picture, missing, guide


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
    places = lay_out(picture, missing, ~missing, guide).places
    on_pillar = (places[..., 0] < 60) & (places[..., 1] >= 88) & (places[..., 1] < 100)
    above, below = missing.copy(), missing.copy()
    above[58:], below[:62] = False, False
    assert on_pillar[above].mean() < 0.05
    assert (places[..., 0] < 60)[above].mean() > 0.95 and (places[..., 0] >= 60)[below].mean() > 0.95


def test_looks_are_logarithms_of_strengths_and_opponent_colours():
    picture, known = noise(20, 30), ~hole_in(20, 30)
    told = looks(picture, known)
    np.testing.assert_allclose(told[..., :2], np.log1p(texture_strength(picture, known)), rtol=1e-6)
    soft = (known_average(picture, known) - 127.5) / 63.75
    np.testing.assert_allclose(told[..., 2], soft.mean(axis=2), atol=1e-5)
    np.testing.assert_allclose(told[..., 3], soft[..., 0] - soft[..., 2], atol=1e-5)
    np.testing.assert_allclose(told[..., 4], soft[..., 1] - soft[..., ::2].mean(axis=2), atol=1e-5)


def test_a_network_learns_the_same_looks_as_places_are_judged_by():
    """In the middle of a picture of large patches of noise; beyond the border the network's surroundings are empty."""
    picture = cv2.resize(noise(6, 8), (64, 48), interpolation=cv2.INTER_CUBIC)
    rgb = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    wanted = looks_of_cells(rgb)[0].permute(1, 2, 0).numpy()
    told = looks(picture, np.ones((48, 64), bool))
    cells = told.reshape(12, CELL_PX, 16, CELL_PX, 5).mean(axis=(1, 3))
    np.testing.assert_allclose(wanted[2:-2, 2:-2, :2], cells[2:-2, 2:-2, :2], atol=0.01)
    # The network is to tell a cell's own colour, and places are judged by their surroundings'.
    assert np.abs(wanted - cells)[2:-2, 2:-2, 2:].mean() < 0.25 * wanted[..., 2:].std()


def test_what_is_missing_has_no_say_in_a_network_s_strengths_either():
    hole = torch.zeros(1, 1, 32, 32)
    hole[..., 8:20, 12:24] = 1
    calm = torch.zeros(1, 3, 32, 32)
    rough = torch.where(hole > 0, torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)), calm)
    assert log_strength(rough, torch.ones_like(hole))[0].max() > 1
    assert log_strength(rough, 1 - hole)[0].max() == 0


def test_the_layout_goes_by_what_is_expected():
    """Whether grass or the wall goes on behind the hole is for the network to say. Where it is unsure the wall goes on,
    which has no seams."""
    picture, missing, guide = grass_and_wall()
    seen = looks(picture, ~missing)
    from_grass = {}
    for name, column in (("grass", 10), ("wall", 110)):
        means = np.broadcast_to(seen[36, column], (72, 120, 5))
        expected = np.concatenate([means, np.full((72, 120, 5), -3.0)], axis=2).astype(np.float32)
        places = lay_out(picture, missing, ~missing, guide, expected).places
        from_grass[name] = (places[missing][:, 1] < 60).mean()
    assert from_grass["grass"] > 0.95 and from_grass["wall"] < 0.05
    told = np.concatenate([np.broadcast_to(seen[36, 10], (72, 120, 5)), np.full((72, 120, 5), 20.0)], axis=2)
    unsure = lay_out(picture, missing, ~missing, guide, told.astype(np.float32)).places
    assert (unsure[missing][:, 1] < 60).mean() < 0.05


def test_the_layout_goes_by_what_resembles_what_is_hidden():
    """Of looks the network knows nothing; the keys of grass and wall are two directions."""
    picture, missing, guide = grass_and_wall()
    expected = np.zeros((72, 120, 10 + 2 * 2), np.float32)
    expected[..., 5:10] = 20.0
    expected[:, :60, 12], expected[:, 60:, 13] = 1.0, 1.0
    for query, share in (((3.0, 0.0), 1), ((0.0, 3.0), 0)):
        expected[..., 10:12] = query
        places = lay_out(picture, missing, ~missing, guide, expected).places
        assert (places[missing][:, 1] < 60).mean() == pytest.approx(share, abs=0.05)


def test_likeness_costs_are_products_of_queries_and_keys():
    rng = np.random.default_rng(6)
    picture, missing = noise(20, 30), hole_in(20, 30)
    expected = rng.normal(size=(20, 30, 10 + 2 * 3)).astype(np.float32)
    offsets = np.array([[0, 9], [-3, -8], [15, 0]], np.int32)
    choices = Choices.at(np.argwhere(missing), offsets, ~missing, picture)
    costs = likeness_costs(choices, missing, expected)
    assert costs.shape == choices.allowed.shape and (costs[~choices.allowed] == 0).all()
    for number, choice in np.argwhere(choices.allowed)[::7]:
        row, column = choices.pixels[number]
        from_row, from_column = choices.pixels[number] + offsets[choice]
        product = expected[row, column, 10:13] @ expected[from_row, from_column, 13:]
        assert costs[number, choice] == pytest.approx(-LIKENESS_WEIGHT * product, rel=1e-4, abs=1e-2)
    silent = likeness_costs(choices, missing, expected[..., :10])
    assert silent.shape == costs.shape and not silent.any()

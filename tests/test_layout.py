"""The layout of a restored background: common offsets, the cut that joins pieces, and what must not be copied."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from effect.inpaint import layout
from effect.inpaint.graphcut import Pairs, expand, source_side
from effect.inpaint.layout import (
    CALM,
    CAUTION,
    LEAST_TRUST,
    TOLD_RARITY_WEIGHT,
    Choices,
    choice_costs,
    lay_out,
    trust_in_network,
    unrest,
)
from effect.inpaint.looks import SURE, UNSURE
from effect.inpaint.offsets import (
    common_offsets,
    pixel_grid,
    sample,
    with_guided_offsets,
    with_offsets_for_all,
)


def tiles(height: int = 60, width: int = 80, period_px: int = 16) -> NDArray[np.uint8]:
    """The same soft random tile again and again."""
    tile = cv2.GaussianBlur(
        np.random.default_rng(3).integers(0, 256, (period_px, period_px, 3)) / 1.0, (0, 0), 1.5
    )
    tile = 20 + 215 * (tile - tile.min()) / np.ptp(tile)
    rows, columns = np.arange(height) % period_px, np.arange(width) % period_px
    return tile[rows[:, None], columns].astype(np.uint8)


def middle(height: int = 60, width: int = 80) -> NDArray[np.bool_]:
    hole = np.zeros((height, width), bool)
    hole[20:45, 30:52] = True
    return hole


def test_a_pattern_repeats_at_its_period():
    offsets, rarity = common_offsets(tiles(), ~middle())
    assert all(dy % 16 == 0 and dx % 16 == 0 for dy, dx in offsets[:4])
    assert np.median(rarity[~middle()]) < 1, "every tile has a twin"


def test_what_is_there_once_is_rare():
    picture = tiles()
    picture[4:14, 4:14] = np.random.default_rng(9).integers(0, 256, (10, 10, 3))
    _, rarity = common_offsets(picture, ~middle())
    assert rarity[6:12, 6:12].min() > 20 * np.median(rarity[~middle()])
    assert rarity[6:12, 6:12].min() > 500


def test_an_unsure_network_leaves_what_is_there_once_where_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layout, "LOOKS_WEIGHT", 0.0)  # which counts less, too, where the network is unsure
    picture, missing = tiles(), middle()
    picture[4:14, 4:14] = np.random.default_rng(9).integers(0, 256, (10, 10, 3))
    rarity = common_offsets(picture, ~missing)[1]
    to_rare, to_common = [8 - 30, 8 - 40], [-16, 0]
    pixels = np.argwhere(missing)
    choices = Choices.at(pixels, np.array([to_rare, to_common], np.int32), ~missing, picture)
    here = int(np.flatnonzero((pixels == (30, 40)).all(axis=1))[0])
    dearer = []
    for log_variance in (-3.0, SURE, UNSURE, 2.0):
        expected = np.full((*missing.shape, 10), log_variance, np.float32)
        rare, common = choice_costs(choices, picture, missing, picture, 1.0, rarity, expected)[here]
        dearer.append(rare - common)
    assert dearer[0] == dearer[1] and dearer[3] == pytest.approx(dearer[2], rel=1e-5)
    grown = TOLD_RARITY_WEIGHT * (np.exp(CAUTION) - 1) * (rarity[8, 8] - rarity[14, 40])
    assert dearer[2] - dearer[1] == pytest.approx(grown, rel=1e-3) and grown > 5_000


@pytest.mark.parametrize("told", [False, True])
def test_rarity_and_the_guide_say_little_where_a_photo_repeats_itself(told: bool):
    picture, missing = tiles(), middle()
    rarity = np.random.default_rng(5).uniform(0, 9_000, missing.shape).astype(np.float32)
    choices = Choices.at(np.argwhere(missing), np.array([[-16, 0], [0, 32]], np.int32), ~missing, picture)
    expected = np.zeros((*missing.shape, 10), np.float32) if told else None
    guide = np.full_like(picture, 128)
    full, half, none = (
        choice_costs(choices, picture, missing, guide, trust, rarity, expected) for trust in (1.0, 0.5, 0.0)
    )
    there = np.isfinite(none)
    np.testing.assert_allclose(half[there], (full[there] + none[there]) / 2, rtol=1e-5)
    other = choice_costs(choices, picture, missing, guide + np.uint8(90), 0.0, 2 * rarity, expected)
    np.testing.assert_array_equal(other, none)


@pytest.mark.parametrize("seed", range(4))
def test_every_missing_pixel_gets_a_usable_offset(seed: int):
    rng = np.random.default_rng(seed)
    missing = rng.random((23, 31)) < rng.uniform(0.2, 0.95)
    usable = ~missing & (rng.random(missing.shape) < 0.3)
    usable[rng.integers(23), rng.integers(31)] = True
    missing &= ~usable
    offsets = with_offsets_for_all(missing, usable, np.zeros((0, 2), np.int32))
    rows, columns = np.argwhere(missing).T
    served = np.zeros(len(rows), bool)
    for dy, dx in offsets:
        served |= sample(usable, rows + dy, columns + dx, False)
    assert served.all()


def test_a_pattern_goes_on_through_the_hole():
    truth, hole = tiles(), middle()
    photo = np.where(hole[..., None], np.uint8(0), truth)
    places = lay_out(photo, hole, ~hole, np.full_like(truth, 128)).places
    np.testing.assert_array_equal(photo[places[..., 0], places[..., 1]], truth)
    np.testing.assert_array_equal(places[~hole], pixel_grid(60, 80)[~hole])


def test_only_usable_places_are_taken():
    truth, hole = tiles(), middle()
    usable = ~hole
    usable[:, 40:] = False
    places = lay_out(np.where(hole[..., None], np.uint8(0), truth), hole, usable, truth).places
    assert usable[places[hole][:, 0], places[hole][:, 1]].all()


def test_the_guide_decides_where_the_photo_leaves_a_choice():
    """A red wall, a blue one, and a hole across their border that reaches the photo's lower edge."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (200, 40, 40), (40, 40, 200)
    hole = np.zeros((48, 64), bool)
    hole[10:, 14:50] = True
    blue_share = []
    for colour in ((200, 40, 40), (40, 40, 200)):
        guide = np.where(hole[..., None], np.array(colour, np.uint8), picture)
        places = lay_out(np.where(hole[..., None], np.uint8(0), picture), hole, ~hole, guide).places
        colours = picture[places[..., 0], places[..., 1]]
        blue_share.append((colours[hole] == (40, 40, 200)).all(axis=1).mean())
    assert blue_share[1] > blue_share[0] + 0.3


def test_there_are_offsets_to_what_the_guide_paints():
    """One red square in a grey picture lies at none of the offsets named before."""
    picture = np.full((60, 80, 3), 128, np.uint8)
    picture[8:24, 50:66] = (200, 40, 40)
    hole = np.zeros((60, 80), bool)
    hole[34:50, 10:26] = True
    guide = picture.copy()
    guide[hole] = (200, 40, 40)
    before = np.array([[0, 20], [0, 40]], np.int32)
    offsets = with_guided_offsets(before, picture, hole, ~hole, guide)
    np.testing.assert_array_equal(offsets[:2], before)
    places = np.array([42, 18]) + offsets[2:]
    assert (sample(picture, places[:, 0], places[:, 1], 0) == (200, 40, 40)).all(axis=1).any()


def test_no_guided_offset_where_nothing_can_be_copied():
    picture, hole = tiles(), middle()
    before = np.array([[0, 16]], np.int32)
    offsets = with_guided_offsets(before, picture, hole, np.zeros_like(hole), picture)
    np.testing.assert_array_equal(offsets, before)


def test_a_wall_is_calm_and_windows_are_not():
    hole = np.zeros((64, 64), bool)
    hole[20:44, 20:44] = True
    wall = np.full((64, 64, 3), 180, np.uint8)
    windows = wall.copy()
    windows[np.indices((64, 64)).sum(axis=0) // 12 % 2 == 0] = 40
    assert unrest(wall, hole)[hole].max() < 0.01 * CALM
    assert unrest(windows, hole)[hole].min() > CALM


def test_the_network_has_little_to_say_before_a_facade_and_much_before_a_wood():
    hole = middle()
    wood = np.random.default_rng(6).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    trusted = [
        trust_in_network(picture, hole, common_offsets(picture, ~hole)[1])
        for picture in (tiles(), wood, np.full((60, 80, 3), 90, np.uint8))
    ]
    assert trusted[:2] == [LEAST_TRUST, 1.0]
    assert trusted[2] == LEAST_TRUST, "a plain wall goes on, too"
    everything = np.ones_like(hole)
    assert trust_in_network(wood, everything, np.zeros(hole.shape, np.float32)) == 1.0


@pytest.mark.parametrize("seed", range(6))
def test_the_cut_finds_the_best_of_two_choices(seed: int):
    """With two choices one expansion is exact: the best of all 2^9 labellings of a 3 x 3 grid that are allowed."""
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 100, (9, 2)).astype(float)
    costs[rng.integers(9), rng.integers(2)] = np.inf
    index = np.arange(9).reshape(3, 3)
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    weights = rng.integers(0, 80, len(first)).astype(float)
    pairs = Pairs(first, second, lambda which, one, other: np.where(one == other, 0, weights[which]))

    def energy(labels: NDArray[np.int64]) -> float:
        seams = pairs.costs(np.arange(len(first)), labels[first], labels[second])
        return float(costs[np.arange(9), labels].sum() + seams.sum())

    best = min(energy(np.array(labels)) for labels in itertools.product((0, 1), repeat=9))
    assert energy(expand(costs, pairs)) == best


@pytest.mark.parametrize("seed", range(8))
def test_the_source_s_side_is_what_another_solver_leaves_in_reach(seed: int):
    rng = np.random.default_rng(seed)
    n, arcs = 40, 20 * (seed + 1)
    supply, capacities = rng.integers(-30, 30, n), rng.integers(1, 20, arcs)
    first = rng.integers(0, n, arcs)
    second = (first + rng.integers(1, n, arcs)) % n
    wanted = np.zeros((n + 2, n + 2), np.int32)
    np.add.at(wanted, (first, second), capacities)
    wanted[n, :n], wanted[:n, n + 1] = np.maximum(supply, 0), np.maximum(-supply, 0)
    graph = csr_array(wanted)
    residual = csr_array(np.maximum((graph - maximum_flow(graph, n, n + 1).flow).toarray(), 0))
    in_reach = breadth_first_order(residual, n, return_predecessors=False)
    found = source_side(supply, first, second, capacities)
    assert set(np.flatnonzero(found)) == set(in_reach.tolist()) - {n}
    assert 0 < found.sum() < n


def test_what_lies_beyond_the_picture_is_sampled_as_asked():
    values = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    rows, columns = np.array([[0, 2], [-1, 3]]), np.array([[1, 3], [0, 0]])
    np.testing.assert_array_equal(sample(values, rows, columns, 9), [[[2, 3], [22, 23]], [[9, 9], [9, 9]]])
    np.testing.assert_array_equal(sample(values[..., 0] > 3, rows.T[0], columns.T[0], False), [False, False])
    assert sample(values, rows, columns - 4, 9).dtype == np.float32


def test_the_cut_prefers_whole_pieces():
    """One pixel that would rather be different gives in to its neighbours when a seam costs more."""
    costs = np.tile([0.0, 5.0], (9, 1))
    costs[4] = 5.0, 0.0
    index = np.arange(9).reshape(3, 3)
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    seams = lambda cost: Pairs(first, second, lambda _, one, other: np.where(one == other, 0.0, cost))
    assert expand(costs, seams(2.0)).tolist() == [0] * 9
    assert expand(costs, seams(1.0)).tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


def test_a_change_for_nothing_may_make_way_for_a_gain():
    """Both pixels give 2 the chance, though the first would lose by it and the second gain nothing by itself."""
    seams = np.array([[0.0, 4.0, 1.0], [4.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    pairs = Pairs(np.array([0]), np.array([1]), lambda _, one, other: seams[one, other])
    assert expand(np.array([[0.0, 9.0, 10.0], [9.0, 0.0, 1.2]]), pairs).tolist() == [0, 2]


def test_rough_ground_goes_on_as_rough_ground_though_smooth_pieces_have_its_colour():
    picture = np.full((60, 80, 3), 128, np.uint8)
    rng = np.random.default_rng(5)
    picture[:, 40:] = cv2.GaussianBlur(rng.normal(128, 70, (60, 40, 3)), (0, 0), 1.2).clip(0, 255)
    missing = np.zeros((60, 80), bool)
    missing[18:42, 52:72] = True
    places = lay_out(picture, missing, ~missing, np.full_like(picture, 128)).places
    # Seams between rough pieces show, so smooth ones stay tempting: they would take nine tenths of the hole.
    assert (places[missing][:, 1] >= 38).mean() > 0.4

"""Pieces of a layout that are a pixel off are moved to where they fit, and nothing else is."""

from itertools import product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from effect.inpaint.align import BAND_PX, LEAST_GAIN, SWEEPS, _pieces_of, align
from effect.inpaint.layout import MOST_STEP, UNKNOWN_STEP
from effect.inpaint.offsets import pixel_grid
from tests.test_layout import middle, tiles


def taken(offset: tuple[int, int], hole: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Places at one offset from every missing pixel."""
    places = pixel_grid(*hole.shape)
    places[hole] += np.array(offset, np.int32)
    return places


def holed(picture: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """What lies under the hole is loud: it must have no say."""
    return np.where(hole[..., None], np.uint8(255), picture)


def offsets_of(places: NDArray[np.int32], where: NDArray[np.bool_]) -> set[tuple[int, ...]]:
    return {tuple(offset) for offset in (places - pixel_grid(*where.shape))[where].tolist()}


@pytest.mark.parametrize("off", [(0, 0), (1, 0), (0, -1), (-1, 1), (2, -2)])
def test_a_pattern_falls_into_step(off: tuple[int, int]):
    truth, hole = tiles(), np.zeros((60, 80), bool)
    hole[20:32, 30:40] = True
    before = taken((16 + off[0], 16 + off[1]), hole)
    untouched = before.copy()
    after = align(holed(truth, hole), hole, ~hole, before)
    assert offsets_of(after, hole) == {(16, 16)}
    np.testing.assert_array_equal(before, untouched)


def test_every_piece_moves_by_itself():
    truth, hole = tiles(), middle()
    upper, lower = hole.copy(), hole.copy()
    upper[32:], lower[:32] = False, False
    places = taken((-16, -17), hole)
    places[lower] += [-16, 1]
    assert offsets_of(places, lower) == {(-32, -16)}
    usable = np.ones_like(hole)  # both pieces lead through the hole, which is whole here
    after = align(truth, hole, usable, places)
    assert offsets_of(after, upper) == {(-16, -16)} and offsets_of(after, lower) == {(-32, -16)}


def test_no_piece_moves_to_what_must_not_be_copied():
    truth, hole = tiles(), np.zeros((60, 80), bool)
    hole[20:32, 30:40] = True
    usable = ~hole
    usable[36, :] = False  # the row that the right place would begin with
    after = align(holed(truth, hole), hole, usable, taken((17, 16), hole))
    assert usable[after[hole][:, 0], after[hole][:, 1]].all()
    assert offsets_of(after, hole) != {(16, 16)}


def test_nothing_moves_on_a_plain_wall():
    hole = middle()
    places = taken((3, 25), hole)
    np.testing.assert_array_equal(align(np.full((60, 80, 3), 90, np.uint8), hole, ~hole, places), places)


def test_a_piece_is_connected_and_comes_from_one_offset():
    hole = np.zeros((12, 20), bool)
    hole[2:8, 2:8] = hole[2:8, 12:18] = True
    places = taken((4, 0), hole)
    places[2:5, 2:8] += [0, 1]
    pieces, pixels, starts = _pieces_of(hole, places)
    assert (pieces[~hole] == -1).all() and sorted(pixels) == np.flatnonzero(hole).tolist()
    assert np.diff(starts).tolist() == [18, 36, 18]
    for number in range(3):
        np.testing.assert_array_equal(
            np.flatnonzero(pieces == number), sorted(pixels[starts[number] : starts[number + 1]])
        )


def plainly_aligned(
    picture: NDArray[np.uint8], hole: NDArray[np.bool_], usable: NDArray[np.bool_], places: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The same, sweep by sweep, every piece looked at anew: as slow as it is plain."""
    height, width = hole.shape
    pieces, _, starts = _pieces_of(hole, places)
    levels, places = picture.astype(int), places.copy()
    within = lambda row, column: 0 <= row < height and 0 <= column < width

    def misfit(piece: int, move: tuple[int, int]) -> float:
        total = 0.0
        for row, column in np.argwhere(pieces == piece):
            beside = [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
            if all(not within(*one) or pieces[one] == piece for one in beside):
                continue
            for dy, dx in product(range(-BAND_PX, BAND_PX + 1), repeat=2):
                near = row + dy, column + dx
                if not within(*near) or pieces[near] == piece:
                    continue
                there = tuple(places[row, column] + move + (dy, dx))
                if not within(*there) or not usable[there]:
                    total += UNKNOWN_STEP
                else:
                    total += min(((levels[there] - levels[tuple(places[near])]) ** 2).sum(), MOST_STEP)
        return total

    for _ in range(SWEEPS):
        for piece in range(len(starts) - 1):
            own, best = pieces == piece, (0, 0)
            lowest = LEAST_GAIN * misfit(piece, best)
            for move in product((-1, 0, 1), repeat=2):
                moved = places[own] + np.array(move)
                allowed = all(within(*place) and usable[tuple(place)] for place in moved)
                if any(move) and allowed and (cost := misfit(piece, move)) < lowest:
                    lowest, best = cost, move
            places[own] += np.array(best, np.int32)
    return places


@pytest.mark.parametrize(
    ("seed", "soft_px"), [(17, 2.5), (19, 2.5), (20, 2.5), (22, 2.5), (1, 0.0), (2, 0.0)]
)
def test_pieces_move_as_the_plain_rule_says(seed: int, soft_px: float):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (30, 36, 3)).astype(np.uint8)
    if soft_px:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), soft_px))
    hole = np.zeros((30, 36), bool)
    hole[10:19, 11:23] = True
    places, usable = pixel_grid(30, 36), ~hole
    for top, left in product(range(10, 19, 3), range(11, 23, 3)):
        places[top : top + 3, left : left + 3] += rng.choice([[-9, 2], [10, -1], [1, -11], [0, 12]]).astype(
            np.int32
        )
    expected = plainly_aligned(picture, hole, usable, places)
    assert (expected != places).any()
    np.testing.assert_array_equal(align(picture, hole, usable, places), expected)

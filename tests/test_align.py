"""Pieces of a layout that are a pixel off are moved to where they fit, and nothing else is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from effect.inpaint.align import _pieces_of, align
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

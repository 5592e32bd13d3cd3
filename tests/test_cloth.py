"""The picture that wings are cut from, as compiled code takes it."""

import numpy as np
import pytest

from effect.cloth import cloth_of, in_pairs


def test_pairs_are_neighbours_and_share_their_memory() -> None:
    pixels = np.random.default_rng(1).integers(0, 2**32, 30, np.uint32)
    pairs = in_pairs(pixels)
    assert np.array_equal(pairs & 0xFFFFFFFF, pixels[:-1]) and np.array_equal(pairs >> 32, pixels[1:])
    pixels[4] = 7
    assert pairs[4] & 0xFFFFFFFF == 7 and pairs[3] >> 32 == 7


@pytest.mark.parametrize(
    ("shape", "size"), [((3, 5), (5, 3)), ((1, 4), (4, 2)), ((4, 1), (2, 4)), ((1, 1), (2, 2))]
)
def test_a_cloth_holds_the_picture_row_by_row(shape: tuple[int, int], size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
    cloth = cloth_of(rgb)
    assert cloth.size == size
    grown = np.pad(rgb, ((0, size[1] - shape[0]), (0, size[0] - shape[1]), (0, 0)), "edge")
    first_of_pairs = (cloth.pairs & 0xFFFFFFFF).astype(np.uint32).view(np.uint8).reshape(-1, 4)[:, :3]
    assert np.array_equal(first_of_pairs, grown.reshape(-1, 3)[:-1])

"""Colours that go on beyond the person."""

from __future__ import annotations

import numpy as np
import pytest

from effect.spread import carried_on


def halves(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A person in the middle, red on the left and blue on the right, before green."""
    rgb = np.full((height, width, 3), (0, 255, 0), np.uint8)
    alpha = np.zeros((height, width), np.float32)
    rows, left = slice(height // 3, 2 * height // 3), slice(width // 3, width // 2)
    right = slice(width // 2, 2 * width // 3)
    rgb[rows, left], rgb[rows, right] = (200, 0, 0), (0, 0, 200)
    alpha[rows, left], alpha[rows, right] = 1, 1
    return rgb, alpha


def test_the_person_stays_and_no_background_is_left() -> None:
    rgb, alpha = halves(90, 120)
    result = carried_on(rgb, alpha)
    assert np.array_equal(result[alpha > 0], rgb[alpha > 0])
    assert result[..., 1].max() <= 1
    assert (result.sum(axis=2) > 150).all()


def test_the_nearest_colours_go_on() -> None:
    rgb, alpha = halves(90, 120)
    result = carried_on(rgb, alpha).astype(int)
    beside = result[30:60, 30:38], result[30:60, 82:90]
    assert (beside[0][..., 0] > 150).all() and (beside[1][..., 2] > 150).all()
    change = np.abs(np.diff(result, axis=1)).max(axis=(0, 2))
    assert np.delete(change, [58, 59, 60]).max() < 40, "a step beyond the person"


def test_soft_edges_count_by_their_share() -> None:
    rgb, alpha = halves(90, 120)
    rgb[30:60, 36:40], alpha[30:60, 36:40] = (255, 255, 255), 0.02
    assert carried_on(rgb, alpha)[45, 34, 1] < 30


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 200), (37, 41)])
def test_any_size_and_no_person(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 77, np.uint8)
    nobody = carried_on(rgb, np.zeros(shape, np.float32))
    assert nobody.shape == rgb.shape and nobody.dtype == np.uint8 and (nobody <= 77).all()
    assert np.array_equal(carried_on(rgb, np.ones(shape, np.float32)), rgb)

"""The matting Laplacian against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from effect.segment.laplacian import laplacian_rows, neighbours, times

EPSILON = 1e-3


def as_defined(rgb: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Equation 12 of the paper, window by window: (h * w, h * w); windows without a wanted pixel add nothing."""
    height, width = wanted.shape
    total = np.zeros((height * width, height * width))
    for top in range(height - 2):
        for left in range(width - 2):
            window = np.s_[top : top + 3, left : left + 3]
            if not wanted[window].any():
                continue
            places = np.arange(height * width).reshape(height, width)[window].ravel()
            colours = rgb[window].reshape(9, 3)
            centred = colours - colours.mean(axis=0)
            covariance = np.cov(colours.T, bias=True) + EPSILON / 9 * np.eye(3)
            alike = (1 + centred @ np.linalg.solve(covariance, centred.T)) / 9
            total[np.ix_(places, places)] += np.eye(9) - alike
    return total


def dense(rgb: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The rows as a matrix (wanted.sum(), h * w): what they make of each pixel by itself."""
    rows, places = laplacian_rows(rgb, wanted, EPSILON), neighbours(wanted)
    assert rows.shape == places.shape == (wanted.sum(), 25)
    return np.array([times(rows, places, alone) for alone in np.eye(wanted.size)]).T


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_rows_are_those_of_the_definition(share: float) -> None:
    generator = np.random.default_rng(1)
    rgb, wanted = generator.random((9, 12, 3)), generator.random((9, 12)) < share
    wanted[0, 0] = wanted[8, 11] = wanted[4, 11] = wanted[5, 0] = True  # rows end beside the picture
    assert np.abs(dense(rgb, wanted) - as_defined(rgb, wanted)[wanted.ravel()]).max() < 1e-9


def test_alpha_that_follows_the_colours_costs_nothing() -> None:
    generator = np.random.default_rng(2)
    share = generator.random((20, 20, 1))
    rgb = share * np.array([0.9, 0.2, 0.1]) + (1 - share) * np.array([0.1, 0.3, 0.8])
    everywhere = np.ones((20, 20), bool)
    rows, places = laplacian_rows(rgb, everywhere, 1e-9), neighbours(everywhere)
    assert np.abs(times(rows, places, share.ravel())).max() < 1e-6
    assert np.abs(times(rows, places, generator.random(400))).max() > 1e-6


@pytest.mark.parametrize("shape", [(3, 3), (3, 40)])
def test_small_pictures_and_nothing_wanted(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(3).random((*shape, 3))
    assert laplacian_rows(rgb, np.zeros(shape, bool), EPSILON).shape == (0, 25)
    wanted = np.ones(shape, bool)
    assert np.abs(dense(rgb, wanted) - as_defined(rgb, wanted)).max() < 1e-9

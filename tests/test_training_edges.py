"""Guidance: Canny's edges of what is known, sketches of what is not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from test_training_data import scenes

from pipelines.train.edges import canny, sketch

SIZE = 64


def steps(size: int = SIZE) -> NDArray[np.uint8]:
    """A dark square on a bright wall."""
    rgb = np.full((size, size, 3), 220, np.uint8)
    rgb[size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = 40
    return rgb


@pytest.mark.parametrize("size", [64, 128, 256])
def test_canny_finds_the_contour_of_a_square_and_nothing_else(size: int):
    edges = canny(steps(size))
    rows, columns = np.nonzero(edges)
    first, last = size // 4, 3 * size // 4
    reach = np.minimum(
        np.minimum(abs(rows - first), abs(rows - last)), np.minimum(abs(columns - first), abs(columns - last))
    )
    assert reach.max() <= size // 64 + 1  # the smoothing rounds corners
    assert 0.8 * 4 * size / 2 < edges.sum() < 1.3 * 4 * size / 2
    assert not canny(np.full((size, size, 3), 99, np.uint8)).any()


def test_a_hole_makes_no_edge_and_hides_what_it_covers():
    """Whatever the hole holds: the known edges stay the same, and a plain wall has none."""
    known = np.ones((SIZE, SIZE), bool)
    known[20:50, 10:40] = False
    wall = np.full((SIZE, SIZE, 3), 180, np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, wall.shape, np.uint8)
    assert not canny(np.where(known[..., None], wall, noise), known).any()
    one, other = (canny(np.where(known[..., None], steps(), hidden), known) for hidden in (wall, noise))
    np.testing.assert_array_equal(one, other)
    assert one.any() and not (one & ~known).any()
    whole = canny(steps())
    far = np.zeros_like(known)
    far[:, 44:] = True  # beyond the reach of the smoothing
    np.testing.assert_array_equal(one & far, whole & far)


def test_a_sketch_is_whole_strokes_of_the_hole_or_nothing():
    edges = np.zeros((SIZE, SIZE), bool)
    for row in range(4, 60, 6):
        edges[row, 5:59] = True
    edges[62, 30:32] = True  # too short to be drawn
    hole = np.zeros_like(edges)
    hole[:, 20:50] = True
    sketches = np.array([sketch(edges, hole, 0.7, np.random.default_rng(seed)) for seed in range(60)])
    strokes = sketches.sum(axis=(1, 2))
    assert (strokes % 30 == 0).all() and not (sketches & ~(edges & hole)).any()
    assert 8 < (strokes == 0).sum() < 40 and strokes.max() >= 6 * 30
    never, always = (
        [sketch(edges, hole, share, np.random.default_rng(seed)).any() for seed in range(60)]
        for share in (0.0, 1.0)
    )
    assert not any(never) and sum(always) > (strokes > 0).sum()


@pytest.mark.parametrize("guidance", ["known", "sketch"])
def test_guidance_says_only_what_it_may(guidance: str):
    data = scenes(guidance=guidance, attack_share=0.5)
    told = 0.0
    for index in range(12):
        _, hole, truth, hint, edges, _ = data[index]
        assert hint.shape == edges.shape == (1, SIZE, SIZE)
        assert set(hint.unique().tolist()) <= {0.0, 1.0} and edges.any()
        assert not (hint * (hole if guidance == "known" else 1 - hole)).any()
        if guidance == "sketch":
            assert (edges[hint > 0] == 1).all()
        told += float(hint.sum())
        rgb = ((truth.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
        np.testing.assert_array_equal(edges[0].numpy() > 0, canny(rgb))
    assert told > 0

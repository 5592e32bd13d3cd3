"""The table of restored backgrounds: what it scores, and what its measures say of pictures that are known."""

import numpy as np
import pytest

from effect.errors import UserError
from effect.grain import grain_level
from effect.photo import save_image
from pipelines import bench_restore
from pipelines.bench_restore import (
    COLUMNS,
    GRAIN,
    Case,
    bench_large,
    enlarged,
    load_cases,
    score,
    surroundings,
)
from pipelines.metrics import gradient_energy, seam
from pipelines.peers import all_peers, fill_with_mean


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3)).astype(np.uint8)


def middle() -> np.ndarray:
    hole = np.zeros((40, 60), bool)
    hole[10:30, 20:40] = True
    return hole


@pytest.fixture
def folder(tmp_path):
    hole = middle()
    attacked = hole.copy()
    attacked[10:14, 20:24] = False
    for name, picture in {"image": noise(), "truth": noise(1), "mask": hole, "attacked": attacked}.items():
        save_image(
            picture.astype(np.uint8) * (255 if picture.dtype == bool else 1), tmp_path / f"a_{name}.png"
        )
    return tmp_path


def test_an_attacked_case_is_scored_over_all_that_the_person_hides(folder):
    (clean,), (attacked,) = load_cases(folder, "mask"), load_cases(folder, "attacked")
    np.testing.assert_array_equal(clean.hole, middle())
    assert attacked.hole.sum() == middle().sum() - 16
    np.testing.assert_array_equal(attacked.hidden, middle())


def test_the_truth_itself_gets_the_best_scores(folder):
    (case,) = cases = load_cases(folder, "mask")
    (db, similarity, _, _, sharpness, in_to_around, step, _), _ = score(
        lambda image, hole: case.truth, cases, None
    )
    assert (db, similarity, sharpness, step) == pytest.approx((100, 1, 1, 0))
    assert in_to_around == pytest.approx(1, abs=0.4)  # noise is about as sharp anywhere
    (flat, _, _, _, dull, duller_than_around, _, _), _ = score(fill_with_mean, cases, None)
    assert flat < 15
    assert dull < 0.01
    assert duller_than_around < 0.01


def test_surroundings_reach_so_far_and_no_farther():
    hole = np.zeros((100, 200), bool)
    hole[40:60, 80:120] = True
    around = surroundings(hole)
    assert not around[hole].any()
    np.testing.assert_array_equal(np.flatnonzero(around[50]), [*range(72, 80), *range(120, 128)])


def test_a_missing_truth_is_named(folder):
    (folder / "a_truth.png").unlink()
    with pytest.raises(UserError, match="a_truth"):
        load_cases(folder, "mask")


def test_cases_may_be_called_by_other_names(folder):
    for old, new in (("image", "img"), ("truth", "bg")):
        (folder / f"a_{old}.png").rename(folder / f"a_{new}.png")
    (case,) = load_cases(folder, "mask")
    np.testing.assert_array_equal(case.image, noise())
    np.testing.assert_array_equal(case.truth, noise(1))


def test_an_enlarged_case_has_the_size_and_one_grain():
    image, truth = np.full((40, 60, 3), 90, np.uint8), np.full((40, 60, 3), 120, np.uint8)
    large = enlarged(Case(image, truth, middle(), middle()), 0.06)
    assert large.truth.shape == (200, 300, 3)
    assert large.hole.mean() == pytest.approx(middle().mean(), rel=0.02)
    np.testing.assert_array_equal(large.image[~large.hidden], large.truth[~large.hidden])
    assert (large.image[large.hidden] == 90).all()
    assert grain_level(large.truth) == pytest.approx(GRAIN * np.hypot.reduce([0.299, 0.587, 0.114]), rel=0.1)


def test_the_table_of_large_pictures_names_memory_and_both_rows(folder):
    printed = bench_large(folder, 0.02)
    assert "1 cases of 0.02 megapixels" in printed and " MiB " in printed
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == ["| ", "| ---", "| this project", "| pypatchmatch", "| the truth"]
    assert all(len(row) == len(COLUMNS) + 1 for row in rows)
    assert rows[-1][list(COLUMNS).index("sharpness") + 1] == "1.00"


def test_pictures_that_are_large_are_taken_as_they_are(folder, monkeypatch):
    monkeypatch.setattr(bench_restore, "enlarged", None)  # nobody calls it
    assert "cases of 0.001 megapixels or more" in bench_large(folder, 0.001)


def test_gradient_energy_is_that_of_a_ramp():
    ramp = np.repeat(np.arange(60, dtype=np.float64)[None] / 100, 40, axis=0)
    assert gradient_energy(np.dstack([ramp] * 3), middle()) == pytest.approx(0.01**2)


def test_a_step_at_the_border_is_a_seam():
    grey = np.full((40, 60, 3), 100, np.uint8)
    raised = np.where(middle()[..., None], np.uint8(130), grey)
    assert seam(raised, grey, middle()) == pytest.approx(30)


@pytest.mark.parametrize("name", sorted(all_peers()))
def test_every_peer_fills_the_hole_and_nothing_else(name):
    filled = all_peers()[name](noise(), middle())
    np.testing.assert_array_equal(filled[~middle()], noise()[~middle()])
    assert (filled[middle()] != noise()[middle()]).mean() > 0.5

"""ST-LPIPS: what holds with any weights, here random ones; the real file is not part of the project."""

import cv2
import numpy as np
import pytest
import torch

from effect.errors import UserError
from pipelines.bench_restore import main as bench
from pipelines.stlpips import BLOCKS, ShiftTolerantDistance

WIDTHS = 4, 6, 8, 8, 8


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    draw = torch.Generator().manual_seed(3)
    state = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1), "scaling_layer.scale": torch.ones(1, 3, 1, 1)}
    before = 3
    for block, (count, width) in enumerate(zip(BLOCKS, WIDTHS, strict=True)):
        for layer in range(count):
            name = f"net.slice{block}.{layer}"
            state[f"{name}.weight"] = torch.randn(width, before, 3, 3, generator=draw) / (9 * before) ** 0.5
            state[f"{name}.bias"] = torch.zeros(width)
            before = width
        state[f"lin{block}.model.1.weight"] = torch.full((1, width, 1, 1), 1 / width)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(state, path)
    return path


def picture() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (160, 200, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def middle() -> np.ndarray:
    where = np.zeros((160, 200), bool)
    where[60:100, 80:120] = True
    return where


def test_equal_pictures_have_no_distance_and_a_blur_has_more_than_a_shift(weights):
    distance = ShiftTolerantDistance(weights)
    truth, where = picture(), middle()
    shifted, blurred = np.roll(truth, 1, axis=1), cv2.GaussianBlur(truth, (0, 0), 4)
    assert distance(truth, truth, where) == pytest.approx(0, abs=1e-6)
    assert 0 < distance(shifted, truth, where) < 0.7 * distance(blurred, truth, where)


def test_what_lies_far_away_does_not_count(weights):
    distance, truth, where = ShiftTolerantDistance(weights), picture(), np.zeros((160, 200), bool)
    where[:20, :20] = True
    changed = truth.copy()
    changed[120:, 120:] = 0
    assert distance(changed, truth, where) == pytest.approx(0, abs=1e-6)


def test_a_larger_difference_is_farther_in_all_pixels_that_count(weights):
    distance, truth, where = ShiftTolerantDistance(weights), picture(), middle()
    half = truth.copy()
    half[60:80, 80:120] = 0
    whole = truth.copy()
    whole[where] = 0
    assert 0 < distance(half, truth, where) < distance(whole, truth, where)


def test_other_files_are_refused(tmp_path, weights):
    with pytest.raises(UserError, match="no file"):
        ShiftTolerantDistance(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(UserError, match="does not hold ST-LPIPS"):
        ShiftTolerantDistance(tmp_path / "text.pth")
    state = torch.load(weights, weights_only=True)
    torch.save({name: value for name, value in state.items() if "slice4" not in name}, tmp_path / "short.pth")
    with pytest.raises(UserError, match="does not hold ST-LPIPS"):
        ShiftTolerantDistance(tmp_path / "short.pth")
    with pytest.raises(UserError, match="no file"):
        bench([str(tmp_path), "--stlpips", str(tmp_path / "none.pth")])

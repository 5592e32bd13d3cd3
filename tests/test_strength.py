"""How strong the texture is: the same in numpy and for networks, by known pixels alone, and continued into holes."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from effect.inpaint.layout import lay_out
from effect.inpaint.nets import build
from effect.inpaint.nets import strength as nets_strength
from effect.inpaint.strength import texture_strength
from pipelines.train import losses


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, (height, width, 3)).astype(np.uint8)


def hole_in(height: int, width: int) -> NDArray[np.bool_]:
    hole = np.zeros((height, width), bool)
    hole[height // 4 : height // 2, width // 3 : width * 2 // 3] = True
    return hole


def as_batch(rgb: NDArray[np.uint8], hole: NDArray[np.bool_]) -> tuple[torch.Tensor, torch.Tensor]:
    picture = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 127.5 - 1
    return picture, torch.from_numpy(hole)[None, None].float()


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


def test_networks_measure_the_same():
    rgb, hole = noise(48, 64), hole_in(48, 64)
    picture, missing = as_batch(rgb, hole)
    measured = nets_strength.texture_strength(picture, 1 - missing)[0].permute(1, 2, 0).numpy() * 127.5
    np.testing.assert_allclose(measured, texture_strength(rgb, ~hole), atol=0.01)


def test_texture_goes_on_into_the_hole_unless_the_network_has_learned_better():
    rgb, hole = np.full((64, 64, 3), 128, np.uint8), hole_in(64, 64)
    rgb[:, 32:] = noise(64, 32)
    picture, missing = as_batch(rgb, hole)
    around = nets_strength.strength_around(picture * (1 - missing), missing)
    strong, weak = around[0, :, 24, 40], around[0, :, 24, 23]
    assert (strong > 2 * weak).all()
    assert (strong > 0.7 * nets_strength.texture_strength(picture)[0, :, 24, 48]).all()
    network = build("unet", {"channels": 8, "most_channels": 8, "halvings": 2, "texture": True}).eval()
    described, painted = network(picture, missing)
    assert described.shape == (1, 2, 32, 32) and painted.shape == (1, 3, 64, 64)
    torch.testing.assert_close(described, torch.nn.functional.avg_pool2d(around, 2), rtol=0.1, atol=0.01)


def test_a_picture_without_a_hole_or_without_anything_known_has_finite_strengths():
    picture, _ = as_batch(noise(32, 32), np.zeros((32, 32), bool))
    for share in (0.0, 1.0):
        assert torch.isfinite(
            nets_strength.strength_around(picture, torch.full_like(picture[:, :1], share))
        ).all()


def test_the_best_description_is_the_mean_strength():
    truth = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    hole = torch.zeros(2, 1, 32, 32)
    hole[:, :, 8:24, 8:24] = 1
    right = torch.nn.functional.avg_pool2d(nets_strength.texture_strength(truth), 2)
    loss = lambda described, known: losses.texture(described, truth, hole, known).item()
    assert loss(right, 1.0) == 0
    wrong_outside = right + 0.5 * (1 - torch.nn.functional.avg_pool2d(hole, 2))
    assert loss(wrong_outside, 0.0) == 0 and abs(loss(wrong_outside, 0.2) - 0.2 * 0.25) < 1e-6
    assert abs(loss(right + 0.5, 0.0) - 0.25) < 1e-6


def test_pieces_have_the_texture_that_is_asked_for():
    """Left calm, right rough, all of one colour: the same hole in between is filled with what the network describes."""
    picture = np.full((60, 80, 3), 128, np.uint8)
    rng = np.random.default_rng(5)
    picture[:, 40:] = cv2.GaussianBlur(rng.normal(128, 70, (60, 40, 3)), (0, 0), 1.2).clip(0, 255)
    missing = np.zeros((60, 80), bool)
    missing[20:40, 30:50] = True
    rough = texture_strength(picture, ~missing)[10:50, 60:70].mean()
    guide = np.full_like(picture, 128)
    columns = []
    for wanted in (0.0, rough):
        strength = np.full((60, 80, 2), wanted, np.float32)
        columns.append(lay_out(picture, missing, ~missing, guide, strength)[missing][:, 1])
    assert (columns[0] >= 40).mean() < 0.5 < (columns[1] >= 40).mean()

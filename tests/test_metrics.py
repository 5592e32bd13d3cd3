"""Metrics against scikit-image, and against closed forms."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipelines.metrics import BEST_PSNR_DB, perceptual_distance, psnr, ssim


def pair(kind: str, height: int = 41, width: int = 64) -> tuple[NDArray, NDArray]:
    """A smooth picture and a noisy copy of it."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:height, :width] / 20.0
    truth = np.stack([np.sin(x) * np.cos(y), np.cos(x + y), np.sin(3 * y)], axis=2) / 2 + 0.5
    restored = np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1)
    if kind == "uint8":
        return np.rint(restored * 255).astype(np.uint8), np.rint(truth * 255).astype(np.uint8)
    return restored.astype(np.float32), truth.astype(np.float32)


HOLE = np.zeros((41, 64), bool)
HOLE[3:30, 0:25] = True


@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_psnr_is_scikit_image_s(kind: str):
    restored, truth = pair(kind)
    peak = 255 if kind == "uint8" else 1
    assert psnr(restored, truth) == pytest.approx(
        peak_signal_noise_ratio(truth, restored, data_range=peak), abs=1e-4
    )
    in_hole = peak_signal_noise_ratio(truth[HOLE], restored[HOLE], data_range=peak)
    assert psnr(restored, truth, HOLE) == pytest.approx(in_hole, abs=1e-4)
    assert psnr(restored, truth, HOLE) != pytest.approx(psnr(restored, truth), abs=1e-3)


def test_psnr_by_hand():
    black = np.zeros((8, 8, 3), np.float32)
    assert psnr(black + np.float32(0.1), black) == pytest.approx(20, abs=1e-4)
    assert psnr(black, black) == BEST_PSNR_DB


@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_ssim_is_scikit_image_s(kind: str):
    """With the Gaussian window of the paper; over the hole it is the mean of scikit-image's own map."""
    restored, truth = pair(kind)
    wanted, similarity = structural_similarity(
        truth,
        restored,
        channel_axis=2,
        data_range=255 if kind == "uint8" else 1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert ssim(restored, truth) == pytest.approx(wanted, abs=1e-5)
    assert ssim(restored, truth, HOLE) == pytest.approx(similarity[HOLE].mean(), abs=1e-5)
    assert ssim(restored, truth, HOLE) != pytest.approx(ssim(restored, truth), abs=1e-4)


def test_equal_pictures_are_alike():
    truth = pair("uint8")[1]
    assert ssim(truth, truth) == ssim(truth, truth, HOLE) == pytest.approx(1)


class TwoLayers(torch.nn.Module):
    """The picture itself, and its halved sums."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        return [rgb, 4 * torch.nn.functional.avg_pool2d(rgb, 2)]


def test_the_perceptual_distance_agrees_with_numpy():
    restored, truth = pair("float", 40)
    hole = HOLE[:40]
    maps = []
    for halvings in (0, 1):
        a, b = (2 * picture.astype(np.float64) - 1 for picture in (restored, truth))
        if halvings:
            a, b = (p.reshape(20, 2, 32, 2, 3).sum(axis=(1, 3)) for p in (a, b))
        a, b = (p / np.linalg.norm(p, axis=2, keepdims=True) for p in (a, b))
        distance = ((a - b) ** 2).sum(axis=2)
        if halvings:  # bilinear, pixel centres aligned
            rows, columns = ((np.arange(2 * n) + 0.5) / 2 - 0.5 for n in distance.shape)
            r, c = np.clip(rows, 0, 19), np.clip(columns, 0, 31)
            r0, c0 = np.minimum(r.astype(int), 18), np.minimum(c.astype(int), 30)
            u, v = (r - r0)[:, None], (c - c0)[None]
            at = lambda i, j, d=distance, r0=r0, c0=c0: d[np.ix_(r0 + i, c0 + j)]
            distance = (1 - u) * ((1 - v) * at(0, 0) + v * at(0, 1)) + u * ((1 - v) * at(1, 0) + v * at(1, 1))
        maps.append(distance)
    wanted = np.mean(maps, axis=0)
    assert perceptual_distance(restored, truth, TwoLayers()) == pytest.approx(wanted.mean(), rel=1e-3)
    assert perceptual_distance(restored, truth, TwoLayers(), hole) == pytest.approx(
        wanted[hole].mean(), rel=1e-3
    )


def test_the_perceptual_distance_ignores_brightness_and_ends_at_four():
    grey = np.full((16, 16, 3), 0.75, np.float32)
    assert perceptual_distance(grey, grey, TwoLayers()) == 0
    assert perceptual_distance(grey + np.float32(0.2), grey, TwoLayers()) == pytest.approx(0, abs=1e-6)
    assert perceptual_distance(1 - grey, grey, TwoLayers()) == pytest.approx(4, rel=1e-5)

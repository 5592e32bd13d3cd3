"""How close a restored picture is to the true one: pure functions, each over the whole picture or over some pixels.

Pictures are RGB, uint8 or float32 in 0-1, (H, W, 3), both of a pair alike; `where` is bool (H, W), True = counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn

SSIM_SIGMA_PX, SSIM_RADIUS_PX = 1.5, 5  # an 11x11 Gaussian window
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
BEST_PSNR_DB = 100.0  # of equal pictures, so that a mean over pictures stays finite


def psnr(restored: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB, over the whole picture or over the pixels `where`; at most 100."""
    squared = (as_float(restored) - as_float(truth)) ** 2
    error = float((squared if where is None else squared[where]).mean())
    return min(BEST_PSNR_DB, -10 * float(np.log10(max(error, 1e-12))))


def ssim(restored: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """Structural similarity, the mean over the channels (Wang et al., IEEE TIP 2004, section III).

    Over the whole picture, its outermost 5 px left out as the window does not fit there; or the mean of the map over
    the pixels `where`.
    """
    similarity = ssim_map(restored, truth)
    if where is not None:
        return float(similarity[where].mean())
    inside = slice(SSIM_RADIUS_PX, -SSIM_RADIUS_PX)
    return float(similarity[inside, inside].mean())


def ssim_map(restored: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """float64 (H, W, 3): the similarity of the windows around each pixel, the picture mirrored beyond its edges."""
    x, y = as_float(restored), as_float(truth)
    side = 2 * SSIM_RADIUS_PX + 1
    blur = lambda values: cv2.GaussianBlur(values, (side, side), SSIM_SIGMA_PX, borderType=cv2.BORDER_REFLECT)
    mean_x, mean_y = blur(x), blur(y)
    variance_x, variance_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + SSIM_C1) * (2 * covariance + SSIM_C2)
    return likeness / ((mean_x**2 + mean_y**2 + SSIM_C1) * (variance_x + variance_y + SSIM_C2))


def perceptual_distance(
    restored: np.ndarray, truth: np.ndarray, features: nn.Module, where: np.ndarray | None = None
) -> float:
    """Distance of deep features, 0 for equal pictures and at most 4 (usually below 1).

    After LPIPS (Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018,
    equation 1) without its learned weights: at each place the features of a layer are scaled to unit length, their
    squared differences are added, enlarged to the picture, averaged over the pixels `where` and then over the layers.
    features: maps (1, 3, H, W) in -1..1 to one map a layer, such as `pipelines.train.vgg.VGGFeatures`.
    """
    import torch

    device = next(features.parameters()).device
    pair = np.stack([as_float(restored), as_float(truth)]).astype(np.float32)
    with torch.inference_mode():
        maps = features(torch.from_numpy(pair).permute(0, 3, 1, 2).to(device) * 2 - 1)
        distances = [feature_distances(layer.float(), pair.shape[1:3]) for layer in maps]
        mean = torch.stack(distances).mean(dim=0).cpu().numpy()
    return float(mean.mean() if where is None else mean[where].mean())


def feature_distances(pair: Tensor, size: tuple[int, ...]) -> Tensor:
    """Squared distances of two pictures' unit-length features (2, C, h, w), enlarged to `size`: (H, W)."""
    import torch.nn.functional as F

    one, other = pair / pair.norm(dim=1, keepdim=True).clamp_min(1e-10)
    distance = ((one - other) ** 2).sum(dim=0)
    return F.interpolate(distance[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]


def gradient_energy(picture: np.ndarray, where: np.ndarray) -> float:
    """How sharp the pixels `where` are: the mean squared gradient of their luma (Sobel), at least 1e-6.

    The outermost two pixels are left out: their gradients reach out of the region.
    """
    luma = as_float(picture) @ np.array([0.299, 0.587, 0.114])
    gradients = [cv2.Sobel(luma, cv2.CV_64F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))]
    inside = cv2.erode(where.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    energy = sum(gradient**2 for gradient in gradients)[inside if inside.any() else where]
    return max(float(energy.mean()), 1e-6)


def seam(restored: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """How much a step at the border of the pixels `where` stands out, in levels of 255: 0 as in the truth.

    The mean absolute step between neighbours, one on each side of the border, less the truth's.
    """
    steps = []
    for picture in (as_float(restored), as_float(truth)):
        across = np.abs(np.diff(picture, axis=1))[where[:, 1:] != where[:, :-1]]
        down = np.abs(np.diff(picture, axis=0))[where[1:] != where[:-1]]
        steps.append(255 * float(np.concatenate([across, down]).mean()))
    return steps[0] - steps[1]


def as_float(picture: np.ndarray) -> np.ndarray:
    """float64 in 0-1: sums over many pixels need the digits."""
    return picture.astype(np.float64) / (255 if picture.dtype == np.uint8 else 1)

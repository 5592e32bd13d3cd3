"""`effect.inpaint.strength` for networks: the same measure on batches of pictures, and its continuation into holes."""

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from effect.inpaint.offsets import SOFT_PX

RIM_PX = 4  # how wide the surroundings are whose texture goes on into a hole


@torch.no_grad()
def texture_strength(rgb: Tensor, known: Tensor | None = None) -> Tensor:
    """Root mean squared steps between neighbours, down and to the right: (B, 2, H, W) in the pictures' unit.

    rgb: (B, 3, H, W); known: (B, 1, H, W), 1 = counts; without it every pixel does.
    """
    known = torch.ones_like(rgb[:, :1]) if known is None else known
    strengths = []
    for axis, room in ((2, [0, 0, 0, 1]), (3, [0, 1, 0, 0])):
        length = rgb.shape[axis] - 1
        both = known.narrow(axis, 0, length) * known.narrow(axis, 1, length)
        squares = (rgb.diff(dim=axis) ** 2).sum(dim=1, keepdim=True) * both
        strengths.append(soften(F.pad(squares, room)) / soften(F.pad(both, room)).clamp_min(1e-3))
    return torch.cat(strengths, dim=1).sqrt()


@torch.no_grad()
def strength_around(rgb: Tensor, hole: Tensor) -> Tensor:
    """The strength of the known texture, (B, 2, H, W), which in the hole goes on as its surroundings have it.

    rgb: (B, 3, H, W); hole: (B, 1, H, W), 1 = missing.
    """
    with torch.autocast(rgb.device.type, enabled=False):
        known = 1 - hole.float()
        strength = texture_strength(rgb.float(), known)
        rim = known * F.max_pool2d(hole.float(), 2 * RIM_PX + 1, stride=1, padding=RIM_PX)
        return strength * known + spread(strength * rim, rim) * (1 - known)


def spread(values: Tensor, weights: Tensor) -> Tensor:
    """Averages of ever larger surroundings where nothing is known: `effect.inpaint.membrane.spread` for batches.

    values: (B, C, H, W), already multiplied by weights (B, 1, H, W).
    """
    height, width = weights.shape[2:]
    if min(height, width) <= 2 or height % 2 or width % 2:
        mean = values.sum(dim=(2, 3), keepdim=True) / weights.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
        return mean.expand_as(values)
    coarse = spread(F.avg_pool2d(values, 2), F.avg_pool2d(weights, 2))
    coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return values / weights.clamp_min(1e-6) * weights + coarse * (1 - weights)


def soften(maps: Tensor) -> Tensor:
    """Gaussian blur of (B, 1, H, W) with deviation SOFT_PX, mirrored at the border."""
    radius = 4 * SOFT_PX
    kernel = torch.from_numpy(cv2.getGaussianKernel(2 * radius + 1, SOFT_PX)[:, 0]).to(maps)
    padded = F.pad(maps, [radius] * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel[None, None, :, None]), kernel[None, None, None])

"""Losses as plain functions. Pictures are (B, 3, H, W) in -1..1, holes (B, 1, H, W) with 1 = missing."""

import torch.nn.functional as F
from torch import Tensor


def l1(painted: Tensor, truth: Tensor, hole: Tensor, known_weight: float) -> Tensor:
    """Mean absolute error over hole pixels, plus `known_weight` times that over known ones."""
    error = (painted - truth).abs().mean(dim=1, keepdim=True)
    known = 1 - hole
    in_hole = (error * hole).sum() / hole.sum().clamp_min(1)
    return in_hole + known_weight * (error * known).sum() / known.sum().clamp_min(1)


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """SN-PatchGAN discriminator loss over every element of the score map (Yu et al. 2019, equation 2)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """SN-PatchGAN generator loss (Yu et al. 2019, equation 2)."""
    return -fake.mean()


def perceptual(painted: list[Tensor], truth: list[Tensor]) -> Tensor:
    """Mean L1 between features of a frozen network, summed over its layers (Johnson et al. 2016, section 3.2).

    painted, truth: one (B, C, H, W) a layer. The paper squares the differences; L1 forgives a few large ones.
    """
    pairs = [(p.float(), t.float()) for p, t in zip(painted, truth, strict=True)]
    # Relative to the layer's own mean: the layers' scales differ tenfold, and between weight files even more.
    distances = [(p - t).abs().mean() / t.abs().mean().clamp_min(1e-6) for p, t in pairs]
    return sum(distances[1:], distances[0])

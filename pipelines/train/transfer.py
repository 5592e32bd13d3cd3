"""What a student learns from its teacher, as plain functions.

Maps are lists of (B, C, h, w), the student's and the teacher's in the same order and, at each place, of the same height
and width. counts: (B, 1, H, W), how much each pixel counts, at least 0; it is shrunk to a map's size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def pixel_counts(hole: Tensor, known_weight: float) -> Tensor:
    """1 where a pixel is missing, `known_weight` elsewhere: hole alone with 0, every pixel alike with 1.

    hole: (B, 1, H, W), 1 = missing. Returns (B, 1, H, W).
    """
    return hole + known_weight * (1 - hole)


def output_transfer(painted: list[Tensor], taught: list[Tensor], counts: Tensor) -> Tensor:
    """Mean absolute difference of the student's pictures to the teacher's, the coarse and the refined, summed.

    painted, taught: lists of (B, 3, H, W); where one of the two paints fewer, the last ones are compared.
    """
    shared = min(len(painted), len(taught))
    pairs = zip(painted[-shared:], taught[-shared:], strict=True)
    return torch.stack([mean((p - t).abs(), counts) for p, t in pairs]).sum()


def feature_transfer(adapted: list[Tensor], taught: list[Tensor], counts: Tensor) -> Tensor:
    """Mean absolute difference of the student's maps, adapted to the teacher's channels, to the teacher's (Romero et
    al., "FitNets", ICLR 2015, section 2.2), relative to the size of each of the teacher's, summed over the maps.

    The paper squares the differences; relative, because the scales of layers differ tenfold.
    """
    losses = []
    for student, teacher in zip(adapted, taught, strict=True):
        here = shrunk(counts, teacher)
        losses.append(mean((student - teacher).abs(), here) / mean(teacher.abs(), here).clamp_min(1e-6))
    return torch.stack(losses).sum()


def attention_transfer(maps: list[Tensor], taught: list[Tensor], counts: Tensor) -> Tensor:
    """Distance of the attention maps of every example, the mean over the batch, summed over the maps (Zagoruyko and
    Komodakis, "Paying More Attention to Attention", ICLR 2017, equation 2 with p = 2). Any two numbers of channels."""
    pairs = zip(maps, taught, strict=True)
    return torch.stack(
        [(attention(s, counts) - attention(t, counts)).norm(dim=1).mean() for s, t in pairs]
    ).sum()


def attention(features: Tensor, counts: Tensor) -> Tensor:
    """Where the squares of all channels add up to much: (B, C, h, w) as (B, h w), of length 1."""
    energy = features.square().sum(dim=1, keepdim=True)
    return F.normalize((energy * shrunk(counts, features)).flatten(1), dim=1)


def relation_transfer(maps: list[Tensor], taught: list[Tensor], counts: Tensor) -> Tensor:
    """Mean square difference of how alike the examples of a batch are to the student and to the teacher, summed over
    the maps (Tung and Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, equations 1 to 4). Any two
    numbers of channels; a batch of one says nothing."""
    pairs = zip(maps, taught, strict=True)
    return torch.stack(
        [(similarity(s, counts) - similarity(t, counts)).square().mean() for s, t in pairs]
    ).sum()


def similarity(features: Tensor, counts: Tensor) -> Tensor:
    """Products of all pairs of examples (B, C, h, w), every row of length 1: (B, B)."""
    weighted = (features * shrunk(counts, features)).flatten(1)
    return F.normalize(weighted @ weighted.T, dim=1)


def shrunk(maps: Tensor, like: Tensor) -> Tensor:
    """Means of (B, C, H, W) over the places of `like`, (B, any, h, w)."""
    height, width = like.shape[2:]
    return F.adaptive_avg_pool2d(maps, (height, width))


def mean(values: Tensor, counts: Tensor) -> Tensor:
    """Mean of (B, C, h, w) over channels and, as each place counts (B, 1, h, w), over places and examples."""
    return (values.mean(dim=1, keepdim=True) * counts).sum() / counts.sum().clamp_min(1e-6)

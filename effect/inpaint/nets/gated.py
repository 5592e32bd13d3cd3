"""Gated-convolution generator: Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019.

A coarse network paints structure; a refinement network repaints it with one branch of dilated convolutions and
one of contextual attention (Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018).
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

# Height and width in pixels must be multiples: two halvings, then attention at half the feature size.
STRIDE = 8
DILATIONS = (2, 4, 8, 16)


@dataclass(frozen=True)
class GatedConfig:
    """channels: width of the first convolution before the split into features and gates (48 in the paper)."""

    channels: int = 48
    softmax_scale: float = 10.0  # sharpness of the attention (CVPR 2018, section 4.1)


class GatedConv(nn.Module):
    """ELU(features) x sigmoid(gates), both from one convolution (ICCV 2019, section 3.1).

    `channels` counts features and gates together, so the output has channels / 2.
    """

    def __init__(self, inputs: int, channels: int, kernel: int = 3, stride: int = 1, dilation: int = 1):
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(inputs, channels, kernel, stride, padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        both = self.conv(x).chunk(2, dim=1)
        # Strided halves cost the CPU six times as much in ELU and sigmoid as the copy does.
        features, gates = (half.contiguous(memory_format=torch.channels_last) for half in both)
        return F.elu(features) * torch.sigmoid(gates)


class Upsample(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="nearest")


def encoder(inputs: int, widths: tuple[int, int, int, int, int]) -> list[nn.Module]:
    """Five gated convolutions to a quarter of the resolution; the last has widths[4] / 2 channels."""
    a, b, c, d, e = widths
    return [
        GatedConv(inputs, a, kernel=5),
        GatedConv(a // 2, b, stride=2),
        GatedConv(b // 2, c),
        GatedConv(c // 2, d, stride=2),
        GatedConv(d // 2, e),
        GatedConv(e // 2, e),
    ]


def decoder(inputs: int, channels: int) -> list[nn.Module]:
    """From a quarter of the resolution back to RGB in -1..1."""
    c = channels
    return [
        GatedConv(inputs, 4 * c),
        GatedConv(2 * c, 4 * c),
        Upsample(),
        GatedConv(2 * c, 2 * c),
        GatedConv(c, 2 * c),
        Upsample(),
        GatedConv(c, c),
        GatedConv(c // 2, c // 2),
        nn.Conv2d(c // 4, 3, 3, padding=1),
        nn.Tanh(),
    ]


def dilated(channels: int) -> list[nn.Module]:
    return [GatedConv(channels // 2, channels, dilation=dilation) for dilation in DILATIONS]


def contextual_attention(features: Tensor, hole: Tensor, softmax_scale: float) -> Tensor:
    """Rebuild every feature patch from the known patches that resemble it (CVPR 2018, section 3.2).

    features: (B, C, h, w), h and w even; hole: (B, 1, h, w), above 0 where any pixel is missing.
    Patches are matched (3x3, cosine) at half the resolution and pasted (4x4, overlaps averaged) at the full one.
    Returns (B, C, h, w). Where a picture has no wholly known patch, its result is zero.
    """
    height, width = features.shape[2:]
    rows, columns = height // 2, width // 2
    small = features[:, :, ::2, ::2]
    queries = F.unfold(small, 3, padding=1).float()  # (B, C*9, L), L = rows * columns
    keys = queries / queries.norm(dim=1, keepdim=True).clamp_min(1e-4)
    known = F.max_pool2d(F.max_pool2d(hole, 2), 3, stride=1, padding=1).flatten(1) == 0  # (B, L)

    scores = propagate(keys.transpose(1, 2) @ queries, rows, columns)  # [known patch, patch to rebuild]
    scores = scores.masked_fill(~known[:, :, None], -1e4)
    weights = torch.softmax(softmax_scale * scores, dim=1) * known[:, :, None]

    patches = F.unfold(features, 4, stride=2, padding=1)  # (B, C*16, L)
    pasted = patches @ weights.to(patches.dtype)
    return F.fold(pasted, (height, width), 4, stride=2, padding=1) / 4


def propagate(scores: Tensor, rows: int, columns: int) -> Tensor:
    """Favour matches whose neighbours match too, along columns and then rows (CVPR 2018, "attention propagation").

    scores: (B, L, L) with L = rows * columns; a shift of both patches by one place should keep a good match.
    """
    batch, length, _ = scores.shape
    scores = diagonal_sum(scores)
    grid = scores.view(batch, rows, columns, rows, columns).permute(0, 2, 1, 4, 3)
    grid = diagonal_sum(grid.reshape(batch, length, length))
    grid = grid.view(batch, columns, rows, columns, rows).permute(0, 2, 1, 4, 3)
    return grid.reshape(batch, length, length)


def diagonal_sum(scores: Tensor) -> Tensor:
    """Each score plus its two neighbours on the diagonal: a 3x3 identity kernel."""
    total = scores.clone()
    total[:, 1:, 1:] += scores[:, :-1, :-1]
    total[:, :-1, :-1] += scores[:, 1:, 1:]
    return total


class GatedGenerator(nn.Module):
    """Coarse and refinement networks of ICCV 2019, figure 3; 4.05 M parameters at 48 channels."""

    def __init__(self, config: GatedConfig = GatedConfig()):
        super().__init__()
        self.config = config
        c = config.channels
        self.coarse = nn.Sequential(
            *encoder(4, (c, 2 * c, 2 * c, 4 * c, 4 * c)), *dilated(4 * c), *decoder(2 * c, c)
        )
        self.dilated_branch = nn.Sequential(*encoder(4, (c, c, 2 * c, 2 * c, 4 * c)), *dilated(4 * c))
        self.attention_encoder = nn.Sequential(*encoder(4, (c, c, 2 * c, 4 * c, 4 * c)))
        self.attention_decoder = nn.Sequential(GatedConv(2 * c, 4 * c), GatedConv(2 * c, 4 * c))
        self.refine_decoder = nn.Sequential(*decoder(4 * c, c))

    def forward(self, rgb: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
        """rgb: (B, 3, H, W) in -1..1; hole: (B, 1, H, W), 1 = missing; H, W multiples of STRIDE.

        Returns coarse and refined, both (B, 3, H, W) in -1..1 over the whole picture: the caller keeps known pixels.
        """
        coarse = self.coarse(torch.cat([rgb * (1 - hole), hole], dim=1))
        filled = torch.cat([rgb * (1 - hole) + coarse * hole, hole], dim=1)
        attended = self.attention_encoder(filled)
        attended = contextual_attention(attended, F.max_pool2d(hole, 4), self.config.softmax_scale)
        branches = torch.cat([self.dilated_branch(filled), self.attention_decoder(attended)], dim=1)
        return coarse, self.refine_decoder(branches)


def load_generator(weights: Path) -> GatedGenerator:
    """The generator of a safetensors file, whose metadata carries its configuration; float32, for inference."""
    with safe_open(weights, "pt") as stored:
        generator = GatedGenerator(GatedConfig(channels=int(stored.metadata()["channels"])))
        names = stored.keys()  # not a dict: it cannot be iterated itself
        generator.load_state_dict({name: stored.get_tensor(name).float() for name in names})
    return generator.to(memory_format=torch.channels_last).eval()

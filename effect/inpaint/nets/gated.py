"""Gated-convolution generator: Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019.

A coarse network paints structure; a refinement network repaints it with one branch of dilated convolutions and
one of contextual attention (Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.nets.generator import Generator

DILATIONS = (2, 4, 8, 16)
GATES = ("full", "one", "separable")
FEATURE_GAIN = 2.3  # at which ELU x sigmoid keeps a signal's mean square, about
Conv = Callable[..., nn.Module]  # GatedConv with its kind of gate chosen


@dataclass(frozen=True)
class GatedConfig:
    """channels: width of the first convolution before the split into features and gates (48 in the paper).

    gate: "full", a gate for every feature from a convolution like the features' own (the paper); or the lighter kinds
    of Yi et al., "Contextual Residual Aggregation for Ultra High-Resolution Image Inpainting", CVPR 2020, section 3.2:
    "one", a single map that gates all features, and "separable", depthwise and then pointwise convolution.
    sketch: take guidance, sparse strokes inside the hole (ICCV 2019, section 3.4); without it guidance is ignored.
    """

    channels: int = 48
    softmax_scale: float = 10.0  # sharpness of the attention (CVPR 2018, section 4.1)
    gate: str = "full"
    sketch: bool = False

    def __post_init__(self) -> None:
        if self.channels < 4 or self.channels % 4:
            raise UserError(f"channels must be a multiple of 4, not {self.channels}")
        if self.gate not in GATES:
            raise UserError(f"gate must be one of {', '.join(GATES)}, not '{self.gate}'")


class GatedConv(nn.Module):
    """ELU(features) x sigmoid(gates), by default both from one convolution (ICCV 2019, section 3.1).

    `channels` counts features and full gates together: whatever the kind of gate, the output has channels / 2.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        gate: str = "full",
    ):
        super().__init__()
        self.features = channels // 2
        outputs = self.features + {"full": self.features, "one": 1, "separable": 0}[gate]
        place = (kernel, stride, dilation * (kernel - 1) // 2, dilation)
        self.conv = nn.Conv2d(inputs, outputs, *place)
        self.gate = None
        if gate == "separable":
            depthwise = nn.Conv2d(inputs, inputs, *place, groups=inputs)
            self.gate = nn.Sequential(depthwise, nn.Conv2d(inputs, self.features, 1))
        # torch's own start leaves 28 % of a signal in every gated layer: after the sixteen of a network only
        # biases are left, and hundreds of steps pass before the picture counts.
        deviation = (inputs * kernel**2) ** -0.5
        nn.init.normal_(self.conv.weight[: self.features], std=FEATURE_GAIN * deviation)
        nn.init.normal_(self.conv.weight[self.features :], std=deviation)
        nn.init.zeros_(self.conv.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        if self.gate is not None:
            return F.elu(self.conv(x)) * torch.sigmoid(self.gate(x))
        both = self.conv(x).split([self.features, self.conv.out_channels - self.features], dim=1)
        # Strided halves cost the CPU six times as much in ELU and sigmoid as the copy does.
        features, gates = (half.contiguous(memory_format=torch.channels_last) for half in both)
        return F.elu(features) * torch.sigmoid(gates)


class Upsample(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="nearest")


def encoder(conv: Conv, inputs: int, widths: tuple[int, int, int, int, int]) -> list[nn.Module]:
    """Five gated convolutions to a quarter of the resolution; the last has widths[4] / 2 channels."""
    a, b, c, d, e = widths
    return [
        conv(inputs, a, kernel=5),
        conv(a // 2, b, stride=2),
        conv(b // 2, c),
        conv(c // 2, d, stride=2),
        conv(d // 2, e),
        conv(e // 2, e),
    ]


def decoder(conv: Conv, inputs: int, channels: int) -> list[nn.Module]:
    """From a quarter of the resolution back to RGB in -1..1."""
    c = channels
    return [
        conv(inputs, 4 * c),
        conv(2 * c, 4 * c),
        Upsample(),
        conv(2 * c, 2 * c),
        conv(c, 2 * c),
        Upsample(),
        conv(c, c),
        conv(c // 2, c // 2),
        nn.Conv2d(c // 4, 3, 3, padding=1),
        nn.Tanh(),
    ]


def dilated(conv: Conv, channels: int) -> list[nn.Module]:
    return [conv(channels // 2, channels, dilation=dilation) for dilation in DILATIONS]


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


class GatedGenerator(Generator):
    """Coarse and refinement networks of ICCV 2019, figure 3; 4.05 M parameters at 48 channels."""

    stride = 8  # two halvings, then attention at half the feature size

    def __init__(self, config: GatedConfig = GatedConfig()):
        super().__init__()
        self.config = config
        c, inputs = config.channels, 5 if config.sketch else 4
        conv = partial(GatedConv, gate=config.gate)
        self.coarse = nn.Sequential(
            *encoder(conv, inputs, (c, 2 * c, 2 * c, 4 * c, 4 * c)),
            *dilated(conv, 4 * c),
            *decoder(conv, 2 * c, c),
        )
        self.dilated_branch = nn.Sequential(
            *encoder(conv, inputs, (c, c, 2 * c, 2 * c, 4 * c)), *dilated(conv, 4 * c)
        )
        self.attention_encoder = nn.Sequential(*encoder(conv, inputs, (c, c, 2 * c, 4 * c, 4 * c)))
        self.attention_decoder = nn.Sequential(conv(2 * c, 4 * c), conv(2 * c, 4 * c))
        self.refine_decoder = nn.Sequential(*decoder(conv, 4 * c, c))

    def forward(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Generator.forward`. Returns coarse and refined. Guidance is the sketch; only what lies in the hole
        counts."""
        said = [hole]
        if self.config.sketch:
            said.append(torch.zeros_like(hole) if guidance is None else guidance * hole)
        known = rgb * (1 - hole)
        coarse = self.coarse(torch.cat([known, *said], dim=1))
        filled = torch.cat([known + coarse * hole, *said], dim=1)
        attended = self.attention_encoder(filled)
        attended = contextual_attention(attended, F.max_pool2d(hole, 4), self.config.softmax_scale)
        branches = torch.cat([self.dilated_branch(filled), self.attention_decoder(attended)], dim=1)
        return coarse, self.refine_decoder(branches)

"""Gated-convolution generator: Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019.

A coarse network paints structure; a refinement network repaints it with one branch of dilated convolutions and
one of contextual attention (Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.looks import LOOKS
from effect.inpaint.nets.colours import ColoursHead
from effect.inpaint.nets.gated_conv import ACTIVATIONS, CONVS, GATES, GatedConv, Kind
from effect.inpaint.nets.generator import Generator, Outcome
from effect.inpaint.nets.looks import LooksHead

DILATIONS = (2, 4, 8, 16)
BEFORE_DECODER = 6 + len(DILATIONS)  # layers of the coarse network
Conv = Callable[..., nn.Module]  # GatedConv with its kind chosen


@dataclass(frozen=True)
class GatedConfig:
    """channels: width of the first convolution before the split into features and gates (48 in the paper).

    gate: "full", a gate for every feature from a convolution like the features' own (the paper); or the lighter kinds
    of Yi et al., "Contextual Residual Aggregation for Ultra High-Resolution Image Inpainting", CVPR 2020, section 3.2:
    "one", a single map that gates all features, and "separable", depthwise and then pointwise convolution.
    sketch: take guidance, sparse strokes inside the hole (ICCV 2019, section 3.4); without it guidance is ignored.
    conv: "full" (the paper); "grouped", in `groups` groups that are dealt out anew after every layer; "separable",
    as in MobileNetV2, `expansion` times as wide within. Their first layers are whole, and then 3 x 3 instead of 5 x 5.
    activation: of the features, "elu" (the paper) or "leaky", which runtimes fuse with the convolution before it.
    shortcut: layers whose output is as large as their input add it to that (He et al., "Deep Residual Learning", CVPR
    2016, section 3.2), which the paper's do not: training needs a fraction of the steps.
    looks: tell, too, what to expect in the hole, and how surely: see `effect.inpaint.nets.looks`; likeness: and in so
    many numbers, which known places resemble it.
    """

    channels: int = 48
    softmax_scale: float = 10.0  # sharpness of the attention (CVPR 2018, section 4.1)
    gate: str = "full"
    sketch: bool = False
    conv: str = "full"
    groups: int = 4
    expansion: int = 1
    activation: str = "elu"
    shortcut: bool = False
    looks: bool = False
    likeness: int = 0
    colours: bool = False

    def __post_init__(self) -> None:
        if self.channels < 4 or self.channels % 4:
            raise UserError(f"channels must be a multiple of 4, not {self.channels}")
        for name, known in (("gate", GATES), ("conv", CONVS), ("activation", tuple(ACTIVATIONS))):
            if (value := getattr(self, name)) not in known:
                raise UserError(f"{name} must be one of {', '.join(known)}, not '{value}'")
        if self.conv == "grouped" and (self.groups < 1 or self.channels // 4 % self.groups):
            raise UserError(
                f"groups must divide a quarter of the channels, {self.channels // 4}, not {self.groups}"
            )
        if self.expansion < 1:
            raise UserError(f"expansion must be at least 1, not {self.expansion}")
        if self.likeness and not self.looks:
            raise UserError("likeness is told by the head that looks=true adds")
        if self.colours and not self.looks:
            raise UserError("colours=true goes by what looks=true tells: set both")

    @property
    def kind(self) -> Kind:
        return Kind(self.conv, self.groups, self.expansion, self.gate, self.activation, self.shortcut)


class Upsample(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="nearest")


def encoder(conv: Conv, inputs: int, kernel: int, widths: tuple[int, int, int, int, int]) -> list[nn.Module]:
    """Six gated convolutions to a quarter of the resolution; the last has widths[4] / 2 channels."""
    a, b, c, d, e = widths
    return [
        conv(inputs, a, kernel),
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
    return paste(patches @ weights.to(patches.dtype), rows, columns) / 4


def paste(patches: Tensor, rows: int, columns: int) -> Tensor:
    """Add up 4x4 patches, (B, C*16, rows * columns), that lie two places apart and reach one beyond the border:
    F.fold, which no exporter knows for pictures of any size. Returns (B, C, 2 rows, 2 columns)."""
    # Rows 0 and 1 of a patch lie in one cell of 2x2 places, rows 2 and 3 in the next one; likewise its columns.
    parts = patches.view(len(patches), -1, 4, 4, rows, columns)
    quarters = {(d, r): parts[:, :, 2 * d : 2 * d + 2, 2 * r : 2 * r + 2] for d in (0, 1) for r in (0, 1)}
    cells = [F.pad(quarter, (r, 1 - r, d, 1 - d)) for (d, r), quarter in quarters.items()]
    return F.pixel_shuffle(sum(cells[1:], cells[0]).flatten(1, 3), 2)[:, :, 1:-1, 1:-1]


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
    before, behind = F.pad(scores[:, :-1, :-1], (1, 0, 1, 0)), F.pad(scores[:, 1:, 1:], (0, 1, 0, 1))
    return scores + before + behind


class GatedGenerator(Generator):
    """Coarse and refinement networks of ICCV 2019, figure 3; 4.05 M parameters at 48 channels."""

    stride = 8  # two halvings, then attention at half the feature size
    landmarks = ("coarse.9", "coarse.14", "dilated_branch", "attention_decoder", "refine_decoder.4")

    def __init__(self, config: GatedConfig = GatedConfig()):
        super().__init__()
        self.config = config
        c, inputs = config.channels, 5 if config.sketch else 4
        conv, kernel = partial(GatedConv, kind=config.kind), 3 if config.conv == "separable" else 5
        self.coarse = nn.Sequential(
            *encoder(conv, inputs, kernel, (c, 2 * c, 2 * c, 4 * c, 4 * c)),
            *dilated(conv, 4 * c),
            *decoder(conv, 2 * c, c),
        )
        self.dilated_branch = nn.Sequential(
            *encoder(conv, inputs, kernel, (c, c, 2 * c, 2 * c, 4 * c)), *dilated(conv, 4 * c)
        )
        self.attention_encoder = nn.Sequential(*encoder(conv, inputs, kernel, (c, c, 2 * c, 4 * c, 4 * c)))
        self.attention_decoder = nn.Sequential(conv(2 * c, 4 * c), conv(2 * c, 4 * c))
        self.refine_decoder = nn.Sequential(*decoder(conv, 4 * c, c))
        self.looks = LooksHead(6 * c, 2 * c, config.likeness) if config.looks else None
        self.colours = ColoursHead(6 * c + 2 * LOOKS) if config.colours else None

    def forward(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See `Generator.forward`. Returns coarse and refined. Guidance is the sketch; only what lies in the hole
        counts."""
        return self.draw(self.see(rgb, hole, guidance))

    def paint(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> Outcome:
        seen = self.see(rgb, hole, guidance)
        expected = self.expect(seen, rgb, hole) if self.looks else None
        inner = self.found(seen, expected) if self.colours and expected is not None else None
        return Outcome(self.refine_decoder(seen.branches), expected, inner)

    def see(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> "Seen":
        """Everything up to the last layers, which paint the picture or tell what it will look like."""
        said = [hole]
        if self.config.sketch:
            said.append(torch.zeros_like(hole) if guidance is None else guidance * hole)
        known = rgb * (1 - hole)
        context = self.coarse[:BEFORE_DECODER](torch.cat([known, *said], dim=1))
        coarse = self.coarse[BEFORE_DECODER:](context)
        filled = torch.cat([known + coarse * hole, *said], dim=1)
        attended = self.attention_encoder(filled)
        attended = contextual_attention(attended, F.max_pool2d(hole, 4), self.config.softmax_scale)
        branches = torch.cat([self.dilated_branch(filled), self.attention_decoder(attended)], dim=1)
        return Seen(context, coarse, branches)

    def draw(self, seen: "Seen") -> tuple[Tensor, Tensor]:
        """What `forward` returns for this picture."""
        return seen.coarse, self.refine_decoder(seen.branches)

    def expect(self, seen: "Seen", rgb: Tensor, hole: Tensor) -> Tensor:
        """What `LooksHead` returns for this picture. ValueError for a network without one."""
        if self.looks is None:
            raise ValueError("this network was built without looks=true")
        return self.looks(seen.inner, rgb, seen.coarse.float(), hole)

    def found(self, seen: "Seen", expected: Tensor) -> Tensor:
        """All that it has found out about this picture: what `ColoursHead` goes by."""
        return torch.cat([seen.inner, expected[:, : 2 * LOOKS]], dim=1)


class Seen(NamedTuple):
    """context, (B, 2 c, h, w), and branches, (B, 4 c, h, w): what the coarse and the refinement network have found out,
    at a quarter of the picture's size; coarse: (B, 3, H, W) in -1..1."""

    context: Tensor
    coarse: Tensor
    branches: Tensor

    @property
    def inner(self) -> Tensor:
        """Both, float32 (B, 6 c, h, w), for the heads."""
        return torch.cat([self.branches, self.context], dim=1).float()

"""Learnable bidirectional attention maps: Xie et al., "Image Inpainting with Learnable Bidirectional Attention Maps",
ICCV 2019.

The mask's way through the network is learned. Convolutions over the known pixels' mask weigh the encoder's features
(forward attention), convolutions over the hole's mask weigh the decoder's (reverse attention).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.nets.generator import Generator

KNOWN_START = (1.1, 2.0, 1.0, 1.0)  # a, mu, gamma_l, gamma_r of the forward maps (section 3.2)
HOLE_START = (1.1, 1.0, 0.5, 0.5)  # of the reverse maps, from the authors' code: the paper gives only one set
LOWEST, HIGHEST = (1.01, 0.1, 0.5, 0.5), (6.0, 3.0, 2.0, 2.0)  # where the authors' code keeps the four
MASK_POWER = 0.8  # of the mask update (section 3.2)


@dataclass(frozen=True)
class LBAMConfig:
    """channels: width of the first layer, doubled three times (64 in the paper); depth: halvings (7 in the paper)."""

    channels: int = 64
    depth: int = 7

    def __post_init__(self) -> None:
        if self.channels < 1 or not 2 <= self.depth <= 10:
            raise UserError(
                f"channels must be positive and depth 2 to 10, not {self.channels} and {self.depth}"
            )


def asymmetric_gaussian(x: Tensor, a: Tensor, mu: Tensor, gamma_left: Tensor, gamma_right: Tensor) -> Tensor:
    """g_A of equation 8: a bell of height a below mu, from there on falling to 1 instead of 0. Any shape."""
    squared = (x - mu) ** 2
    left = a * torch.exp(-gamma_left * squared)
    right = 1 + (a - 1) * torch.exp(-gamma_right * squared)
    return torch.where(x < mu, left, right)


def updated_mask(x: Tensor) -> Tensor:
    """g_M of section 3.2, relu(x) ** 0.8; its slope at 0 and below is 0. Any shape."""
    return F.relu(x) ** MASK_POWER


class AttentionMap(nn.Module):
    """One learned step of a mask: how much attention each feature deserves, and the mask for the next step."""

    lowest: Tensor
    highest: Tensor

    def __init__(self, inputs: int, outputs: int, start: tuple[float, float, float, float]):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        self.shape = nn.Parameter(torch.tensor(start))
        self.register_buffer("lowest", torch.tensor(LOWEST), persistent=False)
        self.register_buffer("highest", torch.tensor(HIGHEST), persistent=False)

    def forward(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """mask: (B, inputs, H, W). Returns attention and next mask, both (B, outputs, H / 2, W / 2)."""
        if (
            self.training
        ):  # clamping the value used instead would leave a parameter outside without a gradient
            with torch.no_grad():
                self.shape.clamp_(self.lowest, self.highest)
        mask = self.conv(mask)
        return asymmetric_gaussian(mask, *self.shape.to(mask.dtype)), updated_mask(mask)


class LBAMGenerator(Generator):
    """The U-Net of figure 3, whose every convolution is 4 x 4 with stride 2; 68.3 M parameters at 64 channels.

    The mask enters with one channel; the authors repeat it three times. In training the innermost map needs more than
    one value a channel for its normalisation: more than one picture, or a larger one.
    """

    def __init__(self, config: LBAMConfig = LBAMConfig()):
        super().__init__()
        self.config = config
        self.stride = 2**config.depth
        widths = [config.channels * min(2**level, 8) for level in range(config.depth)]
        down = list(pairwise([1, *widths]))
        self.known_maps = nn.ModuleList(AttentionMap(i, o, KNOWN_START) for i, o in down)
        self.hole_maps = nn.ModuleList(AttentionMap(i, o, HOLE_START) for i, o in down[:-1])
        self.encoder = nn.ModuleList(
            nn.Conv2d(i, o, 4, stride=2, padding=1, bias=False) for i, o in pairwise([4, *widths])
        )
        self.encoder_norms = nn.ModuleList([nn.Identity(), *(nn.BatchNorm2d(width) for width in widths[1:])])
        up = widths[-2::-1]  # innermost first; from the second on, the input is doubled by a skip
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(i, o, 4, stride=2, padding=1, bias=False)
            for i, o in zip([widths[-1], *(2 * width for width in up)], [*up, 3], strict=True)
        )
        self.decoder_norms = nn.ModuleList(nn.BatchNorm2d(2 * width) for width in up)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, std=0.02)  # the authors' start

    def forward(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> tuple[Tensor]:
        """See `Generator.forward`. Returns the refined picture alone; guidance is ignored."""
        reverse = []  # outermost first
        mask = hole
        for step in self.hole_maps:
            attention, mask = step(mask)
            reverse.append(attention)

        features, mask = torch.cat([rgb * (1 - hole), 1 - hole], dim=1), 1 - hole
        skips = []  # outermost first
        for conv, step, norm in zip(self.encoder, self.known_maps, self.encoder_norms, strict=True):
            attention, mask = step(mask)
            attended = conv(features) * attention
            skips.append(attended)
            features = F.leaky_relu(norm(attended), 0.2)
        skips.pop()  # the innermost features go on themselves

        *inner, last = self.decoder
        for conv, norm in zip(inner, self.decoder_norms, strict=True):
            # Equation 10: forward attention for the encoder's half, reverse attention for the decoder's. The next
            # convolution adds the halves up.
            both = torch.cat([skips.pop(), conv(features) * reverse.pop()], dim=1)
            features = F.leaky_relu(norm(both), 0.2)
        return (torch.tanh(last(features)),)

"""Partial-convolution U-Net.

Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", ECCV 2018.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.nets.generator import Generator

FIRST_KERNELS = (7, 5, 5)  # of the encoder; the rest are 3 (supplement, table 1)


@dataclass(frozen=True)
class PartialConfig:
    """channels: width of the first layer, doubled three times (64 in the paper).

    depth: halvings; 8 in the paper for 512 px, where the innermost map is 2 x 2. 7 leave one pixel of 128.
    """

    channels: int = 64
    depth: int = 7

    def __post_init__(self) -> None:
        if self.channels < 1 or not 2 <= self.depth <= 10:
            raise UserError(
                f"channels must be positive and depth 2 to 10, not {self.channels} and {self.depth}"
            )


class PartialConv(nn.Module):
    """A convolution that sees known pixels only, scaled up for those it misses, and the mask's update (section 3.1).

    The paper's masks have the features' channels, but all channels of one source share theirs. So a mask here has one
    channel for each source, weighted by the source's channels: the multi-channel result, exactly. Beyond the picture's
    border everything is missing, as in the authors' code.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, sources: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """sources: features (B, C, H, W), whose channels add up to the layer's, each with its mask (B, 1, H, W), 1 =
        known. Returns features and their mask; features are 0 where the window saw nothing known."""
        x = torch.cat([features * mask.to(features.dtype) for features, mask in sources], dim=1)
        known = torch.stack([mask * features.shape[1] for features, mask in sources]).sum(dim=0)
        (kernel, _), (stride, _) = self.conv.kernel_size, self.conv.stride
        share = F.avg_pool2d(known / x.shape[1], kernel, stride, kernel // 2)  # sum(M) / sum(1)
        mask = (share > 0).to(share.dtype)
        scale = mask / share.clamp_min(torch.finfo(share.dtype).tiny)
        painted = self.conv(x)
        bias = self.bias[:, None, None] * mask
        return torch.addcmul(bias.to(painted.dtype), painted, scale.to(painted.dtype)), mask


class PartialGenerator(Generator):
    """Encoder of strided partial convolutions and a decoder over skips (section 3.2; supplement, table 1).

    Two departures: tanh bounds the result, which the paper leaves open, and masks follow `PartialConv`. In training the
    innermost map needs more than one value a channel for its normalisation: more than one picture, or a larger one.
    """

    def __init__(self, config: PartialConfig = PartialConfig()):
        super().__init__()
        self.config = config
        self.stride = 2**config.depth
        widths = [3, *(config.channels * min(2**level, 8) for level in range(config.depth))]
        kernels = [*FIRST_KERNELS, *[3] * config.depth][: config.depth]
        down = zip(widths, widths[1:], kernels, strict=False)
        self.encoder = nn.ModuleList(PartialConv(i, o, kernel, stride=2) for i, o, kernel in down)
        self.encoder_norms = nn.ModuleList([nn.Identity(), *(nn.BatchNorm2d(w) for w in widths[2:])])
        outer = list(zip(widths[1:], widths, strict=False))[::-1]  # innermost first
        self.decoder = nn.ModuleList(PartialConv(inner + skip, skip, 3) for inner, skip in outer)
        self.decoder_norms = nn.ModuleList([*(nn.BatchNorm2d(w) for _, w in outer[:-1]), nn.Identity()])

    def forward(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> tuple[Tensor]:
        """See `Generator.forward`. Returns the refined picture alone; guidance is ignored."""
        features, mask = rgb, 1 - hole
        skips = []
        for conv, norm in zip(self.encoder, self.encoder_norms, strict=True):
            skips.append((features, mask))
            features, mask = conv([(features, mask)])
            features = F.relu(norm(features))
        for conv, norm in zip(self.decoder, self.decoder_norms, strict=True):
            larger = F.interpolate(features, scale_factor=2), F.interpolate(mask, scale_factor=2)  # nearest
            features, mask = conv([larger, skips.pop()])
            features = F.leaky_relu(norm(features), 0.2) if skips else torch.tanh(features)
        return (features,)

"""SN-PatchGAN: Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, section 3.3."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class SNPatchGAN(nn.Module):
    """Six 5x5 convolutions of stride 2, spectrally normalised; every element of the last map is a score.

    inputs: channels of what is judged and of its condition together: 4 for a picture and its hole, 5 with guidance.
    """

    def __init__(self, channels: int = 64, inputs: int = 4):
        super().__init__()
        widths = [inputs, channels, 2 * channels, *[4 * channels] * 4]
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(i, o, 5, stride=2, padding=2)) for i, o in pairwise(widths)
        )

    def forward(self, judged: Tensor, condition: Tensor) -> list[Tensor]:
        """judged: (B, C, H, W), a picture in -1..1 or an edge map in 0..1; condition: (B, inputs - C, H, W), the hole
        and what else the generator knew.

        Returns the six maps of features; the last one, (B, 4 channels, H/64, W/64), holds the scores.
        """
        features = [torch.cat([judged, condition], dim=1)]
        for conv in self.convs[:-1]:
            features.append(F.leaky_relu(conv(features[-1]), 0.2))
        return [*features[1:], self.convs[-1](features[-1])]

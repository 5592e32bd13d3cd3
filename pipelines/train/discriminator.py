"""SN-PatchGAN: Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, section 3.3."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class SNPatchGAN(nn.Module):
    """Six 5x5 convolutions of stride 2, spectrally normalised; every element of the last map is a score."""

    def __init__(self, channels: int = 64):
        super().__init__()
        widths = [4, channels, 2 * channels, *[4 * channels] * 4]
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(i, o, 5, stride=2, padding=2)) for i, o in pairwise(widths)
        )

    def forward(self, rgb: Tensor, hole: Tensor) -> Tensor:
        """rgb: (B, 3, H, W) in -1..1; hole: (B, 1, H, W). Returns scores (B, 4 channels, H/64, W/64)."""
        x = torch.cat([rgb, hole], dim=1)
        for conv in self.convs[:-1]:
            x = F.leaky_relu(conv(x), 0.2)
        return self.convs[-1](x)

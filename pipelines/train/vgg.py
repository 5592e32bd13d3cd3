"""Frozen VGG16 features for the perceptual loss (Simonyan and Zisserman, ICLR 2015)."""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

BLOCKS = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512))


class VGGFeatures(nn.Module):
    """The last activations of blocks 1 to 4."""

    def __init__(self, weights: Path | None = None):
        """weights: safetensors named `block.layer.weight|bias` for RGB input; without it torchvision downloads its own."""
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in zip(widths, widths[1:], strict=False))
            for widths in BLOCKS
        )
        self.blocks.load_state_dict(load_file(weights) if weights else torchvision_weights())
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[:, None, None])
        self.requires_grad_(False)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """rgb: (B, 3, H, W) in -1..1. Returns four maps at 1, 1/2, 1/4 and 1/8 of the size."""
        x = ((rgb + 1) / 2 - self.mean) / self.deviation
        features = []
        for index, block in enumerate(self.blocks):
            x = F.max_pool2d(x, 2) if index else x
            for conv in block:
                x = F.relu(conv(x))
            features.append(x)
        return features


def torchvision_weights() -> dict[str, Tensor]:
    from torchvision.models import VGG16_Weights

    state = VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=False)
    values = iter(v for k, v in state.items() if k.startswith("features."))
    names = (
        f"{b}.{c}.{kind}" for b, widths in enumerate(BLOCKS) for c in range(len(widths) - 1) for kind in ("weight", "bias")
    )
    return dict(zip(names, values, strict=False))

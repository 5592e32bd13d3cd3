"""Small networks that have learned nothing, as files."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torchvision.models import vgg16

from effect.inpaint.nets import build, metadata_of


class TwoMaps(torch.nn.Module):
    """In the place of VGG16."""

    def forward(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        return [rgb * 2, rgb[:, :1]]


def save_untrained(folder: Path, name: str = "gated", seed: int = 0, **settings: object) -> Path:
    """Write <name>.safetensors, which `load_generator` reads."""
    torch.manual_seed(seed)
    generator = build(name, settings)
    path = folder / f"{name}.safetensors"
    save_file(generator.state_dict(), path, metadata_of(generator))
    return path


def vgg_layers() -> torch.nn.Sequential:
    """The first four blocks of torchvision's VGG16 with random weights."""
    torch.manual_seed(1)
    with torch.device("meta"):
        layers = vgg16(weights=None).features[:23]
    layers.to_empty(device="cpu")
    for layer in layers:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.normal_(layer.bias, std=0.1)
    return layers


def save_vgg(folder: Path, layers: torch.nn.Sequential) -> Path:
    """Write vgg.safetensors, which `VGGFeatures` reads."""
    path = folder / "vgg.safetensors"
    save_file({f"features.{name}": value for name, value in layers.state_dict().items()}, path)
    return path

"""Small networks that have learned nothing, as files."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

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

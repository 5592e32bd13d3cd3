"""Frozen VGG16 features for the perceptual loss (Simonyan and Zisserman, ICLR 2015), on torchvision's network."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, vgg16

from effect.errors import UserError

BLOCK_ENDS = (3, 8, 15, 22)  # the last activation of blocks 1 to 4 among torchvision's layers


class VGGFeatures(nn.Module):
    """The last activations of blocks 1 to 4."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, weights: Path | None = None) -> None:
        """weights: safetensors with torchvision's names (`features.0.weight`, ...); layers beyond block 4 may be
        missing. Without it torchvision downloads its own. Raises UserError when layers lack their weights.
        """
        super().__init__()
        state = load_file(weights) if weights else VGG16_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True)
        with torch.device("meta"):  # no memory and no random start for weights that are loaded or never used
            self.layers = vgg16(weights=None).features[: BLOCK_ENDS[-1] + 1]
        try:
            own = {name: state[f"features.{name}"].float() for name in self.layers.state_dict()}
        except KeyError as error:
            raise UserError(f"{weights} has no {error}: VGG16 under torchvision's names is needed") from error
        self.layers.load_state_dict(own, assign=True)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[:, None, None])
        self.requires_grad_(False)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """rgb: (B, 3, H, W) in -1..1. Returns four maps at 1, 1/2, 1/4 and 1/8 of the size."""
        x = ((rgb + 1) / 2 - self.mean) / self.deviation
        features = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in BLOCK_ENDS:
                features.append(x)
        return features


def open_vgg(weights: Path | None) -> VGGFeatures:
    """VGG16 from a safetensors file, or from torchvision (528 MB) for the word "torchvision": nothing is fetched
    unasked."""
    if weights is None:
        raise UserError("VGG16's weights are needed: --vgg FILE, or --vgg torchvision to download them")
    if weights == Path("torchvision"):
        return VGGFeatures(None)
    if not weights.is_file():
        raise UserError(f"there is no file {weights}: --vgg takes VGG16's weights as safetensors")
    return VGGFeatures(weights)

"""EdgeConnect: Nazeri et al., "EdgeConnect: Structure Guided Image Inpainting using Edge Prediction", ICCVW 2019.

Lines first, colours after: one network continues the known part's Canny edges through the hole, a second one paints
along them. Both have the same shape (section 3; appendix A).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from effect.errors import UserError
from effect.inpaint.nets.generator import Generator

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class EdgeConnectConfig:
    """channels: width of the first layer, doubled twice (64 in the paper); blocks: residual blocks (8)."""

    channels: int = 64
    blocks: int = 8

    def __post_init__(self) -> None:
        if self.channels < 1 or self.blocks < 1:
            raise UserError(f"channels and blocks must be positive, not {self.channels} and {self.blocks}")


def unchanged(layer: nn.Module) -> nn.Module:
    return layer


class ResidualBlock(nn.Module):
    """x + two 3 x 3 convolutions, the first one dilated by 2 (section 3)."""

    def __init__(self, channels: int, wrap: Callable[[nn.Module], nn.Module]):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(2),
            wrap(nn.Conv2d(channels, channels, 3, dilation=2, bias=False)),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            wrap(nn.Conv2d(channels, channels, 3, bias=False)),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def hourglass(
    inputs: int, outputs: int, config: EdgeConnectConfig, wrap: Callable[[nn.Module], nn.Module] = unchanged
) -> nn.Sequential:
    """Two halvings, residual blocks, two doublings; no activation at the end. `wrap` goes around every convolution but
    the last. Biases are left out where instance normalisation would take them away again."""
    c = config.channels

    def normed(layer: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
        return [wrap(layer), nn.InstanceNorm2d(layer.out_channels), nn.ReLU()]

    return nn.Sequential(
        nn.ReflectionPad2d(3),
        *normed(nn.Conv2d(inputs, c, 7, bias=False)),
        *normed(nn.Conv2d(c, 2 * c, 4, stride=2, padding=1, bias=False)),
        *normed(nn.Conv2d(2 * c, 4 * c, 4, stride=2, padding=1, bias=False)),
        *(ResidualBlock(4 * c, wrap) for _ in range(config.blocks)),
        *normed(nn.ConvTranspose2d(4 * c, 2 * c, 4, stride=2, padding=1, bias=False)),
        *normed(nn.ConvTranspose2d(2 * c, c, 4, stride=2, padding=1, bias=False)),
        nn.ReflectionPad2d(3),
        nn.Conv2d(c, outputs, 7),
    )


class EdgeGenerator(Generator):
    """G1, with spectral normalisation: grey picture, known edges and hole to edges everywhere (section 3.1)."""

    stride = 4

    def __init__(self, config: EdgeConnectConfig = EdgeConnectConfig()):
        super().__init__()
        self.config = config
        self.layers = hourglass(3, 1, config, spectral_norm)

    def forward(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> tuple[Tensor]:
        """See `Generator.forward`, but returns one map of edge probabilities, (B, 1, H, W) in 0..1. Guidance is the
        known part's edges; what lies in the hole does not count. None: no known edges."""
        grey = (rgb * rgb.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)
        return (
            torch.sigmoid(self.layers(torch.cat([blanked(grey, hole), known(guidance, hole), hole], dim=1))),
        )


class EdgeConnectGenerator(Generator):
    """G2 behind a frozen G1: paints known colours on along the edges, known and imagined (section 3.2).

    Only `completion` learns: `edges` is trained before, as an EdgeGenerator of its own, and loaded into this.
    """

    stride = 4

    def __init__(self, config: EdgeConnectConfig = EdgeConnectConfig()):
        super().__init__()
        self.config = config
        self.edges = EdgeGenerator(config).requires_grad_(False).eval()
        self.completion = hourglass(4, 3, config)

    def train(self, mode: bool = True) -> "EdgeConnectGenerator":
        """The edge generator stays out of training: its spectral norm would go on changing."""
        super().train(mode)
        self.edges.eval()
        return self

    def forward(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> tuple[Tensor]:
        """See `Generator.forward`. Returns the refined picture alone. Guidance as in `EdgeGenerator.forward`."""
        with torch.no_grad():
            (imagined,) = self.edges(rgb, hole, guidance)
        edges = known(guidance, hole) + imagined * hole
        return (torch.tanh(self.completion(torch.cat([blanked(rgb, hole), edges], dim=1))),)


def blanked(picture: Tensor, hole: Tensor) -> Tensor:
    """The picture with a white hole, as in the authors' code."""
    return picture * (1 - hole) + hole


def known(guidance: Tensor | None, hole: Tensor) -> Tensor:
    """The edges outside the hole, (B, 1, H, W)."""
    return torch.zeros_like(hole) if guidance is None else guidance * (1 - hole)

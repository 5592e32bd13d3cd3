"""A U-Net of gated convolutions: all of a picture at once, for a fraction of the products of the paper's two stages.

Gated convolution is of Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, section 3.1, the
shape of Ronneberger et al., "U-Net", MICCAI 2015. Beside the picture it can say how strong a texture belongs where: the
mean of all that may lie in a place is a blur, but the mean strength of its texture still tells grass from a wall.
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.nets.gated_conv import GATES, GatedConv, Kind
from effect.inpaint.nets.generator import Generator
from effect.inpaint.nets.strength import strength_around

MIDDLE_DILATIONS = (1, 2, 4)  # of the layers at the smallest size


@dataclass(frozen=True)
class UNetConfig:
    """channels: of features at half the picture's size; twice as many after every halving, `most_channels` at most.

    halvings: after the first. gate, sketch: see `GatedConfig`. texture: describe it, see `Generator.describes_texture`.
    """

    channels: int = 48
    most_channels: int = 256
    halvings: int = 4
    gate: str = "one"
    sketch: bool = False
    texture: bool = False

    def __post_init__(self) -> None:
        if self.channels < 4 or self.most_channels < self.channels or self.halvings < 1:
            raise UserError(
                "a unet needs at least 4 channels, no fewer most_channels, and at least 1 of halvings"
            )
        if self.gate not in GATES:
            raise UserError(f"gate must be one of {', '.join(GATES)}, not '{self.gate}'")

    @property
    def widths(self) -> list[int]:
        return [min(self.channels * 2**level, self.most_channels) for level in range(self.halvings + 1)]


class UNetGenerator(Generator):
    """7.97 M parameters and 1.6 GMAC at 128 x 128 by default."""

    def __init__(self, config: UNetConfig = UNetConfig()):
        super().__init__()
        self.config = config
        self.stride = 2 ** (config.halvings + 1)
        self.describes_texture = config.texture
        layer = partial(GatedConv, kind=Kind(gate=config.gate, activation="leaky", shortcut=True))
        conv = lambda inputs, outputs, **place: layer(
            inputs, 2 * outputs, **place
        )  # channels count gates, too
        widths = config.widths
        levels = list(pairwise(widths))  # finer and coarser of neighbouring sizes
        self.first = nn.Sequential(conv(4 * (4 + config.sketch), widths[0]), conv(widths[0], widths[0]))
        self.down = nn.ModuleList(
            nn.Sequential(conv(fine, coarse, stride=2), conv(coarse, coarse)) for fine, coarse in levels
        )
        self.middle = nn.Sequential(*(conv(widths[-1], widths[-1], dilation=d) for d in MIDDLE_DILATIONS))
        self.up = nn.ModuleList(
            nn.Sequential(conv(coarse + fine, fine), conv(fine, fine)) for fine, coarse in levels
        )
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)  # three colours of 2 x 2 pixels
        if config.texture:
            self.texture = nn.Conv2d(widths[0], 2, 3, padding=1)
            nn.init.normal_(self.texture.weight, std=1e-3)  # begins with about what surrounds the hole
            nn.init.zeros_(self.texture.get_parameter("bias"))

    def forward(self, rgb: Tensor, hole: Tensor, guidance: Tensor | None = None) -> tuple[Tensor, ...]:
        """See `Generator.forward`. Returns one picture, after the texture if it is described. Guidance is the sketch;
        only what lies in the hole counts."""
        known = rgb * (1 - hole)
        seen = [known, hole]
        if self.config.sketch:
            seen.append(torch.zeros_like(hole) if guidance is None else guidance * hole)
        x = self.first(F.pixel_unshuffle(torch.cat(seen, dim=1), 2))
        passed = []
        for down in self.down:
            passed.append(x)
            x = down(x)
        x = self.middle(x)
        for up, fine in zip(reversed(self.up), reversed(passed), strict=True):
            x = up(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), fine], dim=1))
        picture = F.pixel_shuffle(self.last(x), 2).clamp(-1, 1)
        if not self.config.texture:
            return (picture,)
        around = F.avg_pool2d(strength_around(known, hole), 2)
        return around * torch.exp(self.texture(x).float()), picture

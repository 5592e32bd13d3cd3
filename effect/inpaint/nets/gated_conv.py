"""Gated convolution: Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, section 3.1.

Features times gates, by default both from one convolution; lighter kinds of either take fewer products.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CONVS = ("full", "grouped", "separable")
GATES = ("full", "one", "separable")
# Activation of the features, and the deviation before it at which its product with the gates keeps a signal's mean
# square, about.
ACTIVATIONS = {"elu": 2.3, "leaky": 2.6}
LEAK = 0.2
SHORTCUT_GAIN = 0.2  # a layer beside a shortcut begins as a small change to what passes by
PICTURE_CHANNELS = (
    5  # a layer that sees the picture, its hole and perhaps a sketch has too little to be split
)


class Kind(NamedTuple):
    """How all gated convolutions of a network are made: the fields of `GatedConfig` with these names."""

    conv: str = "full"
    groups: int = 4
    expansion: int = 1
    gate: str = "full"
    activation: str = "elu"
    shortcut: bool = False


class Place(NamedTuple):
    """The arguments that a convolution takes after its channels."""

    kernel: int
    stride: int
    padding: int
    dilation: int


PAPER = Kind()


class GatedConv(nn.Module):
    """activation(features) x sigmoid(gates); with a shortcut, where both are of one size, added to the input.

    `channels` counts features and full gates together: whatever the kind, the output has channels / 2. A layer that
    sees the picture itself has a full convolution.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        kind: Kind = PAPER,
    ):
        super().__init__()
        self.features, self.activation = channels // 2, kind.activation
        place = Place(kernel, stride, dilation * (kernel - 1) // 2, dilation)
        made_by = "full" if inputs <= PICTURE_CHANNELS else kind.conv
        # One gate reads all channels, which no group of a grouped convolution does.
        stands_alone = kind.gate == "separable" or (kind.gate == "one" and made_by == "grouped")
        self.gates = 0 if stands_alone else {"full": self.features, "one": 1}[kind.gate]
        outputs, gain = self.features + self.gates, ACTIVATIONS[kind.activation]

        self.conv: nn.Module
        if made_by == "grouped":
            self.conv = grouped(inputs, outputs, place, kind.groups)
        elif made_by == "separable":
            self.conv = separable(inputs, outputs, place, kind.expansion)
        else:
            self.conv = nn.Conv2d(inputs, outputs, *place)
        self.gate: nn.Module | None = None
        if stands_alone and kind.gate == "one":
            self.gate = nn.Conv2d(inputs, 1, *place)
        elif stands_alone:
            self.gate = nn.Sequential(DepthwiseConv(inputs, place), nn.Conv2d(inputs, self.features, 1))
        # torch's own start leaves 28 % of a signal in every gated layer: after the sixteen of a network only
        # biases are left, and hundreds of steps pass before the picture counts.
        self.shortcut = kind.shortcut and stride == 1 and inputs == self.features
        start(self.conv, self.features, gain * SHORTCUT_GAIN if self.shortcut else gain)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gated(x) if self.shortcut else self.gated(x)

    def gated(self, x: Tensor) -> Tensor:
        if self.gate is not None:
            return self.activated(self.conv(x)) * torch.sigmoid(self.gate(x))
        both = self.conv(x).split([self.features, self.gates], dim=1)
        # Strided halves cost the CPU six times as much in ELU and sigmoid as the copy does.
        features, gates = (half.contiguous(memory_format=torch.channels_last) for half in both)
        return self.activated(features) * torch.sigmoid(gates)

    def activated(self, features: Tensor) -> Tensor:
        return F.elu(features) if self.activation == "elu" else F.leaky_relu(features, LEAK)


class DepthwiseConv(nn.Conv2d):
    """A convolution of each channel by itself, always in 32 bits: in bfloat16 torch 2.15 returns wrong gradients of
    dilated ones on processors (of the weights, up to NaN), and takes longer for them."""

    def __init__(self, channels: int, place: Place):
        super().__init__(channels, channels, *place, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


class Shuffle(nn.Module):
    """nn.ChannelShuffle, in operations that every runtime has."""

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        parts = x.reshape(batch, self.groups, channels // self.groups, height, width)
        return parts.transpose(1, 2).reshape(batch, channels, height, width)


def grouped(inputs: int, outputs: int, place: Place, groups: int) -> nn.Sequential:
    """A grouped convolution whose outputs are then dealt out, so that the next layer's groups see all of these (Zhang
    et al., "ShuffleNet", CVPR 2018, section 3.1), and so that every group makes features as well as gates."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, *place, groups=groups), Shuffle(groups))


def separable(inputs: int, outputs: int, place: Place, expansion: int) -> nn.Sequential:
    """Expand pointwise, convolve depthwise, project linearly (Sandler et al., "MobileNetV2", CVPR 2018, section 3.3).

    As there, an expansion of 1 leaves the first of the three out. ReLU6 then goes, too: in so few channels it loses
    what the projection needs. No batch normalisation; the shortcut is `GatedConv`'s.
    """
    width = expansion * inputs
    depthwise, project = DepthwiseConv(width, place), nn.Conv2d(width, outputs, 1)
    if expansion == 1:
        return nn.Sequential(depthwise, project)
    return nn.Sequential(nn.Conv2d(inputs, width, 1), nn.ReLU6(), depthwise, nn.ReLU6(), project)


def start(conv: nn.Module, features: int, gain: float) -> None:
    """Random weights such that a signal with mean square 1 leaves with deviation `gain` in the first `features`
    channels and 1 in the others, the gates; no biases. Between the layers of `conv` it keeps its mean square."""
    layers = [layer for layer in conv.modules() if isinstance(layer, nn.Conv2d)]
    halved = any(isinstance(layer, nn.ReLU6) for layer in conv.modules())
    for layer in layers:
        deviation = layer.weight[0].numel() ** -0.5
        if halved and layer is not layers[-1]:
            deviation *= 2**0.5  # He et al., "Delving Deep into Rectifiers", ICCV 2015
        nn.init.normal_(layer.weight, std=deviation)
        nn.init.zeros_(layer.get_parameter("bias"))
    last = layers[-1]
    with torch.no_grad():
        of_group = last.weight.view(last.groups, -1, *last.weight.shape[1:])
        of_group[:, : features // last.groups] *= gain

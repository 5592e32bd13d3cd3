"""What to expect in the hole: colours, how strong the texture is, how sure that is; and which known places resemble it.

What is painted at a hundred-odd pixels has no texture to go by: the mean of all grass that may be there is a green
wall. How strong its texture is can be told, and says whether grass or the wall is to be copied there.

Which known places resemble what is hidden is told as attention tells it, by a query of each hidden place and a key of
each known one: between sky and a tree both are likely, and what lies between the two is not.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effect.inpaint.looks import LOOKS

SOFT_PX = 2.0  # the size of the surroundings over which steps between pixels are averaged
DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)
CELL_PX = 4  # what is expected is told for cells of so many pixels
MEAN_LOG = 2.5  # of the strengths in photos of 128 pixels, about
LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE = -5.0, 2.0
FEWEST = 0.05  # share of surroundings that must be known


class LooksHead(nn.Module):
    """Means and logarithms of variances of the `looks` of every cell, then its query and its key.

    Residual layers of dilated convolutions (He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016): the
    last ones see a hundred-odd pixels on every side.
    """

    def __init__(self, inputs: int, channels: int, likeness: int = 0):
        """inputs: of the inner maps that are handed to `forward`; likeness: the numbers of a query or a key."""
        super().__init__()
        self.likeness = likeness
        own = 3 + 1 + 2 + 2  # picture, hole, known strengths, and where those are known
        self.first = nn.Conv2d(inputs + own, channels, 1)
        self.layers = nn.Sequential(*(Residual(channels, dilation) for dilation in DILATIONS))
        self.last = nn.Conv2d(channels, 2 * LOOKS + 2 * likeness, 1)

    def forward(self, inner: Tensor, rgb: Tensor, painted: Tensor, hole: Tensor) -> Tensor:
        """inner: (B, inputs, h, w), what the network has made of the picture, in cells; rgb, painted: (B, 3, H, W) in
        -1..1; hole: (B, 1, H, W). Returns float32 (B, 2 LOOKS + 2 likeness, h, w). A query times a key is the logarithm
        of how likely the one hides what the other shows, but for a constant of the query.
        """
        known = 1 - hole
        strengths, share = log_strength(rgb, known)
        seen = (share > FEWEST).float()
        picture = rgb * known + painted * hole
        own = F.avg_pool2d(torch.cat([picture, hole, (strengths - MEAN_LOG) * seen, seen], dim=1), CELL_PX)
        x = self.first(torch.cat([inner, own], dim=1))
        told = self.last(F.elu(self.layers(x))).float()
        means, log_variances, queries, keys = told.split([LOOKS, LOOKS, self.likeness, self.likeness], dim=1)
        means = torch.cat([means[:, :2] + MEAN_LOG, means[:, 2:] + opponent(own[:, :3])], dim=1)
        bounded = log_variances.clamp(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE)
        return torch.cat([means, bounded, queries / max(self.likeness, 1) ** 0.5, keys], dim=1)


class Residual(nn.Module):
    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.point = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.point(F.elu(self.wide(F.elu(x))))


def log_strength(rgb: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """log(1 + strength), down and across, (B, 2, H, W), and the share of the surroundings it is known from, likewise.

    rgb: (B, 3, H, W) in -1..1; known: (B, 1, H, W), 1 = known. The strength is that of `effect.inpaint.looks`.
    """
    levels = (rgb + 1) * 127.5
    down = F.pad((levels[:, :, 1:] - levels[:, :, :-1]).square().sum(dim=1, keepdim=True), (0, 0, 0, 1))
    across = F.pad((levels[..., 1:] - levels[..., :-1]).square().sum(dim=1, keepdim=True), (0, 1))
    both_down = F.pad(known[:, :, 1:] * known[:, :, :-1], (0, 0, 0, 1))
    both_across = F.pad(known[..., 1:] * known[..., :-1], (0, 1))
    both = torch.cat([both_down, both_across], dim=1)
    share = blur(both, SOFT_PX)
    squares = blur(torch.cat([down, across], dim=1) * both, SOFT_PX) / share.clamp_min(1e-3)
    return squares.sqrt().log1p(), share


def blur(maps: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of maps (B, C, H, W); beyond the border lies zero."""
    reach = int(3 * sigma + 0.5)
    steps = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
    bell = torch.exp(-0.5 * (steps / sigma) ** 2)
    bell = bell / bell.sum()
    flat = maps.flatten(0, 1)[:, None]
    flat = F.conv2d(flat, bell.view(1, 1, -1, 1), padding=(reach, 0))
    return F.conv2d(flat, bell.view(1, 1, 1, -1), padding=(0, reach)).view_as(maps)


def opponent(rgb: Tensor) -> Tensor:
    """Lightness, red against blue and green against both, (B, 3, H, W), of RGB likewise: `effect.inpaint.looks`'s."""
    red, green, blue = rgb.unbind(1)
    mean = (red + blue) / 2
    return torch.stack([(red + green + blue) * (2 / 3), 2 * (red - blue), 2 * (green - mean)], dim=1)


def looks(truth: Tensor) -> Tensor:
    """What is to be expected of a whole picture (B, 3, H, W) in -1..1: (B, LOOKS, h, w), means over cells.

    First the logarithms of the strengths down and across, then the opponent colours.
    """
    strengths, _ = log_strength(truth, torch.ones_like(truth[:, :1]))
    return F.avg_pool2d(torch.cat([strengths, opponent(truth)], dim=1), CELL_PX)

"""The colours that are likeliest in the hole, learned: a head that sets right what a rule says of them.

The rule of `effect.inpaint.likely` mixes what the network painted with what is known at the rim, which helps unless
that is what is left of a person. A small U-Net (Ronneberger et al., MICCAI 2015) learns to weigh them, from what the
network has found out on its way.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from effect.inpaint.nets.looks import Residual

WIDTHS = 32, 64, 96  # channels at a half, a quarter and an eighth of the picture's size
SHIFTS = 3  # ways to change the likely colours: to the painted ones, those that meet the rim's, and those that spread


class ColoursHead(nn.Module):
    """Changes likely colours at half the size of the picture that the network saw; begins by leaving them alone."""

    def __init__(self, inputs: int):
        """inputs: of the inner maps that are handed to `forward`."""
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.first = nn.Conv2d(3 + 3 + 3 * SHIFTS, fine, 3, padding=1)
        self.fine = Residual(fine, 1)
        self.inner = nn.Conv2d(fine + inputs, middle, 1)
        self.middle = nn.Sequential(Residual(middle, 1), Residual(middle, 2))
        self.down = nn.Conv2d(middle, coarse, 1)
        self.coarse = nn.Sequential(*(Residual(coarse, dilation) for dilation in (1, 2, 4, 1)))
        self.up_to_middle = nn.Sequential(nn.Conv2d(coarse + middle, middle, 1), Residual(middle, 1))
        self.up_to_fine = nn.Sequential(nn.Conv2d(middle + fine, fine, 1), Residual(fine, 1))
        self.last = nn.Conv2d(fine, 3 + SHIFTS, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, inner: Tensor, maps: Tensor, shifts: Tensor) -> Tensor:
        """inner: (B, inputs, H / 4, W / 4), what the network has made of the picture; maps: (B, 6, H, W), likely
        colours in -1..1, the hole, how near its rim is, and where known colours agree with painted ones; shifts:
        (B, 3 SHIFTS, H, W), from the likely colours to others. Returns by what to change the likely colours,
        (B, 3, H, W)."""
        maps, shifts = F.avg_pool2d(maps, 2), F.avg_pool2d(shifts, 2)
        fine = self.fine(self.first(torch.cat([maps, shifts], dim=1)))
        middle = self.middle(self.inner(torch.cat([F.avg_pool2d(fine, 2), inner], dim=1)))
        coarse = self.coarse(self.down(F.avg_pool2d(middle, 2)))
        middle = self.up_to_middle(torch.cat([enlarged(coarse), middle], dim=1))
        fine = self.up_to_fine(torch.cat([enlarged(middle), fine], dim=1))
        change, shares = self.last(F.elu(fine)).split([3, SHIFTS], dim=1)
        weighed = shares.unsqueeze(2) * shifts.unflatten(1, (SHIFTS, 3))
        return enlarged(change + weighed.sum(dim=1))


def enlarged(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)

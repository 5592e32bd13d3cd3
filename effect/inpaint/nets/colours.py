"""The colours that are likeliest in the hole, learned: a head that sets right what a rule says of them.

The rule of `effect.inpaint.likely` mixes what the network painted with what is known at the rim, which helps unless
that is what is left of a person. A small U-Net (Ronneberger et al., MICCAI 2015) learns to weigh them, from what the
network has found out on its way.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from effect.inpaint.likely import SPREAD_REACH, Proposals, nearness
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


def head_input(
    guide: NDArray[np.uint8], missing: NDArray[np.bool_], proposals: Proposals
) -> tuple[Tensor, Tensor]:
    """The maps and the shifts that a head takes, each of one picture: see `ColoursHead.forward`.

    guide: uint8 (h, w, 3), what the network painted, and missing: bool (h, w), where it did; proposals: of any size.
    """
    size = missing.shape[::-1]
    fitted = lambda values: cv2.resize(values, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    likely, *others = (
        fitted(one) / 127.5 - 1 for one in (proposals.likely, proposals.matched, proposals.spread)
    )
    others = [guide.astype(np.float32) / 127.5 - 1, *others]
    inside = missing[..., None].astype(np.float32)
    near = nearness(missing, SPREAD_REACH * max(size))
    maps = np.dstack([likely, inside, inside * np.dstack([near, fitted(proposals.alike)])])
    shifts = np.dstack([inside * (other - likely) for other in others])
    return torch.from_numpy(maps).permute(2, 0, 1), torch.from_numpy(shifts).permute(2, 0, 1)


def changed(
    likely: NDArray[np.uint8], hole: NDArray[np.bool_], change: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Likely colours (H, W, 3) with a head's change, float32 (h, w, 3) in units of -1..1, in the hole (H, W)."""
    larger = cv2.resize(change, hole.shape[::-1], interpolation=cv2.INTER_CUBIC) * np.float32(127.5)
    levels = np.clip(np.rint(likely + larger), 0, 255).astype(np.uint8)
    return np.where(hole[..., None], levels, likely)


def enlarged(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)

"""A sheet of pictures that shows at a glance what a network has learned so far."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.utils import make_grid, save_image

ROWS = 6


@torch.no_grad()
def save_samples(generator: nn.Module, picture: Tensor, hole: Tensor, truth: Tensor, path: Path) -> None:
    """Write a PNG with a row for each of the first examples: input with a grey hole, coarse, refined, truth.

    picture, truth: (B, 3, H, W) in -1..1; hole: (B, 1, H, W), 1 = missing; all on the generator's device.
    """
    picture, hole, truth = picture[:ROWS], hole[:ROWS], truth[:ROWS]
    coarse, refined = generator(picture, hole)
    known = picture * (1 - hole)
    columns = torch.stack([known, known + coarse * hole, known + refined * hole, truth], dim=1)
    cells = columns.flatten(0, 1).float().cpu()
    sheet = make_grid(cells, nrow=4, padding=4, normalize=True, value_range=(-1, 1))
    part = path.with_suffix(".part.png")
    save_image(sheet, part)
    part.rename(path)

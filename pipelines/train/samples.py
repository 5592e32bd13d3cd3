"""A sheet of pictures that shows at a glance what a network has learned so far."""

from pathlib import Path

import torch
from torch import Tensor
from torchvision.utils import make_grid, save_image

from effect.inpaint.nets import Generator
from pipelines.train.data import Example

ROWS = 6


@torch.no_grad()
def save_samples(generator: Generator, batch: Example, path: Path) -> None:
    """Write a PNG with a row for each of the first examples: the input with a grey hole and, in white, what guides
    the network; every picture it paints, the first guess first; the truth. For the network "edges": the input, the
    edges drawn, the true ones.

    batch: on the generator's device.
    """
    picture, hole, truth, guidance, edges, _ = (part[:ROWS] for part in batch)
    known = picture * (1 - hole)
    columns = [torch.maximum(known, guidance * 2 - 1)]
    for drawn in generator(picture, hole, guidance):
        is_map = drawn.shape[1] == 1
        columns.append(as_picture(drawn) if is_map else known + drawn * hole)
    columns.append(as_picture(edges) if is_map else truth)
    cells = torch.stack(columns, dim=1).flatten(0, 1).float().cpu()
    sheet = make_grid(cells, nrow=len(columns), padding=4, normalize=True, value_range=(-1, 1))
    part = path.with_suffix(".part.png")
    save_image(sheet, part)
    part.rename(path)


def as_picture(edges: Tensor) -> Tensor:
    """(B, 1, H, W) in 0..1 as grey (B, 3, H, W) in -1..1."""
    return (edges * 2 - 1).expand(-1, 3, -1, -1)

"""A generator that is asked about a picture and its mirror image: the mean of both answers errs less.

That holds for queries and keys, too: each averaged, they served better than the mean of their products.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.nets import load_generator, metadata_of
from effect.inpaint.nets.generator import Generator
from effect.inpaint.network import Facts, Maps, Seen

NEED_EDGES = ("edges", "edgeconnect")


class LookBothWays(nn.Module):
    """What a generator makes of one picture, (1, C, H, W) each: the picture, then what it expects and the inner maps of
    both ways, where it tells."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, rgb: Tensor, hole: Tensor, sketch: Tensor | None = None) -> tuple[Tensor, ...]:
        strokes = None if sketch is None else both_ways(sketch)
        picture, expected, inner = self.generator.paint(both_ways(rgb), both_ways(hole), strokes)
        told = [mean_of_both(picture)]
        if expected is not None:
            told.append(mean_of_both(expected))
        if inner is not None:
            told.append(inner)
        return tuple(told)


class ChangeBothWays(nn.Module):
    """What its head for colours makes of those inner maps, and of the others of the one picture: (1, 3, H, W)."""

    def __init__(self, colours: nn.Module):
        super().__init__()
        self.colours = colours

    def forward(self, inner: Tensor, maps: Tensor, shifts: Tensor) -> Tensor:
        return mean_of_both(self.colours(inner, both_ways(maps), both_ways(shifts)))


class TorchNetwork:
    """A generator of the user's own: see `effect.inpaint.network.Network`."""

    def __init__(self, weights: Path) -> None:
        """Raises UserError for weights that do not serve."""
        self.generator: Any = load_generator(weights)
        name = metadata_of(self.generator)["network"]
        if name in NEED_EDGES:
            raise UserError(
                f"{weights} holds the network '{name}', which needs edges: use gated, partial or lbam"
            )

    def load(self) -> None:
        """It is, so that weights that do not serve are known at once."""

    @property
    def facts(self) -> Facts:
        return Facts(self.generator.stride, getattr(self.generator.config, "sketch", False))

    def look(self, rgb: Maps, hole: Maps, sketch: Maps | None) -> Seen:
        given = [None if one is None else torch.from_numpy(one[None]) for one in (rgb, hole, sketch)]
        with torch.inference_mode():
            picture, *told = LookBothWays(self.generator)(*given)
        expected = told[0][0].numpy() if told else None
        return Seen(picture[0].numpy(), expected, told[1].numpy() if len(told) > 1 else None)

    def change(self, inner: NDArray[np.float32], maps: Maps, shifts: Maps) -> Maps:
        with torch.inference_mode():
            given = (torch.from_numpy(one) for one in (inner, maps[None], shifts[None]))
            return np.asarray(ChangeBothWays(self.generator.colours)(*given)[0].numpy())


def both_ways(maps: Tensor) -> Tensor:
    """Maps (1, C, H, W) and their mirror image: (2, C, H, W)."""
    return torch.cat([maps, maps.flip(3)])


def mean_of_both(maps: Tensor) -> Tensor:
    """The mean of what was made of `both_ways`, (2, C, H, W), the mirror image turned back: (1, C, H, W)."""
    return (maps[:1] + maps[1:].flip(3)) / 2

"""Scores on scenes that a network is not trained on, the same ones at every checkpoint."""

import numpy as np
import torch
import torch.nn.functional as F

from effect.inpaint.looks import LOOKS
from effect.inpaint.nets import Generator
from effect.inpaint.nets.looks import CELL_PX, looks
from pipelines.metrics import psnr, ssim
from pipelines.train.colours import colour_error
from pipelines.train.data import Example, Scenes


@torch.no_grad()
def held_out_scores(generator: Generator, scenes: Scenes, count: int, autocast: bool) -> dict[str, float]:
    """Means over the first `count` examples: PSNR in dB and SSIM of the completed picture, over all of it and over the
    hole. For the network "edges": precision and recall of the edges it finds inside the hole at 0.5. For one that tells
    of looks or colours, besides: how far off it is."""
    device = next(generator.parameters()).device
    scores = []
    for example in (scenes[index] for index in range(count)):
        batch = Example(*(part[None].to(device) for part in example))
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            drawn, expected, inner = generator.paint(batch.picture, batch.hole, batch.guidance)
        drawn = drawn.float()
        scores.append(edge_scores(drawn, batch) if drawn.shape[1] == 1 else picture_scores(drawn, batch))
        if expected is not None:
            scores[-1] |= looks_scores(expected, batch)
        if inner is not None:
            scores[-1]["colours"] = float(colour_error(generator, batch))
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}


def picture_scores(painted: torch.Tensor, batch: Example) -> dict[str, float]:
    """painted: (1, 3, S, S) in -1..1."""
    completed = batch.picture * (1 - batch.hole) + painted * batch.hole
    restored, truth = (
        ((p[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1).cpu().numpy() for p in (completed, batch.truth)
    )
    hole = batch.hole[0, 0].cpu().numpy() > 0
    return {
        "PSNR": psnr(restored, truth),
        "SSIM": ssim(restored, truth),
        "PSNR_hole": psnr(restored, truth, hole),
        "SSIM_hole": ssim(restored, truth, hole),
    }


def looks_scores(expected: torch.Tensor, batch: Example) -> dict[str, float]:
    """expected: (1, 2 LOOKS or more, h, w). Mean squared errors over the hole's cells: of texture and of colours."""
    means = expected[:, :LOOKS].float()
    cells = F.avg_pool2d(batch.hole, CELL_PX)
    errors = ((means - looks(batch.truth)).square() * cells).sum(dim=(0, 2, 3)) / cells.sum()
    return {"error_texture": float(errors[:2].mean()), "error_colour": float(errors[2:].mean())}


def edge_scores(drawn: torch.Tensor, batch: Example) -> dict[str, float]:
    """drawn: (1, 1, S, S) in 0..1. A score whose denominator would be zero is 1: nothing was missed or wrong."""
    found, edges = (drawn > 0.5) & (batch.hole > 0), (batch.edges > 0.5) & (batch.hole > 0)
    right = int((found & edges).sum())
    return {
        "precision": right / int(found.sum()) if found.any() else 1.0,
        "recall": right / int(edges.sum()) if edges.any() else 1.0,
    }

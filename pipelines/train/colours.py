"""How well a head sets likely colours right: what it learns from, and what it is scored by."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from effect.inpaint.likely import head_input, levels, propose
from effect.inpaint.telea import march
from pipelines.train import losses
from pipelines.train.data import Example

SHRINKING = 2  # the head's network sees pictures so much smaller than those in which colours spread
GROWING_PX = 2  # and holes grown by so much, as in the product: see `effect.inpaint.window`


def colour_error(generator: Any, batch: Example) -> Tensor:
    """`losses.log_squares` of the colours that a generator's head tells of a batch; it carries the head's gradient."""
    picture, truth, hole = (
        F.avg_pool2d(part, SHRINKING) for part in (batch.picture, batch.truth, batch.hole)
    )
    missing = F.max_pool2d((hole > 0).float(), 2 * GROWING_PX + 1, stride=1, padding=GROWING_PX)
    with torch.no_grad():
        painted, _, inner = generator.paint(picture, missing)
    maps, shifts = [], []
    known = picture * (1 - missing) + painted.float() * missing
    for rgb, broad_hole, guide, small_hole in zip(batch.picture, batch.hole, known, missing, strict=True):
        broad, hidden = levels(rgb.cpu().numpy()), broad_hole[0].cpu().numpy() > 0
        small = levels(guide.cpu().numpy())
        proposals = propose(broad, hidden, np.zeros_like(hidden), small, march(broad, hidden))
        map_, shift = head_input(small, small_hole[0].cpu().numpy() > 0, proposals)
        maps.append(torch.from_numpy(map_))
        shifts.append(torch.from_numpy(shift))
    given = [torch.stack(one).to(picture.device) for one in (maps, shifts)]
    likely = given[0][:, :3]
    return losses.log_squares(likely + generator.colours(inner, *given), truth, hole)

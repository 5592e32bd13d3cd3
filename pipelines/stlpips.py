"""ST-LPIPS: Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022, the one on VGG16.

For measuring alone: no network is trained on it.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from effect.errors import UserError

BLOCKS = 2, 2, 3, 3, 3  # VGG16's convolutions, before each further block a halving
AROUND_PX = 64  # how far beyond the pixels that count pictures are compared


class ShiftTolerantDistance:
    """0 for equal pictures; a shift by a few pixels costs little, a blur much."""

    def __init__(self, weights: Path) -> None:
        """weights: the file `vgg_shift_tolerant.pth` of PyPI's stlpips-pytorch 0.0.2. Raises UserError for another."""
        if not weights.is_file():
            raise UserError(f"there is no file {weights}: --stlpips takes vgg_shift_tolerant.pth")
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            named = lambda ending: [
                v for k, v in state.items() if k.startswith("net.") and k.endswith(ending)
            ]
            self._convolutions = list(zip(named("weight"), named("bias"), strict=True))
            self._importance = [state[f"lin{block}.model.1.weight"] for block in range(len(BLOCKS))]
            self._shift, self._scale = state["scaling_layer.shift"], state["scaling_layer.scale"]
        except Exception as error:  # torch raises several kinds for a file that it cannot read
            raise UserError(f"{weights} does not hold ST-LPIPS on VGG16: {error!r}") from error
        if len(self._convolutions) != sum(BLOCKS):
            raise UserError(f"{weights} does not hold ST-LPIPS on VGG16")
        bell = torch.tensor([1.0, 2.0, 1.0])
        self._bell = (bell[:, None] * bell / 16)[None, None]

    def __call__(self, restored: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
        """The mean over the pixels `where`, bool (H, W), of the distance of two pictures, uint8 (H, W, 3)."""
        rows, columns = np.nonzero(where)
        box = tuple(slice(max(0, at.min() - AROUND_PX), at.max() + AROUND_PX + 1) for at in (rows, columns))
        distances = self._distances(restored[box], truth[box])
        return float(distances[where[box]].mean())

    def _distances(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        pair = torch.from_numpy(np.stack([one, other])).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.inference_mode():
            total = torch.zeros(1, 1, *one.shape[:2])
            for features, importance in zip(self._features(pair), self._importance, strict=True):
                unit = features / (features.norm(dim=1, keepdim=True) + 1e-10)
                distance = F.conv2d((unit[:1] - unit[1:]).square(), importance)
                total += F.interpolate(distance, one.shape[:2], mode="bilinear", align_corners=False)
        return total[0, 0].numpy()

    def _features(self, pictures: Tensor) -> list[Tensor]:
        """The last activation of each block; blocks are halved by a maximum over all places, blurred before every other
        one is taken (section 3 of the paper)."""
        x, maps, left = (pictures - self._shift) / self._scale, [], iter(self._convolutions)
        for block, convolutions in enumerate(BLOCKS):
            if block:
                x = F.pad(F.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")
                x = F.conv2d(x, self._bell.repeat(x.shape[1], 1, 1, 1), stride=2, groups=x.shape[1])
            for _ in range(convolutions):
                x = F.relu(F.conv2d(x, *next(left), padding=1))
            maps.append(x)
        return maps

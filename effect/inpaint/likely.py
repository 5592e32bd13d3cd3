"""The colours to expect in the hole, nearest to the truth on average, and so without texture, by a rule.

Those that a network painted, shifted to meet the known ones at the rim; near it, the known ones spread by Telea's
method. Where these are unlike the painted ones they count less: they may be what is left of a person, which the network
does not go on with. See `effect.inpaint.nets.colours` for what a network may learn to do better.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.membrane import match_rim
from effect.inpaint.telea import march

# Parts of the picture's longer side
SPREAD_REACH = 3 / 64  # so far into the hole a third of what known colours count when they spread into it
ODD_SIZE = 1 / 128  # over so much colours are compared
ODD = 100.0  # levels by which what spreads is off what was painted that halve what it counts


class Proposals(NamedTuple):
    """likely: what the rule says, known pixels as they are; matched, spread: the colours that it mixes, each
    uint8 (h, w, 3). alike: the `agreement` of spread and painted colours, float32 (h, w)."""

    likely: NDArray[np.uint8]
    matched: NDArray[np.uint8]
    spread: NDArray[np.uint8]
    alike: NDArray[np.float32]


def propose(
    rgb: NDArray[np.uint8], hole: NDArray[np.bool_], avoid: NDArray[np.bool_], guide: NDArray[np.uint8]
) -> Proposals:
    """rgb: uint8 (h, w, 3); hole: bool (h, w); avoid: bool (h, w), known pixels that must not spread; guide: uint8
    (h', w', 3), the whole picture painted at any smaller size."""
    longer_px = max(hole.shape)
    painted = np.asarray(cv2.resize(guide, hole.shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    spread = march(rgb, hole | avoid)
    off = cv2.GaussianBlur(spread.astype(np.float32) - painted, (0, 0), ODD_SIZE * longer_px)
    alike = agreement(off, ODD)
    matched = match_rim(rgb, painted, hole, ~avoid * alike)
    near = nearness(hole, SPREAD_REACH * longer_px)
    mixed = matched + (near * alike)[..., None] * (spread.astype(np.float32) - matched)
    likely = np.where(hole[..., None], np.rint(mixed).astype(np.uint8), rgb)
    return Proposals(likely, matched, spread, alike)


def agreement(off: NDArray, halves_at: float) -> NDArray[np.float32]:
    """1 where colours agree, a half where they are so many levels off, float32 (h, w, 3): float32 (h, w)."""
    return 1 / (1 + (off**2).sum(axis=2) / np.float32(halves_at**2))


def nearness(missing: NDArray[np.bool_], reach_px: float) -> NDArray[np.float32]:
    """1 on known pixels, less and less into the hole, a third at reach_px: float32 (H, W)."""
    distance_px = cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 3)
    return np.exp(-distance_px / np.float32(reach_px)).astype(np.float32)

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
    rgb: NDArray[np.uint8],
    hole: NDArray[np.bool_],
    avoid: NDArray[np.bool_],
    guide: NDArray[np.uint8],
    spread: NDArray[np.uint8],
) -> Proposals:
    """rgb: uint8 (h, w, 3); hole: bool (h, w); avoid: bool (h, w), known pixels that must not spread; guide: uint8
    (h', w', 3), the whole picture painted at any smaller size; spread: uint8 (h, w, 3), what is known and may spread,
    spread by `effect.inpaint.telea.march`."""
    longer_px = max(hole.shape)
    painted = np.asarray(cv2.resize(guide, hole.shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    off = cv2.GaussianBlur(spread.astype(np.float32) - painted, (0, 0), ODD_SIZE * longer_px)
    alike = agreement(off, ODD)
    matched = match_rim(rgb, painted, hole, ~avoid * alike)
    near = nearness(hole, SPREAD_REACH * longer_px)
    mixed = matched + (near * alike)[..., None] * (spread.astype(np.float32) - matched)
    likely = np.where(hole[..., None], np.rint(mixed).astype(np.uint8), rgb)
    return Proposals(likely, matched, spread, alike)


def head_input(
    guide: NDArray[np.uint8], missing: NDArray[np.bool_], proposals: Proposals
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The maps (6, h, w) and the shifts (9, h, w) that a head takes: see `effect.inpaint.nets.colours.ColoursHead`.

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
    return np.moveaxis(maps, 2, 0), np.moveaxis(shifts, 2, 0)


def changed(
    likely: NDArray[np.uint8], hole: NDArray[np.bool_], change: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Likely colours (H, W, 3) with a head's change, float32 (h, w, 3) in units of -1..1, in the hole (H, W)."""
    larger = cv2.resize(change, hole.shape[::-1], interpolation=cv2.INTER_CUBIC) * np.float32(127.5)
    return np.where(hole[..., None], np.clip(np.rint(likely + larger), 0, 255).astype(np.uint8), likely)


def levels(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(3, H, W) in -1..1 as uint8 (H, W, 3)."""
    scaled = (np.moveaxis(picture, 0, 2) + np.float32(1)) * np.float32(127.5)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def agreement(off: NDArray, halves_at: float) -> NDArray[np.float32]:
    """1 where colours agree, a half where they are so many levels off, float32 (h, w, 3): float32 (h, w)."""
    return 1 / (1 + (off**2).sum(axis=2) / np.float32(halves_at**2))


def nearness(missing: NDArray[np.bool_], reach_px: float) -> NDArray[np.float32]:
    """1 on known pixels, less and less into the hole, a third at reach_px: float32 (H, W)."""
    distance_px = cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 3)
    return np.exp(-distance_px / np.float32(reach_px)).astype(np.float32)

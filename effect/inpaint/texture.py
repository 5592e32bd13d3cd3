"""Texture from the photo itself: small patches of the known picture are arranged to follow what the network painted.

Coarse to fine, patches are matched by PatchMatch (Barnes et al., SIGGRAPH 2009) and the picture is rebuilt from
their overlaps (Wexler et al., "Space-Time Completion of Video", 2007). The network's picture joins the comparison
at a weight, so it decides structure and colour, and the photo decides texture at its own resolution.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

COARSEST_SIDE_PX = int(__import__('os').environ.get('CS','24'))  # here a person is a few patches wide, and the network's picture is all there is to go by
GUIDE_SIDE_PX = int(__import__('os').environ.get('GS','60'))  # up to this size the network's picture has a say; beyond it is too blurred to compare with
GUIDE_WEIGHT = int(__import__('os').environ.get('GW','1'))  # of the network's picture against the patch's own pixels
FEWEST_SOURCES = 200  # patches to choose from; with fewer, a level is skipped
SEED = 1  # the search is random: a fixed seed gives every photo one plate


@dataclass(frozen=True)
class Effort:
    """How hard to search at one level: rebuildings of the picture, and sweeps of PatchMatch before each."""

    rebuildings: int
    sweeps: int


SMALL = Effort(rebuildings=8, sweeps=3)  # up to GUIDE_SIDE_PX: cheap, and what is decided here stays
MEDIUM = Effort(rebuildings=3, sweeps=2)
LARGE = Effort(rebuildings=1, sweeps=1)  # from LARGE_HOLE_PX on the matches of the level below are near enough
LARGE_HOLE_PX = 150_000


def synthesize(
    rgb: NDArray[np.uint8], hole: NDArray[np.bool_], guide: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Fill the hole with the photo's own texture, laid out as in the guide.

    rgb: uint8 (H, W, 3); hole: bool (H, W); guide: uint8 (h, w, 3), the whole picture painted at any smaller size.
    Returns uint8 (H, W, 3), equal to rgb outside the hole. Where nothing known is left to copy, the guide is enlarged.
    """
    from effect.inpaint.patchmatch import RADIUS, rebuild, search

    matches = None
    for level, size in enumerate(pyramid(rgb.shape[1], rgb.shape[0])):
        picture, missing = shrink(rgb, hole, size)
        guide_here = cv2.resize(guide, size, interpolation=cv2.INTER_AREA)
        inside = np.zeros_like(missing)
        inside[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
        touched = cv2.dilate(missing.astype(np.uint8), np.ones((2 * RADIUS + 1,) * 2, np.uint8)) > 0
        targets, sources = touched & inside, ~touched & inside
        if matches is None:
            if sources.sum() < FEWEST_SOURCES:
                continue
            picture = fill(picture, missing, guide_here)
        first = matches is None
        matches = first_matches(matches, sources, np.random.default_rng((SEED, level)))
        trust = trust_of(missing)
        belief = np.rint(8*trust).astype(np.uint8)
        if not first:
            picture = rebuild(picture, missing, matches, np.zeros(missing.shape, np.int32), trust)
        small = max(size) <= GUIDE_SIDE_PX
        effort = SMALL if small else MEDIUM if missing.sum() < LARGE_HOLE_PX else LARGE
        guide_weight = GUIDE_WEIGHT if small else 0
        for round_number in range(effort.rebuildings):
            seed = (SEED + level) * 64 + round_number
            costs = search(picture, belief, guide_here, targets, sources, matches, guide_weight, effort.sweeps, seed)
            picture = rebuild(picture, missing, matches, costs, trust)
    if matches is None:
        picture = cv2.resize(guide, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return fill(rgb, hole, picture)


def pyramid(width: int, height: int) -> list[tuple[int, int]]:
    """Picture sizes (width, height) from about COARSEST_SIDE_PX to the full one, each about twice the one before."""
    halvings = max(0, int(np.ceil(np.log2(max(width, height) / COARSEST_SIDE_PX))))
    shrink_to = lambda side, k: max(16, round(side / 2**k)) if k else side
    return [(shrink_to(width, k), shrink_to(height, k)) for k in range(halvings, -1, -1)]


def shrink(
    rgb: NDArray[np.uint8], hole: NDArray[np.bool_], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Picture and hole at a size (width, height); any coverage counts as hole."""
    if rgb.shape[1::-1] == size:
        return rgb.copy(), hole
    coverage = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), coverage > 0


def first_matches(
    coarser: NDArray[np.int32] | None, sources: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int32]:
    """For every pixel the row and column of a source patch: the coarser level's match, enlarged, or any at random.

    Returns int32 (H, W, 2); every entry is a source.
    """
    height, width = sources.shape
    places = np.argwhere(sources).astype(np.int32)
    drawn = places[rng.integers(len(places), size=(height, width))]
    if coarser is None:
        return drawn
    rows = np.minimum(np.arange(height) * coarser.shape[0] // height, coarser.shape[0] - 1)
    columns = np.minimum(np.arange(width) * coarser.shape[1] // width, coarser.shape[1] - 1)
    scale = np.array([height / coarser.shape[0], width / coarser.shape[1]])
    offsets = (coarser - np.stack(np.mgrid[: coarser.shape[0], : coarser.shape[1]], axis=-1)) * scale
    enlarged = np.rint(offsets[rows[:, None], columns]).astype(np.int32)
    enlarged += np.stack(np.mgrid[:height, :width], axis=-1).astype(np.int32)
    enlarged = np.clip(enlarged, 0, [height - 1, width - 1]).astype(np.int32)
    usable = sources[enlarged[..., 0], enlarged[..., 1]]
    return np.where(usable[..., None], enlarged, drawn)


def trust_of(missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far a patch around a pixel may be believed: 1 outside the hole, less with the distance to known pixels."""
    return np.exp2(-cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 3) / float(__import__('os').environ.get('TD','3'))).astype(np.float32) + 1e-3


def fill(rgb: NDArray[np.uint8], hole: NDArray[np.bool_], painted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(hole[..., None], painted, rgb)

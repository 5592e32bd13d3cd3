"""Texture from the photo itself: small patches of the known picture are arranged to follow what the network painted.

Coarse to fine, patches are matched by PatchMatch (Barnes et al., SIGGRAPH 2009) and the picture is rebuilt from
their overlaps (Wexler et al., "Space-Time Completion of Video", 2007). The network's picture starts it off and
joins the comparison at the small sizes, so it decides structure and colour; texture comes from the photo at its own
resolution.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

COARSEST_SIDE_PX = 24  # here a person is a few patches wide
GUIDED_LEVELS = 3  # the smallest ones, where the network's picture has a say; it is too blurred beyond
GUIDE_WEIGHT = 2  # of the network's picture against the patch's own pixels
GUIDE_BLUR_PX = 1  # painted pixels are softer than known ones: blur makes them alike before they are compared
HEIGHT_PENALTY = 400_000  # for a match a whole picture higher or lower: sky belongs above ground
FEWEST_SOURCES = 200  # patches to choose from; with fewer, a level is skipped
BELIEF_HALVES_PX = 3  # how fast painted pixels count less with their distance to known ones
SEED = 1  # the search is random: a fixed seed gives every photo one plate


@dataclass(frozen=True)
class Effort:
    """How hard to search at one level: rebuildings of the picture, and sweeps of PatchMatch before each."""

    rebuildings: int
    sweeps: int


GUIDED = Effort(rebuildings=8, sweeps=3)  # small and cheap, and what is decided here stays
MEDIUM = Effort(rebuildings=3, sweeps=2)
LARGE = Effort(rebuildings=1, sweeps=1)  # the matches of the level below are near enough
LARGE_HOLE_PX = 150_000


def synthesize(
    rgb: NDArray[np.uint8], hole: NDArray[np.bool_], guide: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Fill the hole with the photo's own texture, laid out as in the guide.

    rgb: uint8 (H, W, 3); hole: bool (H, W); guide: uint8 (h, w, 3), the whole picture painted at any smaller size.
    Returns uint8 (H, W, 3), equal to rgb outside the hole. Where nothing known is left to copy, the guide is enlarged.
    """
    from effect.inpaint.patchmatch import RADIUS, rebuild, search
    from effect.inpaint.seams import heal

    matches: NDArray[np.int32] | None = None
    guided_left = GUIDED_LEVELS
    for level, size in enumerate(pyramid(rgb.shape[1], rgb.shape[0])):
        picture, missing = shrink(rgb, hole, size)
        guide_here = resize(guide, size, cv2.INTER_AREA)
        soft_guide = np.asarray(cv2.GaussianBlur(guide_here, (0, 0), GUIDE_BLUR_PX), np.uint8)
        inside = np.zeros_like(missing)
        inside[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
        touched = cv2.dilate(missing.astype(np.uint8), np.ones((2 * RADIUS + 1,) * 2, np.uint8)) > 0
        targets, sources = touched & inside, ~touched & inside
        if sources.sum() < FEWEST_SOURCES:
            continue

        belief = belief_in(missing)
        if matches is None:
            picture = fill(picture, missing, guide_here)
            matches = any_matches(sources, level)
        else:
            matches = enlarge(matches, sources, level)
            picture = rebuild(picture, missing, matches, np.zeros(missing.shape, np.int32), belief)

        guided_left -= 1
        guided = guided_left >= 0
        effort = GUIDED if guided else MEDIUM if missing.sum() < LARGE_HOLE_PX else LARGE
        weights = (GUIDE_WEIGHT if guided else 0, HEIGHT_PENALTY)
        for round_number in range(effort.rebuildings):
            seed = (SEED + level) * 64 + round_number
            costs = search(
                picture, belief, soft_guide, targets, sources, matches, weights, effort.sweeps, seed
            )
            picture = rebuild(picture, missing, matches, costs, belief)
        matches = carry_to_border(matches, RADIUS)

    if matches is None:
        return fill(rgb, hole, resize(guide, rgb.shape[1::-1], cv2.INTER_CUBIC))
    return heal(picture, hole, matches)


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
    return resize(rgb, size, cv2.INTER_AREA), coverage > 0


def resize(picture: NDArray[np.uint8], size: tuple[int, ...], interpolation: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8)


def any_matches(sources: NDArray[np.bool_], level: int) -> NDArray[np.int32]:
    """A random source patch for every pixel: int32 (H, W, 2), row and column."""
    places = np.argwhere(sources).astype(np.int32)
    return places[np.random.default_rng((SEED, level)).integers(len(places), size=sources.shape)]


def enlarge(coarser: NDArray[np.int32], sources: NDArray[np.bool_], level: int) -> NDArray[np.int32]:
    """The coarser level's matches for the pixels of this one, moved in proportion; random where that is no source.

    coarser: int32 (h, w, 2); sources: bool (H, W). Returns int32 (H, W, 2).
    """
    height, width = sources.shape
    rows, columns = (np.arange(n) * m // n for n, m in zip(sources.shape, coarser.shape[:2], strict=True))
    scale = np.array([height / coarser.shape[0], width / coarser.shape[1]])
    offsets = (coarser - pixel_grid(*coarser.shape[:2])) * scale
    matches = np.rint(offsets[rows[:, None], columns]).astype(np.int32) + pixel_grid(height, width)
    matches = np.clip(matches, 0, [height - 1, width - 1]).astype(np.int32)
    usable = sources[matches[..., 0], matches[..., 1]]
    return np.where(usable[..., None], matches, any_matches(sources, level))


def carry_to_border(matches: NDArray[np.int32], margin_px: int) -> NDArray[np.int32]:
    """The matches with those of the outermost pixels, no patch's centres, as far away as the nearest centre's."""
    grid = pixel_grid(*matches.shape[:2])
    rows, columns = (np.clip(np.arange(n), margin_px, n - margin_px - 1) for n in matches.shape[:2])
    inner = np.ix_(rows, columns)
    return matches[inner] + grid - grid[inner]


def pixel_grid(height: int, width: int) -> NDArray[np.int32]:
    """Row and column of every pixel: int32 (height, width, 2)."""
    return np.indices((height, width), dtype=np.int32).transpose(1, 2, 0)


def belief_in(missing: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """How much a pixel counts in a comparison: 8 where known, down to 1 deep inside the hole."""
    distance_px = cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 3)
    return np.maximum(1, np.rint(8 * np.exp2(-distance_px / BELIEF_HALVES_PX))).astype(np.uint8)


def fill(rgb: NDArray[np.uint8], hole: NDArray[np.bool_], painted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(hole[..., None], painted, rgb)

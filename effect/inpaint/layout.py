"""Which piece of the photo goes on into the hole, and where: the layout of a restored background.

Each missing pixel takes the pixel at one of the photo's common offsets, so that neighbours agree (He and Sun,
"Statistics of Patch Offsets for Image Completion", ECCV 2012; Pritch et al., "Shift-Map Image Editing", ICCV 2009).
The guide, the colours to expect in the hole, says which belong where.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.compiled import compiled
from effect.inpaint.average import SOFT_PX, known_average
from effect.inpaint.graphcut import Pairs, expand
from effect.inpaint.likely import nearness
from effect.inpaint.looks import LOOKS, doubt, looks, texture_strength
from effect.inpaint.membrane import spread
from effect.inpaint.offsets import (
    common_offsets,
    pixel_grid,
    sample,
    with_guided_offsets,
    with_offsets_for_all,
)

# Costs, in squared levels of 255 summed over the channels
GUIDE_WEIGHT = 16.0  # of the difference from the guide's colours, in calm surroundings, near known pixels
GUIDE_REACH_PX = 60  # so far into the hole a third of that: there it is a guess
CALM = 4000.0  # colours that vary so much around the hole halve that: a mean of unlike things guides nowhere
REPEATED, UNLIKE = 0.25, 0.5  # rarity beside the variance: a photo repeats itself, or it does not
LEAST_TRUST = 0.02  # in the network, where it does: what is there, the photo knows better
LOOKS_WEIGHT = 400.0  # of how many variances a place's looks are off those that the network expects
LIKENESS_WEIGHT = 14_000.0  # of the logarithm of how unlikely it thinks that a place resembles what is hidden
TEXTURE_WEIGHT = 30.0  # where it does not tell: of how much calmer a place is than the calm around the hole
RARITY_WEIGHT = 3.0  # of how little a place resembles any other: things that are there once stay there once
TOLD_RARITY_WEIGHT = 5.0  # the same beside what the network tells, which brings them where they would fit
CAUTION = 1.5  # e to this power times as much where the network is at a loss: what is there once stays
HEIGHT_PENALTY = 10_000  # for an offset by a whole picture's height: sky belongs above ground
WIDTH_PENALTY = 3_000  # for one by a whole picture's width: what is near more likely goes on
RIM_WEIGHT = 2  # of what a known neighbour has at this offset against what it is
MOST_STEP = 30_000  # no step at a seam counts more: red between black and white would halve its cost
UNKNOWN_STEP = 5_000  # where a step cannot be judged, for one of its two places is missing
MOST_DIFFERENCE = 20_000  # no difference from the guide's colours counts more
CHOICES = 4  # for every missing pixel, so that none must take what does not fit
COMMON_SHARE = 0.7  # of the photo, by rarity: the rest is no choice to rely on
TEXTURE_REACH_PX = 20  # so far into the hole a third of the strength around it is asked for
RIM_PX = 8  # how wide the surroundings are whose texture and unrest go on into the hole
UNLIKE_PX = 4  # the size of the surroundings in which that variance is taken
AROUND_PX = 16  # how wide a band around the hole tells whether the photo repeats itself
FAINT = 20.0  # a variance that is noise
WIDE_PX = 8  # the size of the surroundings in which colours vary
NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))


class Layout(NamedTuple):
    """places: int32 (H, W, 2), row and column that each pixel takes its colour from, its own where known; trust: how
    much the colours to expect count, see `trust_in_network`."""

    places: NDArray[np.int32]
    trust: float


def lay_out(
    picture: NDArray[np.uint8],
    missing: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    guide: NDArray[np.uint8],
    expected: NDArray[np.float32] | None = None,
) -> Layout:
    """Where each pixel takes its colour from.

    picture: uint8 (H, W, 3), a hundred-odd pixels long; missing, usable: bool (H, W), the hole and what may be copied;
    guide: uint8 (H, W, 3), the colours to expect in the hole; expected: float32 (H, W, 10 or more), what it
    expects to see, `effect.inpaint.network.Painted.expected`. At least one pixel must be usable.
    """
    offsets, rarity = common_offsets(picture, usable)
    offsets = with_guided_offsets(offsets, picture, missing, usable, guide)
    common = usable & (rarity <= np.quantile(rarity[usable], COMMON_SHARE))
    offsets = with_offsets_for_all(missing, common, offsets, CHOICES)
    offsets = with_offsets_for_all(missing, usable, offsets)
    choices = Choices.at(np.argwhere(missing), offsets, usable, picture)
    trust = trust_in_network(picture, missing, rarity)
    costs = choice_costs(choices, picture, missing, guide, trust, rarity, expected)
    chosen = expand(costs, seams(choices, missing))
    places = pixel_grid(*missing.shape)
    places[missing] += offsets[chosen]
    return Layout(places, trust)


@dataclass(frozen=True)
class Choices:
    """What each of n missing pixels may take: one of K offsets.

    pixels: (n, 2); offsets: (K, 2); rows, columns, allowed: (n, K), where an offset leads to; colours: (n, K, 3).
    """

    pixels: NDArray[np.int64]
    offsets: NDArray[np.int32]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    colours: NDArray[np.float32]

    @classmethod
    def at(
        cls,
        pixels: NDArray[np.int64],
        offsets: NDArray[np.int32],
        usable: NDArray[np.bool_],
        picture: NDArray[np.uint8],
    ) -> "Choices":
        rows, columns = pixels[:, :1] + offsets[:, 0], pixels[:, 1:] + offsets[:, 1]
        allowed = sample(usable, rows, columns, False)
        return cls(
            pixels, offsets, rows, columns, allowed, sample(picture, rows, columns, 0).astype(np.float32)
        )


def choice_costs(
    choices: Choices,
    picture: NDArray[np.uint8],
    missing: NDArray[np.bool_],
    guide: NDArray[np.uint8],
    trust: float,
    rarity: NDArray[np.float32],
    expected: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """What speaks against each choice by itself: float64 (n, K), inf where it leads to nothing usable.

    Where the photo repeats itself, rarity says as little as the network: in perspective no window is quite like the
    next one.
    """
    height, width = missing.shape
    known_colours = known_average(picture, ~missing)
    wanted = cv2.GaussianBlur(guide, (0, 0), SOFT_PX)[missing].astype(np.float32)
    offered_colours = sample(known_colours, choices.rows, choices.columns, 0)
    weights = trust * GUIDE_WEIGHT / (1 + unrest(picture, missing)[missing] / CALM)
    weights *= nearness(missing, GUIDE_REACH_PX)[missing]
    costs = weights[:, None] * np.minimum(
        ((offered_colours - wanted[:, None]) ** 2).sum(axis=2), MOST_DIFFERENCE
    )
    rarities = sample(rarity, choices.rows, choices.columns, 0)
    if expected is None:
        costs += texture_costs(choices, picture, missing) + trust * RARITY_WEIGHT * rarities
    else:
        costs += trust * looks_costs(choices, picture, missing, expected)
        costs += trust * likeness_costs(choices, missing, expected)
        costs += trust * TOLD_RARITY_WEIGHT * np.exp(CAUTION * doubt(expected, missing)) * rarities
    costs += HEIGHT_PENALTY * np.abs(choices.offsets[:, 0]) / height
    costs += WIDTH_PENALTY * np.abs(choices.offsets[:, 1]) / width
    for dy, dx in NEIGHBOURS:
        rows, columns = choices.pixels[:, 0] + dy, choices.pixels[:, 1] + dx
        rim = np.flatnonzero(sample(~missing, rows, columns, False))
        same = sample(picture, rows[rim], columns[rim], 0).astype(np.float32)[:, None]
        there = choices.rows[rim] + dy, choices.columns[rim] + dx
        moved = sample(picture, *there, 0).astype(np.float32)
        judged = sample(~missing, *there, False)
        costs[rim] += np.where(judged, RIM_WEIGHT * ((moved - same) ** 2).sum(axis=2), UNKNOWN_STEP)
    return np.where(choices.allowed, costs, np.inf)


def trust_in_network(
    picture: NDArray[np.uint8], missing: NDArray[np.bool_], rarity: NDArray[np.float32]
) -> float:
    """How much its opinion counts, LEAST_TRUST to 1: of a facade it paints a mean, while the next window tells all."""
    known = ~missing
    deviation = picture - known_average(picture, known, UNLIKE_PX)
    variance = known_average((deviation**2).sum(axis=2), known, UNLIKE_PX)
    around = known & (cv2.distanceTransform(known.astype(np.uint8), cv2.DIST_L2, 3) < AROUND_PX)
    if not around.any():
        return 1.0
    unlike = rarity[around].mean() / (variance[around].mean() + FAINT)
    return float(np.interp(unlike, [REPEATED, UNLIKE], [LEAST_TRUST, 1.0]))


def looks_costs(
    choices: Choices, picture: NDArray[np.uint8], missing: NDArray[np.bool_], expected: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How unlikely each place is by what the network expects there: float32 (n, K)."""
    means, log_variances, _ = np.split(expected[missing], [LOOKS, 2 * LOOKS], axis=1)
    return np.float32(LOOKS_WEIGHT) * deviations(
        np.ascontiguousarray(means),
        np.exp(-log_variances),
        looks(picture, ~missing),
        choices.rows,
        choices.columns,
        choices.allowed,
    )


def likeness_costs(
    choices: Choices, missing: NDArray[np.bool_], expected: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How unlikely the network thinks that each place resembles what is hidden, but for a constant of each pixel:
    float32 (n, K); 0 where it does not tell."""
    queries, keys = np.split(expected[..., 2 * LOOKS :], 2, axis=2)
    return np.float32(-LIKENESS_WEIGHT) * products(
        np.ascontiguousarray(queries[missing]),
        np.ascontiguousarray(keys),
        choices.rows,
        choices.columns,
        choices.allowed,
    )


def texture_costs(
    choices: Choices, picture: NDArray[np.uint8], missing: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """How much too calm each place is, without a network that expects anything, so that grass stays grass: (n, K)."""
    strength = texture_strength(picture, ~missing)
    least, offered = calmest(strength, missing)[missing], sample(strength, choices.rows, choices.columns, 0)
    return TEXTURE_WEIGHT * (np.maximum(least[:, None] - offered, 0) ** 2).sum(axis=2)


def calmest(strength: NDArray[np.float32], missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The least strength of texture (H, W, 2) to expect in the hole: that of the calm parts around it.

    The mean would ask a wall for texture where a table's edge lies on the rim; the harmonic mean leaves edges out. Deep
    inside less is known of what is there, and less is asked for.
    """
    inverse = going_on(np.reciprocal(strength + 1), missing)
    around = np.reciprocal(np.maximum(inverse, np.float32(1e-3))) - 1
    return nearness(missing, TEXTURE_REACH_PX)[..., None] * around


def unrest(picture: NDArray[np.uint8], missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much softened colours vary around the hole, as squared levels: float32 (H, W), spread into it."""
    known = ~missing
    soft = known_average(picture, known)
    deviation = soft - known_average(soft, known, WIDE_PX)
    return going_on(known_average((deviation**2).sum(axis=2), known, WIDE_PX)[..., None], missing)[..., 0]


def going_on(values: NDArray[np.float32], missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values (H, W, C) around the hole, spread smoothly into it."""
    square = np.ones((2 * RIM_PX + 1,) * 2, np.uint8)
    rim = (~missing & (cv2.dilate(missing.astype(np.uint8), square) > 0)).astype(np.float32)
    return spread(values * rim[..., None], rim)


def seams(choices: Choices, missing: NDArray[np.bool_]) -> Pairs:
    """The neighbouring missing pixels, and how visible a seam between two choices is: how much the two offsets
    disagree about either pixel (Pritch et al., equation 4).
    """
    index = np.full(missing.shape, -1)
    index[missing] = np.arange(len(choices.pixels))
    beside = [(index[:, :-1], index[:, 1:]), (index[:-1], index[1:])]
    both = [(a >= 0) & (b >= 0) for a, b in beside]
    first, second = (
        np.concatenate([pair[side][ok] for pair, ok in zip(beside, both, strict=True)]) for side in (0, 1)
    )

    return Pairs(first, second, partial(visibility, choices.allowed, choices.colours, first, second))


@compiled
def deviations(means, weights, offered, rows, columns, allowed):  # type: ignore[no-untyped-def]
    """Weighted squares of how far the offered (H, W, D) in their rows and columns (n, K) are off the means (n, D):
    float32 (n, K), 0 where none is allowed."""
    result = np.zeros(allowed.shape, np.float32)
    for pixel in range(len(means)):
        for choice in range(allowed.shape[1]):
            if allowed[pixel, choice]:
                there = offered[rows[pixel, choice], columns[pixel, choice]]
                for part in range(len(there)):
                    off = there[part] - means[pixel, part]
                    result[pixel, choice] += off * off * weights[pixel, part]
    return result


@compiled
def products(queries, keys, rows, columns, allowed):  # type: ignore[no-untyped-def]
    """Those of queries (n, D) and the keys (H, W, D) in their rows and columns (n, K): float32 (n, K), 0 where none is
    allowed."""
    result = np.zeros(allowed.shape, np.float32)
    for pixel in range(len(queries)):
        for choice in range(allowed.shape[1]):
            if allowed[pixel, choice]:
                key = keys[rows[pixel, choice], columns[pixel, choice]]
                for part in range(len(key)):
                    result[pixel, choice] += queries[pixel, part] * key[part]
    return result


@compiled
def visibility(allowed, colours, first, second, pairs, one, other):  # type: ignore[no-untyped-def]
    """How visible a seam is, float64 (k,), in some of the pairs of pixels, first and second (m,), with choices one and
    other (k,)."""
    total = np.zeros(len(pairs))
    for number, pair in enumerate(pairs):
        this, that = one[number], other[number]
        if this == that:
            continue
        for pixel in (first[pair], second[pair]):
            if allowed[pixel, this] and allowed[pixel, that]:
                step = 0.0
                for channel in range(3):
                    step += (colours[pixel, this, channel] - colours[pixel, that, channel]) ** 2
                total[number] += min(step, MOST_STEP)
            else:
                total[number] += UNKNOWN_STEP
    return total

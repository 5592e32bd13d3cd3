"""Texture from the photo itself: pieces of the known picture, laid out to follow the colours that are likeliest.

The layout is decided on a small picture. Coarse to fine, its pieces are then moved to where they fit, to within a
pixel, and grow over each other by PatchMatch's propagation (Barnes et al., SIGGRAPH 2009); their seams are healed. The
pieces themselves stay whole, so the texture is the photo's own at its own resolution. Last, their broad colours come
nearer to the likeliest.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.compiled import compiled
from effect.grain import grain_level
from effect.inpaint.align import align
from effect.inpaint.average import known_average
from effect.inpaint.layout import lay_out
from effect.inpaint.looks import LOOKS, doubt
from effect.inpaint.membrane import match_rim
from effect.inpaint.offsets import pixel_grid
from effect.inpaint.scale import covered, resize, shrink
from effect.inpaint.strength import BROAD_PX, strength_gain, variance_around

LAYOUT_SIDE_PX = 168  # the longer side of the small picture
HEIGHT_PENALTY = 400_000  # for a match a whole picture higher or lower: sky belongs above ground
FEWEST_USABLE = 200  # pixels of the small picture: copies of fewer would be wallpaper
# A patch takes its own place or goes on with a neighbour's: looking further breaks pieces up, which blurs.
FIT_REACH_PX = 0
FIT_SWEEPS = 2  # one in each direction
REPEATED_BROAD_PX = 6  # instead of BROAD_PX, where the photo repeats itself
NATURAL = 0.4  # of the variance of colours around the hole: what is no farther off the likely ones is texture, nearly
SCARCE_SHARE = 0.5  # so much less do likely colours count where little of the picture is left to tell them
FADES = 80.0  # levels by which a piece is off the likely colours, over so many pixels, that halve its texture
RELIEF_PX = 12  # the size of the surroundings over which it is uneven how far a piece is off
RELIEF_FADES = 5.0  # levels of that unevenness that halve its texture where it is unsure what belongs there
FINE_PX, FINE_SHARE = 1.5, 1 / 400  # what is finer, in pixels or of the longer side, does not fade ...
LARGE_PX = 1500, 3000  # ... nor, up to twice as coarse, in pictures so long, which are looked at closely ...
GRAIN_TIMES = 3.0  # ... where the picture is scarce, no more of it than so many standard deviations of grain
MUCH_MISSING = 0.45, 0.5  # shares of the picture between which less and less is left to go by
BELIEF_HALVES_PX = 3  # how fast painted pixels count less with their distance to known ones


def synthesize(
    rgb: NDArray[np.uint8],
    hole: NDArray[np.bool_],
    likely: NDArray[np.uint8],
    avoid: NDArray[np.bool_] | None = None,
    expected: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Fill the hole with the photo's own texture, laid out to follow the likely colours.

    rgb: uint8 (H, W, 3); hole: bool (H, W); likely: uint8 (h, w, 3), the whole picture at any smaller size, in the hole
    the colours to expect; avoid: bool (H, W), known pixels that must not be copied; expected: float32 (h', w', 10 or
    more), what the whole picture looks like, see `effect.inpaint.network.Painted`.
    Returns uint8 (H, W, 3), equal to rgb outside the hole. Where hardly anything is left to copy: the likely colours.
    """
    from effect.inpaint.seams import heal

    hole = np.ascontiguousarray(hole)  # compiled code is compiled anew for part of a larger array
    avoid = np.zeros_like(hole) if avoid is None else avoid
    sizes = pyramid(rgb.shape[1], rgb.shape[0])
    small, missing = shrink(rgb, hole, sizes[0])
    if len(sizes) > 1:  # shrinking mixes the person into the pixels around
        missing = cv2.dilate(missing.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    usable = ~missing & ~covered(avoid, sizes[0])
    if usable.sum() < FEWEST_USABLE:
        return fill(rgb, hole, match_rim(rgb, resize(likely, rgb.shape[1::-1], cv2.INTER_CUBIC), hole))

    if expected is not None:
        enlarged = [
            cv2.resize(one, sizes[0], interpolation=cv2.INTER_LINEAR) for one in np.moveaxis(expected, 2, 0)
        ]
        expected = np.stack(enlarged, axis=2, dtype=np.float32)
    painted = fill(small, missing, resize(likely, sizes[0], cv2.INTER_AREA))
    places, trust = lay_out(small, missing, usable, painted, expected)
    scarce = scarcity(hole)
    unsure = 0.0 if expected is None else doubt(expected, missing) * scarce
    for size in sizes:
        picture, missing = shrink(rgb, hole, size)
        usable = ~missing & ~covered(avoid, size)
        if not usable.any():
            continue
        places = move_to_usable(enlarge(places, size), usable)
        places = align(picture, missing, usable, places)
        picture, places = fit(picture, missing, usable, places)
    return toward(likely, heal(picture, hole, places), hole, trust, scarce, unsure)


@cache
def load_compiled() -> None:
    """Load the compiled code of `synthesize`, by using it once: for whoever has to wait for something else anyway."""
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    hole = np.zeros((32, 32), bool)
    hole[12:20, 12:20] = True
    synthesize(picture, hole, picture, None, np.zeros((8, 8, 2 * LOOKS + 2), np.float32))


def fit(
    picture: NDArray[np.uint8],
    missing: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    places: NDArray[np.int32],
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The picture (H, W, 3) painted from its places (H, W, 2), and the places after fitting them to each other."""
    from effect.inpaint.patchmatch import RADIUS, copies, rebuild, search

    square = np.ones((2 * RADIUS + 1,) * 2, np.uint8)
    touched = cv2.dilate(missing.astype(np.uint8), square) > 0
    inside = np.zeros_like(missing)
    inside[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
    targets = touched & inside
    sources = cv2.erode(usable.astype(np.uint8), square).astype(bool) & inside
    if not sources.any():
        return fill(picture, missing, picture[places[..., 0], places[..., 1]]), places
    belief = belief_in(missing)
    matches = move_to_usable(places, sources)
    picture = rebuild(picture, missing, matches, np.zeros(missing.shape, np.int32), belief)
    alike = cv2.erode(copies(matches, missing).astype(np.uint8), square) > 0
    limits = (HEIGHT_PENALTY, 0, FIT_REACH_PX)
    costs = search(picture, belief, targets, sources, matches, alike, limits, FIT_SWEEPS, missing.shape[0])
    return rebuild(picture, missing, matches, costs, belief), carry_to_border(matches, RADIUS)


def toward(
    likely: NDArray[np.uint8],
    picture: NDArray[np.uint8],
    hole: NDArray[np.bool_],
    trust: float = 1.0,
    scarce: float = 0.0,
    unsure: float = 0.0,
) -> NDArray[np.uint8]:
    """The picture (H, W, 3), its broad colours in the hole (H, W) brought nearer to the likely ones, (h, w, 3).

    Where these are trusted less (0 to 1, see `effect.inpaint.layout.trust_in_network`), as before a facade, colours
    over more pixels: a window's are no mean of windows and walls. The texture of a piece of quite another colour would
    stand out like a relief: it fades. Both happen less where the colours around the hole vary as much, as those of bark
    do, by Wiener's rule for a signal in noise; and where the picture is scarce (0 to 1, see `scarcity`), for likely
    colours are little more than a mean there. Edges that they do not have fade, the more, the more unsure it is (0 to
    1) what belongs there, see `effect.inpaint.looks.doubt`.
    The finest texture stays, nearly as strong as it is around the hole, in large pictures coarser one, too; where the
    picture is scarce, little more of it than its grain.
    """
    size = likely.shape[1::-1]
    inside = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = resize(picture, size, cv2.INTER_AREA)
    off = (likely.astype(np.float32) - small) * inside[..., None]
    broad_px = REPEATED_BROAD_PX + trust * (BROAD_PX - REPEATED_BROAD_PX)
    broad, broadly_off = (cv2.GaussianBlur(one, (0, 0), broad_px) for one in (small.astype(np.float32), off))
    squares = (broadly_off**2).sum(axis=2)
    wrong = squares / (squares + NATURAL * variance_around(small, inside > 0) + np.float32(1e-3))
    own_share = np.float32(1 - SCARCE_SHARE * scarce)
    keep = 1 / (1 + trust * wrong * squares * (own_share / np.float32(FADES)) ** 2)
    if unsure:
        keep /= 1 + np.float32(unsure / RELIEF_FADES**2) * unevenness(broadly_off, inside > 0)
    change = (own_share * wrong)[..., None] * broadly_off + (1 - keep)[..., None] * broad
    most = GRAIN_TIMES * grain_level(picture, ~hole) if scarce else 0.0
    large = (1 - scarce) * float(np.interp(max(hole.shape), LARGE_PX, (0, 1)))
    fine_px = max(FINE_PX, (1 + large) * FINE_SHARE * max(hole.shape))
    enlarged = lambda one: cv2.resize(one, hole.shape[::-1], interpolation=cv2.INTER_LINEAR)
    gain = enlarged(strength_gain(picture, inside > 0, fine_px))
    kept, moved = enlarged(keep), picture.copy()
    for channel in range(3):  # one after the other, as they are large
        level = enlarged(change[..., channel])
        values = picture[..., channel].astype(np.float32)
        broader = cv2.GaussianBlur(values, (0, 0), fine_px)
        fine = gain * (values - broader)
        if scarce:
            fine = fine + np.float32(scarce) * (np.clip(fine, -most, most) - fine)
        level = level + kept * broader + fine
        np.clip(np.rint(level, out=level), 0, 255, out=level)
        moved[hole, channel] = level[hole]
    return moved


def scarcity(hole: NDArray[np.bool_]) -> float:
    """How much too little of a picture is left to go by, from 0 to 1: a person who fills it leaves but a rim."""
    return float(np.interp(hole.mean(), MUCH_MISSING, [0, 1]))


def unevenness(values: NDArray, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Variance of values (h, w, 3) over what is inside (h, w) of the surroundings, mean of the channels: (h, w)."""
    mean = known_average(values, inside, RELIEF_PX)
    return known_average((values - mean) ** 2, inside, RELIEF_PX).mean(axis=2)


def pyramid(width: int, height: int) -> list[tuple[int, int]]:
    """Picture sizes (width, height) from LAYOUT_SIDE_PX to the full one, each about twice the one before."""
    halvings = max(0, int(np.ceil(np.log2(max(width, height) / LAYOUT_SIDE_PX))))
    if not halvings:
        return [(width, height)]
    ratio = (max(width, height) / LAYOUT_SIDE_PX) ** (1 / halvings)
    shrink_to = lambda side, k: max(16, round(side / ratio**k)) if k else side
    return [(shrink_to(width, k), shrink_to(height, k)) for k in range(halvings, -1, -1)]


def enlarge(places: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.int32]:
    """The places (h, w, 2) of a smaller picture for the pixels of one of this size, offsets grown in proportion."""
    width, height = size
    small = places.shape[:2]
    offsets = (places - pixel_grid(*small)) * np.array([height / small[0], width / small[1]])
    return moved_by(np.rint(offsets).astype(np.int32), height, width)


@compiled
def moved_by(offsets, height, width):  # type: ignore[no-untyped-def]
    """Where every pixel of a larger picture leads with the offset, int32 (h, w, 2), of the smaller pixel that it is
    part of: int32 (height, width, 2)."""
    places = np.empty((height, width, 2), np.int32)
    for row in range(height):
        for column in range(width):
            down, right = offsets[row * len(offsets) // height, column * offsets.shape[1] // width]
            places[row, column, 0] = min(max(row + down, 0), height - 1)
            places[row, column, 1] = min(max(column + right, 0), width - 1)
    return places


def move_to_usable(places: NDArray[np.int32], usable: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The places (H, W, 2), those that are not usable (H, W) moved to the nearest that is."""
    moved, unusable = places.copy(), ~usable
    misplaced = leading_into(places, unusable)
    if not misplaced.any():
        return moved
    _, areas = cv2.distanceTransformWithLabels(
        unusable.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros(int(areas.max()) + 1, int)
    nearest[areas[usable]] = np.flatnonzero(usable)
    rows, columns = places[misplaced].T
    moved[misplaced] = np.stack(np.divmod(nearest[areas[rows, columns]], usable.shape[1]), axis=1)
    return moved


@compiled
def leading_into(places, region):  # type: ignore[no-untyped-def]
    """Whether each place, int32 (H, W, 2), lies in the region, bool (H, W): bool (H, W)."""
    result = np.empty(region.shape, np.bool_)
    for row in range(len(region)):
        for column in range(region.shape[1]):
            result[row, column] = region[places[row, column, 0], places[row, column, 1]]
    return result


def carry_to_border(matches: NDArray[np.int32], margin_px: int) -> NDArray[np.int32]:
    """The matches with those of the outermost pixels, no patch's centres, as far away as the nearest centre's."""
    grid = pixel_grid(*matches.shape[:2])
    offsets = (matches - grid)[margin_px:-margin_px, margin_px:-margin_px]
    margins = margin_px, margin_px
    return np.pad(offsets, (margins, margins, (0, 0)), "edge") + grid


def belief_in(missing: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """How much a pixel counts in a comparison: 8 where known, down to 1 deep inside the hole."""
    distance_px = cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 3)
    return np.maximum(1, np.rint(8 * np.exp2(-distance_px / BELIEF_HALVES_PX))).astype(np.uint8)


def fill(rgb: NDArray[np.uint8], hole: NDArray[np.bool_], painted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(hole[..., None], painted, rgb)

"""How a photo repeats itself: the commonest offsets between places that look alike.

A shore goes on sideways, a wall in both directions: a few offsets explain most of a scene (He and Sun, "Statistics of
Patch Offsets for Image Completion", ECCV 2012).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.compiled import compiled
from effect.inpaint.average import SOFT_PX, known_average

OFFSETS = 60  # the commonest ones (He and Sun, section 3.2)
NEAREST_SHARE = 1 / 15  # of the picture's side: shorter offsets say only that colours change slowly
PEAK_BLUR_PX = 1.4
PEAK_DISTANCE_PX = 3  # between two of the commonest offsets, along each axis
SEARCH_SWEEPS = 6
MOST_ADDED = 60  # offsets beside the commonest
GUIDED = 20  # offsets beside the commonest that lead to what the network painted
GUIDED_SWEEPS = 4
GUIDED_HEIGHT_PENALTY = 400_000  # for a match a whole picture higher or lower
FEWEST_SOURCES = 50  # patches, without which no statistics are made
MOST_DIFFERENCE = 20_000  # squared levels of 255, summed over the channels: no place is rarer


def common_offsets(
    picture: NDArray[np.uint8], usable: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The commonest offsets (K, 2) between alike patches, K <= OFFSETS, and how unlike the rest each place is.

    The latter, float32 (H, W), is the mean squared difference from the most similar other patch.
    """
    from effect.inpaint.patchmatch import RADIUS, UNLIMITED, random_matches, search

    height, width = usable.shape
    whole = whole_patches(usable)
    if whole.sum() < FEWEST_SOURCES:
        return np.zeros((0, 2), np.int32), np.zeros(usable.shape, np.float32)

    nearest_px = max(4, int(max(height, width) * NEAREST_SHARE))
    matches = random_matches(whole, seed=1)
    evenly = np.ones(usable.shape, np.uint8)
    none_alike = np.zeros(usable.shape, bool)
    limits = (0, nearest_px, max(height, width))
    costs = search(picture, evenly, whole, whole, matches, none_alike, limits, SEARCH_SWEEPS, 1)
    found = whole & (costs < UNLIMITED)
    steps = (matches - pixel_grid(height, width))[found]
    differences = np.minimum(costs / (2 * RADIUS + 1) ** 2, MOST_DIFFERENCE).astype(np.float32)
    offsets = commonest(np.concatenate([steps, -steps]), usable.shape)[:OFFSETS]
    return offsets, known_average(differences, found)


def with_guided_offsets(
    offsets: NDArray[np.int32],
    picture: NDArray[np.uint8],
    missing: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    guide: NDArray[np.uint8],
) -> NDArray[np.int32]:
    """The offsets (K, 2), and up to GUIDED more that lead from missing pixels to places as the guide paints them.

    picture, guide: uint8 (H, W, 3); missing, usable: bool (H, W). Both pictures are compared softened: the guide has no
    texture.
    """
    from effect.inpaint.patchmatch import RADIUS, random_matches, search

    height, width = missing.shape
    whole = whole_patches(usable)
    if whole.sum() < FEWEST_SOURCES:
        return offsets
    softened = np.rint(known_average(picture, ~missing)).clip(0, 255)
    painted = cv2.GaussianBlur(guide, (0, 0), SOFT_PX)
    soft = np.where(missing[..., None], painted, softened).astype(np.uint8)
    targets = missing.copy()
    for border in (targets, targets.T):
        border[:RADIUS] = border[-RADIUS:] = False
    matches = random_matches(whole, seed=1)
    evenly, none_alike = np.ones(missing.shape, np.uint8), np.zeros(missing.shape, bool)
    limits = (GUIDED_HEIGHT_PENALTY, 0, max(height, width))
    search(soft, evenly, targets, whole, matches, none_alike, limits, GUIDED_SWEEPS, 1)
    found = commonest((matches - pixel_grid(height, width))[targets], missing.shape)
    new = [offset for offset in found if not (np.abs(offsets - offset).max(axis=1) <= 1).any()]
    return np.concatenate([offsets, np.array(new[:GUIDED], np.int32).reshape(-1, 2)])


def whole_patches(usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The centres of patches that lie in the picture and are usable (H, W) throughout."""
    from effect.inpaint.patchmatch import RADIUS

    square = np.ones((2 * RADIUS + 1,) * 2, np.uint8)
    return cv2.erode(usable.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0


def commonest(steps: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Those of the steps (n, 2) in a picture (height, width) around which many others lie, the commonest first."""
    height, width = shape
    counts = np.zeros((2 * height + 1, 2 * width + 1), np.float32)
    np.add.at(counts, (steps[:, 0] + height, steps[:, 1] + width), 1)
    votes = cv2.GaussianBlur(counts, (0, 0), PEAK_BLUR_PX)
    highest_near = cv2.dilate(votes, np.ones((2 * PEAK_DISTANCE_PX + 1,) * 2, np.uint8))
    peaks = np.argwhere((votes == highest_near) & (votes > 0))
    peaks = peaks[np.argsort(-votes[tuple(peaks.T)], kind="stable")]
    return (peaks - [height, width]).astype(np.int32)


def with_offsets_for_all(
    missing: NDArray[np.bool_], usable: NDArray[np.bool_], offsets: NDArray[np.int32], choices: int = 1
) -> NDArray[np.int32]:
    """More offsets, until every missing pixel has this many usable ones; each next one serves as many as possible.

    Fewer where the picture has not as many usable pixels, or MOST_ADDED were not enough for `choices` above one.
    """
    height, width = missing.shape
    rows, columns = np.argwhere(missing).T
    lacking = np.full(len(rows), min(choices, int(usable.sum())))
    for offset in offsets:
        lacking -= sample(usable, rows + offset[0], columns + offset[1], False)
    size = (2 * height, 2 * width)  # no wrapping round
    usable_spectrum = np.fft.rfft2(usable, size)
    nearness = 1 - 0.5 * np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1]))
    for offset in offsets:
        nearness[tuple(offset)] = 0  # not again
    added = 0
    while lacking.max() > 0 and (choices == 1 or added < MOST_ADDED):
        unserved = np.zeros_like(missing)
        unserved[missing] = lacking > 0
        served = np.fft.irfft2(usable_spectrum * np.conj(np.fft.rfft2(unserved, size)), size)
        best = np.unravel_index(np.argmax(np.rint(served) * nearness), size)
        nearness[best] = 0
        offset = np.array([(b + s // 2) % s - s // 2 for b, s in zip(best, size, strict=True)], np.int32)
        offsets = np.concatenate([offsets, offset[None]])
        lacking -= sample(usable, rows + offset[0], columns + offset[1], False)
        added += 1
    return offsets


def pixel_grid(height: int, width: int) -> NDArray[np.int32]:
    """Row and column of every pixel: int32 (height, width, 2)."""
    grid = np.empty((height, width, 2), np.int32)
    grid[..., 0], grid[..., 1] = np.arange(height)[:, None], np.arange(width)
    return grid


def sample(values: NDArray, rows: NDArray, columns: NDArray, outside: float) -> NDArray:
    """values[rows, columns], and `outside` where that lies beyond the picture."""
    rows, columns = np.broadcast_arrays(rows, columns)
    height, width = values.shape[:2]
    result = np.empty((rows.size, values[0, 0].size), values.dtype)
    pixels = np.ascontiguousarray(values).reshape(height, width, -1)
    _gather(result, pixels, rows.reshape(-1), columns.reshape(-1), values.dtype.type(outside))
    return result.reshape(*rows.shape, *values.shape[2:])


@compiled
def _gather(result, pixels, rows, columns, outside):  # type: ignore[no-untyped-def]
    height, width, channels = pixels.shape
    for number in range(len(rows)):
        row, column = rows[number], columns[number]
        inside = 0 <= row < height and 0 <= column < width
        for channel in range(channels):
            result[number, channel] = pixels[row, column, channel] if inside else outside

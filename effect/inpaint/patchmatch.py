"""The two inner loops of texture synthesis: finding the most similar known patch, and rebuilding from the found.

Compiled by numba. All arithmetic that decides a match is on integers, so every machine finds the same.
"""

import numpy as np
from numpy.typing import NDArray

from effect.compiled import compiled

RADIUS = 3  # pixels: patches are 7 x 7
LEVELS = 3 * (2 * RADIUS + 1)  # of a row of a patch
OVERLAP = 1  # pixels: a pixel is rebuilt from the 3 x 3 patches around it; more of them blur
RELIABLE = 8000.0  # costs far below this count as equally good
UNLIMITED = 2**31 - 1  # the cost of a match that is not allowed


@compiled
def distance(levels, belief, height_penalty, row, column, other_row, other_column, limit):  # type: ignore[no-untyped-def]
    """What speaks against a match: squared differences of the patches, and the height between them.

    levels: uint8 (H, 3 W), the picture; belief: uint8, likewise. Gives up once that reaches the limit, and returns the
    limit then.
    """
    total = height_penalty * abs(row - other_row) // len(levels)
    left, other_left = np.uint64(3 * (column - RADIUS)), np.uint64(3 * (other_column - RADIUS))
    for dy in range(-RADIUS, RADIUS + 1):
        if total >= limit:
            return limit
        here, there, squares = np.uint64(row + dy), np.uint64(other_row + dy), np.int32(0)
        for number in range(np.uint64(LEVELS)):
            d = np.int32(levels[here, left + number]) - np.int32(levels[there, other_left + number])
            squares += np.int32(np.int32(d * d) * np.int32(belief[here, left + number]))
        total += squares
    return min(total, limit)


@compiled
def search(picture, belief, targets, sources, matches, alike, limits, sweeps, seed):  # type: ignore[no-untyped-def]
    """PatchMatch (Barnes et al., SIGGRAPH 2009): improve `matches` in place; returns their costs, int32 (H, W).

    picture: uint8 (H, W, 3); targets, sources: bool (H, W), patch centres at least RADIUS from the border;
    matches: int32 (H, W, 2), row and column of a source for every target; alike: bool (H, W), whose patches are known
    to be equal to their matches; belief: uint8 (H, W), how much a pixel of a target counts; limits: three ints, the
    cost of a whole picture's height between target and source, the least distance between them and the radius of the
    search around a match, both in pixels along the longer axis.
    """
    height, width = targets.shape
    levels = np.ascontiguousarray(picture).reshape(height, 3 * width)
    beliefs = np.repeat(belief, 3).reshape(height, 3 * width)
    height_penalty, nearest_px, reach_px = limits
    unlimited = np.int64(UNLIMITED)
    costs = np.zeros((height, width), np.int32)
    for row in range(height):
        for column in range(width):
            if targets[row, column]:
                y, x = matches[row, column]
                cost = unlimited
                if alike[row, column]:
                    cost = height_penalty * abs(row - y) // height
                elif max(abs(y - row), abs(x - column)) >= nearest_px:
                    cost = distance(levels, beliefs, height_penalty, row, column, y, x, unlimited)
                costs[row, column] = cost

    state = np.uint64(seed * 2 + 1)
    for sweep in range(sweeps):
        step = 1 if sweep % 2 == 0 else -1
        for i in range(height):
            row = i if step == 1 else height - 1 - i
            for j in range(width):
                column = j if step == 1 else width - 1 - j
                if not targets[row, column]:
                    continue
                best = np.int64(costs[row, column])
                best_y, best_x = matches[row, column]

                # The matches of the neighbours just done, moved along by a pixel.
                for back_y, back_x in ((step, 0), (0, step)):
                    neighbour_row, neighbour_column = row - back_y, column - back_x
                    if not targets[neighbour_row, neighbour_column]:
                        continue
                    y = matches[neighbour_row, neighbour_column, 0] + back_y
                    x = matches[neighbour_row, neighbour_column, 1] + back_x
                    if y == best_y and x == best_x:
                        continue  # the same place is no better
                    if sources[y, x] and max(abs(y - row), abs(x - column)) >= nearest_px:
                        cost = distance(levels, beliefs, height_penalty, row, column, y, x, best)
                        if cost < best:
                            best, best_y, best_x = cost, y, x

                reach = reach_px
                while reach >= 1:  # random places, ever closer to the best so far
                    state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
                    y = best_y + np.int64((state >> np.uint64(33)) % np.uint64(2 * reach + 1)) - reach
                    state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
                    x = best_x + np.int64((state >> np.uint64(33)) % np.uint64(2 * reach + 1)) - reach
                    far = max(abs(y - row), abs(x - column)) >= nearest_px
                    if far and 0 <= y < height and 0 <= x < width and sources[y, x]:
                        cost = distance(levels, beliefs, height_penalty, row, column, y, x, best)
                        if cost < best:
                            best, best_y, best_x = cost, y, x
                    reach //= 2

                costs[row, column] = best
                matches[row, column, 0], matches[row, column, 1] = best_y, best_x
    return costs


def random_matches(sources: NDArray[np.bool_], seed: int) -> NDArray[np.int32]:
    """A random source patch for every pixel: int32 (H, W, 2), row and column."""
    places = np.argwhere(sources).astype(np.int32)
    return places[np.random.default_rng(seed).integers(len(places), size=sources.shape)]


@compiled
def moved_along(matches, row, column):  # type: ignore[no-untyped-def]
    """Whether all matches around a pixel are its own, moved along: the patches overlap, but say the same."""
    height, width = matches.shape[:2]
    if not (RADIUS + OVERLAP <= row < height - RADIUS - OVERLAP):
        return False
    if not (RADIUS + OVERLAP <= column < width - RADIUS - OVERLAP):
        return False
    own_y, own_x = matches[row, column]
    for dy in range(-OVERLAP, OVERLAP + 1):
        for dx in range(-OVERLAP, OVERLAP + 1):
            y, x = matches[row + dy, column + dx]
            if y != own_y + dy or x != own_x + dx:
                return False
    return True


@compiled
def copies(matches, missing):  # type: ignore[no-untyped-def]
    """The missing pixels that `rebuild` copies, bool (H, W); all others it knows, or mixes."""
    result = np.zeros(missing.shape, np.bool_)
    for row in range(len(missing)):
        for column in range(missing.shape[1]):
            result[row, column] = missing[row, column] and moved_along(matches, row, column)
    return result


@compiled
def rebuild(picture, missing, matches, costs, belief):  # type: ignore[no-untyped-def]
    """Every missing pixel as the average of what the matches of the patches around it say: uint8 (H, W, 3).

    picture: uint8 (H, W, 3); missing: bool (H, W); matches, costs: as in `search`; belief: uint8 (H, W), the patches
    that lie nearer to known pixels count more.
    """
    height, width = missing.shape
    result = picture.copy()
    for row in range(height):
        for column in range(width):
            if not missing[row, column]:
                continue
            if moved_along(matches, row, column):
                result[row, column] = picture[matches[row, column, 0], matches[row, column, 1]]
                continue
            total, red, green, blue = 0.0, 0.0, 0.0, 0.0
            for dy in range(-OVERLAP, OVERLAP + 1):
                for dx in range(-OVERLAP, OVERLAP + 1):
                    y = min(
                        max(row + dy, RADIUS), height - RADIUS - 1
                    )  # at the border: the nearest whole patch
                    x = min(max(column + dx, RADIUS), width - RADIUS - 1)
                    from_y, from_x = matches[y, x, 0] + row - y, matches[y, x, 1] + column - x
                    weight = belief[y, x] / (RELIABLE + costs[y, x])
                    red += weight * picture[from_y, from_x, 0]
                    green += weight * picture[from_y, from_x, 1]
                    blue += weight * picture[from_y, from_x, 2]
                    total += weight
            result[row, column, 0] = np.uint8(red / total + 0.5)
            result[row, column, 1] = np.uint8(green / total + 0.5)
            result[row, column, 2] = np.uint8(blue / total + 0.5)
    return result

"""Seams between patches, healed in the gradient domain (Perez et al., "Poisson Image Editing", SIGGRAPH 2003).

Neighbouring pixels that come from different places of the photo meet in a small step. Each pixel's own place knows
how it differs from its neighbours there; a correction that brings the steps down to those differences, and is zero
on known pixels, is the solution of a Poisson equation, found coarse to fine.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.compiled import compiled

# Levels of 255, over all channels; a larger step inside the hole may be an edge of the scene, and counts less.
# At the hole's border it counts in full: what is known there says how the scene goes on.
STEP_LIMIT = 60
# Pulls the correction to zero over some 30 pixels, so that one seam does not tint the whole hole.
SCREENING = 1e-3
MOST_CORRECTION = 60  # levels of 255
SWEEPS, FEW_SWEEPS = 30, 10  # of Gauss-Seidel at every size, and where many pixels are missing:
MANY_PIXELS = 50_000  # there the smaller sizes have done nearly everything
OVERRELAXATION = 1.6
SMALLEST_PX = 8


def heal(
    picture: NDArray[np.uint8], missing: NDArray[np.bool_], matches: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """Take the seams out of a rebuilt picture.

    picture: uint8 (H, W, 3); missing: bool (H, W); matches: int32 (H, W, 2), row and column of the place that each
    missing pixel is like. Returns uint8 (H, W, 3), equal to picture where nothing is missing.
    """
    correction = solve(divergence(picture, missing, matches), missing, SCREENING)
    return corrected(picture, missing, correction)


def solve(wanted: NDArray[np.float32], missing: NDArray[np.bool_], screening: float) -> NDArray[np.float32]:
    """The function whose screened Laplacian is `wanted` on missing pixels and which is zero elsewhere.

    wanted: float32 (H, W, 3); missing: bool (H, W); screening: per squared pixel. Returns float32 (H, W, 3).
    """
    height, width = missing.shape
    correction = np.zeros_like(wanted)
    if min(height, width) >= 2 * SMALLEST_PX:
        half = (width // 2, height // 2)
        # Second differences grow with the square of the distance between pixels.
        coarse_wanted = np.multiply(resize(wanted, half, cv2.INTER_AREA), 4, dtype=np.float32)
        coarse_missing = cv2.resize(missing.astype(np.float32), half, interpolation=cv2.INTER_AREA) > 0.5
        coarse = solve(coarse_wanted, coarse_missing, 4 * screening)
        larger = resize(coarse, (width, height), cv2.INTER_LINEAR)
        correction = np.asarray(cv2.copyTo(larger, missing.view(np.uint8)), np.float32)
    relax(correction, wanted, missing, screening)
    return correction


def resize(values: NDArray[np.float32], size: tuple[int, int], interpolation: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, size, interpolation=interpolation), np.float32)


@compiled
def corrected(picture, missing, correction):  # type: ignore[no-untyped-def]
    """The picture, uint8 (H, W, 3), plus a correction where it is missing, float32 (H, W, 3), MOST_CORRECTION at most;
    all channels are held back alike, so that the hue stays."""
    result, most = picture.copy(), np.float32(MOST_CORRECTION)
    for row in range(len(picture)):
        for column in range(picture.shape[1]):
            if not missing[row, column]:
                continue
            red, green, blue = (
                correction[row, column, 0],
                correction[row, column, 1],
                correction[row, column, 2],
            )
            kept = most / max(abs(red), abs(green), abs(blue), most)
            for channel, change in enumerate((red, green, blue)):
                level = np.rint(np.float32(picture[row, column, channel]) + change * kept)
                result[row, column, channel] = np.uint8(min(max(level, np.float32(0)), np.float32(255)))
    return result


@compiled
def divergence(picture, missing, matches):  # type: ignore[no-untyped-def]
    """By how much each missing pixel's neighbours should differ more from it, summed: float32 (H, W, 3)."""
    height, width = missing.shape
    result = np.zeros((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            for dy, dx in ((0, 1), (1, 0)):
                y, x = row + dy, column + dx
                if y >= height or x >= width or not (missing[row, column] or missing[y, x]):
                    continue
                error = step_error(picture, missing, matches, row, column, dy, dx)
                step = abs(error[0]) + abs(error[1]) + abs(error[2])
                believed = np.float32(1)
                if missing[row, column] and missing[y, x] and step > STEP_LIMIT:
                    believed = np.float32((STEP_LIMIT / step) ** 2)
                for channel in range(3):
                    result[row, column, channel] += believed * error[channel]
                    result[y, x, channel] -= believed * error[channel]
    return result


@compiled
def step_error(picture, missing, matches, row, column, dy, dx):  # type: ignore[no-untyped-def]
    """The step from a pixel to its neighbour (dy, dx) away as the places they come from have it, less the step here:
    of red, green and blue, float32.

    Where both are missing, the mean of the two places' opinions.
    """
    height, width = missing.shape
    red = green = blue = opinions = 0
    for back_y, back_x in ((0, 0), (dy, dx)):
        if missing[row + back_y, column + back_x]:
            from_row = matches[row + back_y, column + back_x, 0] - back_y
            from_column = matches[row + back_y, column + back_x, 1] - back_x
            if 0 <= from_row < height - dy and 0 <= from_column < width - dx:
                opinions += 1
                to_row, to_column = from_row + dy, from_column + dx
                red += np.int64(picture[to_row, to_column, 0]) - picture[from_row, from_column, 0]
                green += np.int64(picture[to_row, to_column, 1]) - picture[from_row, from_column, 1]
                blue += np.int64(picture[to_row, to_column, 2]) - picture[from_row, from_column, 2]
    if opinions == 0:
        return np.float32(0), np.float32(0), np.float32(0)
    y, x, share = row + dy, column + dx, np.float32(1 / opinions)  # 1 or a half
    return (
        share * np.float32(red) + np.float32(np.int64(picture[row, column, 0]) - picture[y, x, 0]),
        share * np.float32(green) + np.float32(np.int64(picture[row, column, 1]) - picture[y, x, 1]),
        share * np.float32(blue) + np.float32(np.int64(picture[row, column, 2]) - picture[y, x, 2]),
    )


@compiled
def relax(correction, wanted, missing, screening):  # type: ignore[no-untyped-def]
    """Gauss-Seidel with overrelaxation, in place; the picture's border has no neighbour beyond it."""
    height, width = missing.shape
    rows, columns = np.nonzero(missing)
    pull, keep = np.float32(OVERRELAXATION), np.float32(1 - OVERRELAXATION)
    for _ in range(SWEEPS if len(rows) < MANY_PIXELS else FEW_SWEEPS):
        for pixel in range(len(rows)):
            row, column = rows[pixel], columns[pixel]
            red = green = blue = count = np.float32(0)
            for dy, dx in ((0, 1), (1, 0), (-1, 0)):
                y, x = row + dy, column + dx
                if 0 <= y < height and x < width:
                    red += correction[y, x, 0]
                    green += correction[y, x, 1]
                    blue += correction[y, x, 2]
                    count += np.float32(1)
            count += np.float32(column > 0)
            share = pull / (count + np.float32(screening))
            here, target = correction[row, column], wanted[row, column]
            red = keep * here[0] + share * (red - target[0])
            green = keep * here[1] + share * (green - target[1])
            blue = keep * here[2] + share * (blue - target[2])
            if column > 0:  # last, as it has only just been found
                red += share * correction[row, column - 1, 0]
                green += share * correction[row, column - 1, 1]
                blue += share * correction[row, column - 1, 2]
            here[0], here[1], here[2] = red, green, blue

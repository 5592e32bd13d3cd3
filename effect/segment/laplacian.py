"""The matting Laplacian: Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting" (2008), section 3.

pymatting has it, too, for whole pictures and in code whose loading takes longer than all of this.
"""

import numpy as np

from effect.compiled import compiled

AREA = 9  # of a window of 3 x 3 pixels
REACH = 25  # of the square of 5 x 5 pixels with which one shares a window, row by row
OWN = REACH // 2  # its own place there


@compiled
def laplacian_rows(rgb, wanted, epsilon):  # type: ignore[no-untyped-def]
    """The rows of n wanted pixels, bool (h, w), of the Laplacian of rgb, float64 (h, w, 3) in 0-1: float64 (n, REACH).

    In every window of 3 x 3 pixels alpha is to be a linear function of the colour; epsilon holds down its slope. What
    lies beside the picture gets 0.
    """
    height, width = wanted.shape
    row_of = np.full((height, width), -1, np.int64)
    count = 0
    for row in range(height):
        for column in range(width):
            if wanted[row, column]:
                row_of[row, column] = count
                count += 1
    rows = np.zeros((count, REACH))
    centred, slopes = np.empty((AREA, 3)), np.empty((AREA, 3))
    for top in range(height - 2):
        for left in range(width - 2):
            if not wanted[top : top + 3, left : left + 3].any():
                continue
            for channel in range(3):
                window = rgb[top : top + 3, left : left + 3, channel]
                mean = window.sum() / AREA
                for one in range(AREA):
                    centred[one, channel] = window[one // 3, one % 3] - mean
            _divide_by_covariance(slopes, centred, epsilon)
            for one in range(AREA):
                wanted_row = row_of[top + one // 3, left + one % 3]
                if wanted_row < 0:
                    continue
                for other in range(AREA):
                    down, along = other // 3 - one // 3, other % 3 - one % 3
                    alike = 1.0
                    for channel in range(3):
                        alike += slopes[one, channel] * centred[other, channel]
                    rows[wanted_row, OWN + 5 * down + along] += (one == other) - alike / AREA
    return rows


@compiled
def _divide_by_covariance(quotients, centred, epsilon):  # type: ignore[no-untyped-def]
    """Colours less their mean, (AREA, 3), times the inverse of their covariance, whose diagonal epsilon raises: by its
    factors L, D and L transposed, which do not lose the digits of nearly even colours as determinants do."""
    rr = gg = bb = epsilon
    rg = rb = gb = 0.0
    for red, green, blue in centred:
        rr, gg, bb = rr + red * red, gg + green * green, bb + blue * blue
        rg, rb, gb = rg + red * green, rb + red * blue, gb + green * blue
    green_by_red, blue_by_red = rg / rr, rb / rr
    gg, gb = gg - green_by_red * rg, gb - blue_by_red * rg
    blue_by_green = gb / gg
    bb -= blue_by_red * rb + blue_by_green * gb
    for one, (red, green, blue) in enumerate(centred):
        green -= green_by_red * red
        blue -= blue_by_red * red + blue_by_green * green
        blue /= bb
        green = green / gg - blue_by_green * blue
        red = red / rr - green_by_red * green - blue_by_red * blue
        quotients[one, 0], quotients[one, 1], quotients[one, 2] = AREA * red, AREA * green, AREA * blue


@compiled
def neighbours(wanted):  # type: ignore[no-untyped-def]
    """The pixels that the rows of `laplacian_rows` are about, as places in the flat picture: int64 (n, REACH). Beside
    the picture, where rows hold 0: any."""
    height, width = wanted.shape
    places = np.zeros((wanted.sum(), REACH), np.int64)
    number = 0
    for row in range(height):
        for column in range(width):
            if not wanted[row, column]:
                continue
            for one in range(REACH):
                y, x = row + one // 5 - 2, column + one % 5 - 2
                if 0 <= y < height and 0 <= x < width:
                    places[number, one] = y * width + x
            number += 1
    return places


@compiled
def times(rows, places, values):  # type: ignore[no-untyped-def]
    """Each row, (n, REACH), times the values (m,) at its places (n, REACH): float64 (n,)."""
    result = np.zeros(len(rows))
    for row in range(len(rows)):
        for one in range(REACH):
            result[row] += rows[row, one] * values[places[row, one]]
    return result

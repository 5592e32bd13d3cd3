"""Pieces of a layout moved by a pixel or two, so that what they carry on over their edges fits what lies there.

A layout is found on a small picture. At twice the size each of its offsets is right to within a pixel only, and a row
of windows that is a pixel off shows.
"""

import numpy as np

from effect.compiled import compiled
from effect.inpaint.layout import MOST_STEP, UNKNOWN_STEP

SWEEPS = 3  # over all pieces, each of which moves by up to a pixel along both axes
BAND_PX = 2  # so far around a piece it is compared with what lies there
LEAST_GAIN = 0.98  # of the cost before: a piece that would gain less stays


@compiled
def align(picture, missing, usable, places):  # type: ignore[no-untyped-def]
    """The places, int32 (H, W, 2), with each piece moved to where it fits better.

    A piece is a connected part of the hole whose pixels come from one offset. picture: uint8 (H, W, 3); missing,
    usable: bool (H, W), the hole and what may be copied.
    """
    width = missing.shape[1]
    places = places.copy()
    pieces, pixels, starts = _pieces_of(missing, places)
    bands, times, band_starts = _bands_of(pieces, pixels, starts)
    settled = np.zeros(len(starts) - 1, np.bool_)
    for _ in range(SWEEPS):
        for piece in range(len(settled)):
            if settled[piece]:  # nothing has changed around it since it was seen to fit
                continue
            own = pixels[starts[piece] : starts[piece + 1]]
            within = slice(band_starts[piece], band_starts[piece + 1])
            band = bands[within]
            row, column = own[0] // width, own[0] % width
            offset = places[row, column, 0] - row, places[row, column, 1] - column
            around = band, times[within], _colours_of(picture, places, pieces, band)
            lowest = LEAST_GAIN * _misfit(picture, usable, around, offset, np.inf)
            best_down, best_right = 0, 0
            for down in range(-1, 2):
                for right in range(-1, 2):
                    if not (down or right):
                        continue
                    cost = _misfit(picture, usable, around, (offset[0] + down, offset[1] + right), lowest)
                    if cost < lowest and _may_move(usable, places, own, down, right):
                        lowest, best_down, best_right = cost, down, right
            settled[piece] = not (best_down or best_right)
            if not settled[piece]:
                for pixel in own:
                    place = places[pixel // width, pixel % width]
                    place[0] += best_down
                    place[1] += best_right
                for row, column in band:
                    beside = pieces[row, column]
                    if beside >= 0:
                        settled[beside] = False
    return places


@compiled
def _pieces_of(missing, places):  # type: ignore[no-untyped-def]
    """The number of each pixel's piece, int32 (H, W), -1 for known ones; all missing pixels, piece by piece, as
    row * W + column, and where each piece begins in them."""
    height, width = missing.shape
    pieces = np.full((height, width), -1, np.int32)
    pixels = np.empty(missing.sum(), np.int64)
    starts = [0]
    filled = 0
    for row in range(height):
        for column in range(width):
            if not missing[row, column] or pieces[row, column] >= 0:
                continue
            number = len(starts) - 1
            pieces[row, column] = number
            pixels[filled] = row * width + column
            reached = filled
            filled += 1
            while reached < filled:
                y, x = pixels[reached] // width, pixels[reached] % width
                reached += 1
                for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                    v, u = y + dy, x + dx
                    if not (0 <= v < height and 0 <= u < width) or not missing[v, u] or pieces[v, u] >= 0:
                        continue
                    if (
                        places[v, u, 0] - v == places[y, x, 0] - y
                        and places[v, u, 1] - u == places[y, x, 1] - x
                    ):
                        pieces[v, u] = number
                        pixels[filled] = v * width + u
                        filled += 1
            starts.append(filled)
    return pieces, pixels, np.array(starts)


@compiled
def _may_move(usable, places, own, down, right):  # type: ignore[no-untyped-def]
    """Whether every one of its pixels would still come from a usable place."""
    height, width = usable.shape
    for pixel in own:
        row, column = places[pixel // width, pixel % width]
        row, column = row + down, column + right
        if not (0 <= row < height and 0 <= column < width) or not usable[row, column]:
            return False
    return True


@compiled
def _bands_of(pieces, pixels, starts):  # type: ignore[no-untyped-def]
    """The pixels around each piece, piece by piece, int32 (n, 2); how many pixels of the piece's edge each of them is
    near, int32 (n,); and where each piece begins in them."""
    height, width = pieces.shape
    bands, times = [np.int32(0) for _ in range(0)], [np.int32(0) for _ in range(0)]  # empty, of a type
    band_starts = np.zeros_like(starts)
    counts = np.zeros(pieces.shape, np.int32)
    for piece in range(len(starts) - 1):
        for pixel in pixels[starts[piece] : starts[piece + 1]]:
            row, column = pixel // width, pixel % width
            if not _is_edge(pieces, row, column):
                continue
            for y in range(max(row - BAND_PX, 0), min(row + BAND_PX + 1, height)):
                for x in range(max(column - BAND_PX, 0), min(column + BAND_PX + 1, width)):
                    if pieces[y, x] != piece:
                        if not counts[y, x]:
                            bands.append(np.int32(y))
                            bands.append(np.int32(x))
                        counts[y, x] += 1
        for number in range(band_starts[piece], len(bands) // 2):
            place = bands[2 * number], bands[2 * number + 1]
            times.append(counts[place])
            counts[place] = 0
        band_starts[piece + 1] = len(bands) // 2
    return np.array(bands).reshape(-1, 2), np.array(times), band_starts


@compiled
def _is_edge(pieces, row, column):  # type: ignore[no-untyped-def]
    """Whether a pixel lies beside another piece or a known pixel."""
    height, width = pieces.shape
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        y, x = row + dy, column + dx
        if 0 <= y < height and 0 <= x < width and pieces[y, x] != pieces[row, column]:
            return True
    return False


@compiled
def _colours_of(picture, places, pieces, band):  # type: ignore[no-untyped-def]
    """What lies in the pixels of a band now: int32 (n, 3)."""
    colours = np.empty((len(band), 3), np.int32)
    for number, (y, x) in enumerate(band):
        if pieces[y, x] >= 0:
            y, x = places[y, x, 0], places[y, x, 1]
        for channel in range(3):
            colours[number, channel] = picture[y, x, channel]
    return colours


@compiled
def _misfit(picture, usable, around, offset, limit):  # type: ignore[no-untyped-def]
    """How much a piece with this offset, if it went on around itself, would differ from what lies there.

    around: pixels, how often each counts, their colours. Gives up once the difference reaches the limit.
    """
    height, width = usable.shape
    band, times, colours = around
    total = 0.0
    for number in range(len(band)):
        if total >= limit:
            break
        y, x = band[number, 0] + offset[0], band[number, 1] + offset[1]
        step = UNKNOWN_STEP
        if 0 <= y < height and 0 <= x < width and usable[y, x]:
            step = 0
            for channel in range(3):
                step += (np.int32(picture[y, x, channel]) - colours[number, channel]) ** 2
            step = min(step, MOST_STEP)
        total += times[number] * step
    return total

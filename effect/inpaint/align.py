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
    edges, edge_starts = _edges_of(pieces, pixels, starts)
    for _ in range(SWEEPS):
        moved = False
        for piece in range(len(starts) - 1):
            own = pixels[starts[piece] : starts[piece + 1]]
            edge = edges[edge_starts[piece] : edge_starts[piece + 1]]
            stay = _misfit(picture, usable, places, pieces, edge, piece, 0, 0)
            lowest, best_down, best_right = stay * LEAST_GAIN, 0, 0
            for down in range(-1, 2):
                for right in range(-1, 2):
                    if not (down or right):
                        continue
                    cost = _misfit(picture, usable, places, pieces, edge, piece, down, right)
                    if cost < lowest and _may_move(usable, places, own, down, right):
                        lowest, best_down, best_right = cost, down, right
            if best_down or best_right:
                moved = True
                for pixel in own:
                    place = places[pixel // width, pixel % width]
                    place[0] += best_down
                    place[1] += best_right
        if not moved:
            break
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
def _edges_of(pieces, pixels, starts):  # type: ignore[no-untyped-def]
    """Those of the pixels, piece by piece, that lie beside another piece or a known pixel, and where each piece begins
    in them."""
    height, width = pieces.shape
    edges, edge_starts, filled = np.empty_like(pixels), np.zeros_like(starts), 0
    for piece in range(len(starts) - 1):
        for pixel in pixels[starts[piece] : starts[piece + 1]]:
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                y, x = pixel // width + dy, pixel % width + dx
                if 0 <= y < height and 0 <= x < width and pieces[y, x] != piece:
                    edges[filled] = pixel
                    filled += 1
                    break
        edge_starts[piece + 1] = filled
    return edges, edge_starts


@compiled
def _misfit(picture, usable, places, pieces, edge, piece, down, right):  # type: ignore[no-untyped-def]
    """How much the piece, moved so, differs from what lies around it, if it went on there."""
    height, width = pieces.shape
    total = 0.0
    for pixel in edge:
        row, column = pixel // width, pixel % width
        from_row, from_column = places[row, column, 0] + down, places[row, column, 1] + right
        for dy in range(-BAND_PX, BAND_PX + 1):
            for dx in range(-BAND_PX, BAND_PX + 1):
                y, x = row + dy, column + dx
                if not (0 <= y < height and 0 <= x < width) or pieces[y, x] == piece:
                    continue
                v, u = from_row + dy, from_column + dx
                if not (0 <= v < height and 0 <= u < width) or not usable[v, u]:
                    total += UNKNOWN_STEP
                    continue
                at_row, at_column = (places[y, x, 0], places[y, x, 1]) if pieces[y, x] >= 0 else (y, x)
                step = 0.0
                for channel in range(3):
                    difference = float(picture[v, u, channel]) - float(picture[at_row, at_column, channel])
                    step += difference * difference
                total += min(step, MOST_STEP)
    return total

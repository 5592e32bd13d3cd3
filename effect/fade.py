"""Pixels of the dissolve: how much of the person is left, what that looks like, the shade of what flies above.

Compiled by numba, many pixels at once: see `effect.pixels`. For that, arrays must be C-contiguous; pictures come as
(h, 3 w), as numba would not know that the last axis of (h, w, 3) is 3 long.
"""

import numpy as np
from numba import prange

from effect.pixels import F32, HALF, ONE, U64, ZERO, by_rows, byte, compiled

EMBER_RGB = 255, 176, 84  # colour of a glowing edge
EMBER_RED, EMBER_GREEN, EMBER_BLUE = (F32(level) for level in EMBER_RGB)
KINDLE_SECONDS, EMBER_SECONDS = 0.08, 0.55
KINDLED, COOLED = F32(1 / KINDLE_SECONDS), F32(1 / EMBER_SECONDS)


@by_rows
def remaining(seconds, middle_seconds, softness_seconds):  # type: ignore[no-untyped-def]
    """Share (0-1) still there at a time: 1 before the front, 0 behind it, a smooth step across it; float32 (h, w)."""
    height, width = middle_seconds.shape
    left, now, softness = np.empty((height, width), np.float32), F32(seconds), F32(softness_seconds)
    for line in prange(height):
        row = U64(line)
        for column in range(U64(width)):
            left[row, column] = _left(middle_seconds[row, column], now, softness)
    return left


@by_rows
def fade(  # type: ignore[no-untyped-def]
    photo, plate, foreground, alpha, person, near, rim_seconds, edge_seconds, seconds, rim_softness, glow
):
    """What is left of the person, and of the old background around them, over the plate: uint8 (h, 3 w).

    photo, plate, foreground: uint8 (h, 3 w); the others float32 (h, w): the person's share of the photo, what of it
    is left, and left around each pixel, when the rim leaves, and when the edge is bared; glow: strength of the ember.
    """
    target = np.empty_like(photo)
    now, softness, glow = F32(seconds), F32(rim_softness), F32(glow)
    for line in prange(len(target)):
        row = U64(line)
        for column in range(U64(alpha.shape[1])):
            left, cover = person[row, column], alpha[row, column]
            rim = _left(rim_seconds[row, column], now, softness)
            since = now - edge_seconds[row, column]
            hot = ONE - min(max(since * COOLED, ZERO), ONE)
            ember = glow * min(max(since * KINDLED, ZERO), ONE) * hot * hot
            ember *= cover * min(F32(2) * (ONE - near[row, column]), ONE)
            at = U64(3) * column
            for channel, warm in enumerate((EMBER_RED, EMBER_GREEN, EMBER_BLUE)):
                place = at + U64(channel)
                behind, own = F32(plate[row, place]), F32(foreground[row, place])
                over = (own - behind) * cover
                old = F32(photo[row, place]) - behind - over
                level = behind + left * (over + ember * (warm - own)) + rim * old
                target[row, place] = byte(level + HALF)
    return target


@by_rows
def darken(frame, alpha, arrival_seconds, seconds, softness_seconds, down, across):  # type: ignore[no-untyped-def]
    """uint8 (h, 3 w) with what is left of the person in the shade, which is down (h,) times across (w,), 0-1."""
    shaded = np.empty_like(frame)
    now, softness = F32(seconds), F32(softness_seconds)
    for line in prange(len(frame)):
        row = U64(line)
        strength = F32(down[row])
        for column in range(U64(alpha.shape[1])):
            person = alpha[row, column] * _left(arrival_seconds[row, column], now, softness)
            kept = ONE - strength * across[column] * person
            at = U64(3) * column
            for channel in range(3):
                shaded[row, at + U64(channel)] = byte(F32(frame[row, at + U64(channel)]) * kept + HALF)
    return shaded


@compiled
def _left(middle_seconds, seconds, softness_seconds):  # type: ignore[no-untyped-def]
    step = min(max((middle_seconds - seconds) / softness_seconds + HALF, ZERO), ONE)
    return step * step * (F32(3) - F32(2) * step)

"""Pixels of the dissolve: how much of the person is left, what that looks like, the shade of what flies above.

Many pixels at once: see `effect.compiled`. For that, arrays must be C-contiguous, so whole ones are handed over, with
the place of the part that is meant; pictures come as (H, 3 W), as numba would not know that the last axis of (H, W, 3)
is 3 long.
"""

import numpy as np

from effect.compiled import compiled, unaliased
from effect.pixels import F32, HALF, ONE, U64, ZERO, byte

EMBER_RGB = 255, 176, 84  # colour of a glowing edge
EMBER_RED, EMBER_GREEN, EMBER_BLUE = (F32(level) for level in EMBER_RGB)
KINDLE_SECONDS, EMBER_SECONDS = 0.08, 0.55
KINDLED, COOLED = F32(1 / KINDLE_SECONDS), F32(1 / EMBER_SECONDS)


@unaliased
def remaining(seconds, middle_seconds, softness_seconds, top, left, height, width):  # type: ignore[no-untyped-def]
    """Share (0-1) still there at a time: 1 before the front, 0 behind it, a smooth step across it.

    middle_seconds: float32 (H, W). Returns float32 (height, width) for its part that begins at row `top`, column
    `left`.
    """
    share, now, softness = np.empty((height, width), np.float32), F32(seconds), F32(softness_seconds)
    for line in range(height):
        row, from_row, from_column = U64(line), U64(top + line), U64(left)
        for column in range(U64(width)):
            share[row, column] = _left(middle_seconds[from_row, from_column + column], now, softness)
    return share


@unaliased
def fade(  # type: ignore[no-untyped-def]
    frame,
    photo,
    plate,
    foreground,
    alpha,
    corner,
    tile,
    person,
    near,
    rim_seconds,
    edge_seconds,
    seconds,
    rim_softness,
    glow,
):
    """Draw what is left of the person, and of the old background around them, over the plate, into a part of the frame.

    frame, photo, plate, foreground: uint8 (H, 3 W), the first one written; alpha: float32 (H, W), the person's share;
    corner: where the box of what changes lies, (top, left); tile: where the part lies in the box, (top, left);
    person, near: float32 (h, w), what of the person is left in the part, and left around each pixel;
    rim_seconds, edge_seconds: float32, of the whole box, when the rim leaves, and when the edge is bared;
    glow: strength of the ember.
    """
    now, softness, glow = F32(seconds), F32(rim_softness), F32(glow)
    tile_top, tile_left, top, left = tile[0], tile[1], corner[0] + tile[0], corner[1] + tile[1]
    for line in range(len(person)):
        row, in_box, in_frame = U64(line), U64(tile_top + line), U64(top + line)
        box_column, frame_column = U64(tile_left), U64(left)
        for column in range(U64(person.shape[1])):
            share, cover = person[row, column], alpha[in_frame, frame_column + column]
            rim = _left(rim_seconds[in_box, box_column + column], now, softness)
            since = now - edge_seconds[in_box, box_column + column]
            hot = ONE - min(max(since * COOLED, ZERO), ONE)
            ember = glow * min(max(since * KINDLED, ZERO), ONE) * hot * hot
            ember *= cover * min(F32(2) * (ONE - near[row, column]), ONE)
            at = U64(3) * (frame_column + column)
            for channel, warm in enumerate((EMBER_RED, EMBER_GREEN, EMBER_BLUE)):
                place = at + U64(channel)
                behind, own = F32(plate[in_frame, place]), F32(foreground[in_frame, place])
                over = (own - behind) * cover
                old = F32(photo[in_frame, place]) - behind - over
                level = behind + share * (over + ember * (warm - own)) + rim * old
                frame[in_frame, place] = byte(level + HALF)


@compiled
def shade(height, width, x, y, reach, strength):  # type: ignore[no-untyped-def]
    """How much light soft round shadows take, one after the other: float32 (height, width), 0-1.

    x, y, reach, strength: float64 (n,), each shadow's middle and reach in pixels, and what it takes in its middle.
    """
    kept, across = np.ones((height, width), np.float32), np.empty(width, np.float32)
    for number in range(len(x)):
        middle_x, middle_y, far, most = x[number], y[number], reach[number], F32(strength[number])
        first, last = max(int(middle_x - far), 0), min(int(middle_x + far) + 1, width)
        for column in range(first, last):
            across[column] = bump(F32((column - middle_x) / far))
        for row in range(max(int(middle_y - far), 0), min(int(middle_y + far) + 1, height)):
            down = most * bump(F32((row - middle_y) / far))
            for column in range(first, last):
                kept[row, column] *= ONE - down * across[column]
    return ONE - kept


@unaliased
def darken(frame, alpha, corner, tile, shadow, arrival_seconds, seconds, softness_seconds):  # type: ignore[no-untyped-def]
    """Darken what is left of the person in a part of the frame, in place.

    shadow: float32 (h, w), what it takes of the light in that part, 0-1; arrival_seconds: of the whole box; for the
    others see `fade`.
    """
    now, softness = F32(seconds), F32(softness_seconds)
    tile_top, tile_left, top, left = tile[0], tile[1], corner[0] + tile[0], corner[1] + tile[1]
    for line in range(len(shadow)):
        row, in_box, in_frame = U64(line), U64(tile_top + line), U64(top + line)
        box_column, frame_column = U64(tile_left), U64(left)
        for column in range(U64(shadow.shape[1])):
            share = _left(arrival_seconds[in_box, box_column + column], now, softness)
            kept = ONE - shadow[row, column] * alpha[in_frame, frame_column + column] * share
            at = U64(3) * (frame_column + column)
            for channel in range(3):
                place = at + U64(channel)
                frame[in_frame, place] = byte(F32(frame[in_frame, place]) * kept + HALF)


@compiled
def bump(away):  # type: ignore[no-untyped-def]
    """A soft hill, float32 as `away` is, one number or many: 1 at 0, 0 from 1 on; equal on every machine."""
    inside = np.maximum(ONE - away * away, ZERO)
    return inside * inside


@compiled
def _left(middle_seconds, seconds, softness_seconds):  # type: ignore[no-untyped-def]
    step = min(max((middle_seconds - seconds) / softness_seconds + HALF, ZERO), ONE)
    return step * step * (F32(3) - F32(2) * step)

"""What a place looks like at a glance: its colour, and how strong its texture is, which tells grass from a wall."""

import numpy as np
from numpy.typing import NDArray

from effect.inpaint.average import known_average

LOOKS = 5  # numbers that say what a place looks like
COLOUR_UNIT = 63.75  # levels of 255 that weigh as much as one in the logarithm of a strength
SURE, UNSURE = -1.0, -0.5  # mean logarithms of the variance of expected texture: see `doubt`


def looks(picture: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """log(1 + strength), down and across, and the opponent colours of the surroundings: float32 (H, W, 5).

    The colours are lightness, red against blue, and green against the mean of both, from 127.5, in COLOUR_UNIT.
    picture: uint8 (H, W, 3); known: bool (H, W), only such pixels count.
    """
    red, green, blue = np.moveaxis((known_average(picture, known) - np.float32(127.5)) / COLOUR_UNIT, 2, 0)
    colours = np.stack([(red + green + blue) / 3, red - blue, green - (red + blue) / 2], axis=2)
    return np.concatenate([np.log1p(texture_strength(picture, known)), colours], axis=2, dtype=np.float32)


def texture_strength(picture: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Root mean squared steps from each pixel to the one below it and to the one on its right, over the surroundings.

    picture: uint8 (H, W, 3); known: bool (H, W), only steps between such pixels count. Returns float32 (H, W, 2) in
    levels of 255, squares summed over the channels.
    """
    levels = picture.astype(np.float32)
    squares = np.zeros((*known.shape, 2), np.float32)
    squares[:-1, :, 0] = (np.diff(levels, axis=0) ** 2).sum(axis=2)
    squares[:, :-1, 1] = (np.diff(levels, axis=1) ** 2).sum(axis=2)
    both = np.zeros((*known.shape, 2), bool)
    both[:-1, :, 0] = known[:-1] & known[1:]
    both[:, :-1, 1] = known[:, :-1] & known[:, 1:]
    return np.sqrt(known_average(squares, both))


def doubt(expected: NDArray[np.float32], missing: NDArray[np.bool_]) -> float:
    """How unsure a network is of the texture in the hole, 0 to 1: a blurred room behind people leaves it at a loss.

    expected: float32 (H, W, 10 or more), see `effect.inpaint.network.Painted`; missing: bool (H, W).
    """
    log_variance = expected[missing][:, LOOKS : LOOKS + 2].mean()
    return float(np.clip((log_variance - SURE) / (UNSURE - SURE), 0, 1))

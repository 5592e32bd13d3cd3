"""How strong the texture is in each place, down and across: what tells grass from a wall where colours do not."""

import numpy as np
from numpy.typing import NDArray

from effect.inpaint.offsets import known_average


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

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
    strengths = []
    for axis in (0, 1):
        ahead = [slice(None), slice(None)]
        here = [slice(None), slice(None)]
        ahead[axis], here[axis] = slice(1, None), slice(None, -1)
        squares = np.zeros(known.shape, np.float32)
        both = np.zeros_like(known)
        squares[tuple(here)] = (np.diff(levels, axis=axis) ** 2).sum(axis=2)
        both[tuple(here)] = known[tuple(here)] & known[tuple(ahead)]
        strengths.append(np.sqrt(known_average(squares, both)))
    return np.stack(strengths, axis=-1)

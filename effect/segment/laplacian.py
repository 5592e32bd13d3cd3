"""The matting Laplacian: Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting" (2008), section 3.

pymatting has it, too, for whole pictures and in code whose loading takes longer than all of this.
"""

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

SIDE, AREA = 3, 9  # of a window, in pixels
REACH_SIDE = 5  # of the square of pixels with which one shares a window


def laplacian_rows(
    rgb: NDArray[np.float64], wanted: NDArray[np.bool_], epsilon: float
) -> scipy.sparse.csr_matrix:
    """The rows of wanted pixels, bool (h, w), of the Laplacian of rgb, (h, w, 3) in 0-1: (wanted.sum(), h * w).

    In every window of 3 x 3 pixels alpha is to be a linear function of the colour; epsilon holds down its slope.
    """
    height, width = wanted.shape
    pixels = _windows(wanted)
    colours = np.ascontiguousarray(rgb.reshape(-1, 3).T)[:, pixels]  # (3, 9, k)
    colours -= colours.mean(axis=1, keepdims=True)
    covariance = np.einsum("iak,jak->kij", colours, colours) + epsilon * np.eye(3)
    slopes = np.einsum("kij,jak->iak", np.linalg.inv(covariance / AREA), colours)

    places = np.flatnonzero(wanted)
    row_of = np.full(height * width, len(places))  # what is not wanted shares one row more, which is dropped
    row_of[places] = np.arange(len(places))
    rows, sums = row_of[pixels], np.zeros((REACH_SIDE**2, len(places) + 1))
    for one, (down, along) in enumerate(np.ndindex(SIDE, SIDE)):
        for other, (other_down, other_along) in enumerate(np.ndindex(SIDE, SIDE)):
            neighbour = (other_down - down + 2) * REACH_SIDE + other_along - along + 2
            alike = (1 + np.einsum("ik,ik->k", slopes[:, one], colours[:, other])) / AREA
            sums[neighbour, rows[one]] += (one == other) - alike
    down, along = np.divmod(np.arange(REACH_SIDE**2), REACH_SIDE)
    columns = places[:, None] + (down - 2) * width + along - 2
    np.clip(columns, 0, height * width - 1, out=columns)  # beside the picture nothing has been summed up
    starts = np.arange(len(places) + 1) * REACH_SIDE**2
    values = np.ascontiguousarray(sums[:, :-1].T)
    return scipy.sparse.csr_matrix((values.ravel(), columns.ravel(), starts), (len(places), height * width))


def _windows(wanted: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The pixels of each window in the picture that holds any that is wanted: places in the flat picture (9, k)."""
    width = wanted.shape[1]
    inside = np.lib.stride_tricks.sliding_window_view(wanted, (SIDE, SIDE)).any(axis=(2, 3))
    rows, columns = np.nonzero(inside)
    down, along = np.divmod(np.arange(AREA), SIDE)
    return rows * width + columns + (down * width + along)[:, None]

"""From a coarse probability of person to soft edges at the photo's resolution, and the colours under them.

Closed-form matting: Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting" (2008),
section 3, solved in a narrow band around the outline. Foreground colours: Germer et al., "Fast Multi-Level Foreground
Estimation" (2020), by pymatting, which this module alone knows.
"""

import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from types import ModuleType

import cv2
import numpy as np

from effect.errors import UserError

BAND_SHARE = 0.008  # of the person's diagonal: half the width of the band in which alpha is solved
LOOSE_REACH = 2.5  # half widths of the band: how far out loose hair is looked for
LOOSE_PROBABILITY = 0.04
SOLVED_PIXELS = (
    400_000  # the crop is scaled down to this for the solver; its edges come back from the full photo
)
REGULARIZATION = 1e-5  # of the colour lines: lower follows noise, higher blurs strands
PRIOR = 0.01  # pull towards the probability, which decides where colours cannot
SOLVED_TO = 1e-3  # relative residual at which another step changes no visible alpha
MAXIMUM_STEPS = 200
SMALLEST_SIDE_PX = 3  # a window of the matting Laplacian; smaller pictures keep hard edges
FOREGROUND_PIXELS = 350_000  # colours under soft edges change slowly, so they are found on this many pixels
OPAQUE = 0.98  # from here on the photo's own colour is the person's

_lock = threading.Lock()  # numba compiles, and its simplest threading layer dies of being entered twice


def refine(rgb: np.ndarray, probability: np.ndarray, edges: str = "matting") -> np.ndarray:
    """Alpha float32 (H, W) in 0-1 with hair-soft edges, 1 inside the person and 0 away from them.

    rgb: uint8 (H, W, 3). probability: float32 (H, W), people cleaned.
    edges: "matting" or "fast" (guided filter).
    """
    if edges not in ("matting", "fast"):
        raise UserError(f"unknown edges '{edges}': choose matting or fast")
    inside = probability > 0.5
    if not inside.any() or inside.all() or min(inside.shape) < SMALLEST_SIDE_PX:
        return inside.astype(np.float32)
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    band_px = max(2, round(BAND_SHARE * float(np.hypot(rows[-1] - rows[0], columns[-1] - columns[0]))))
    margin = 3 * band_px + 4
    crop = (
        slice(max(0, rows[0] - margin), rows[-1] + margin + 1),
        slice(max(0, columns[0] - margin), columns[-1] + margin + 1),
    )
    alpha = np.zeros(probability.shape, np.float32)
    band = _band(probability[crop], band_px)
    soft = (_closed_form if edges == "matting" else _guided)(rgb[crop], probability[crop], band, band_px)
    alpha[crop] = np.where(band, soft, inside[crop])
    return alpha


def _band(probability: np.ndarray, half_width_px: int) -> np.ndarray:
    """Pixels whose alpha is open, bool (H, W): near the outline on either side, further out in loose hair.

    Inwards the band stays narrow: an opened sleeve in front of its own colour would turn half transparent.
    """
    inside = probability > 0.5
    within = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    near = (within + outside) <= half_width_px
    loose = (outside > 0) & (outside <= LOOSE_REACH * half_width_px) & (probability > LOOSE_PROBABILITY)
    return near | loose


def _guided(rgb: np.ndarray, probability: np.ndarray, band: np.ndarray, band_px: int) -> np.ndarray:
    guide = rgb.astype(np.float32) / 255
    soft = cv2.ximgproc.guidedFilter(guide, (probability > 0.5).astype(np.float32), band_px, 1e-4)
    return np.clip(soft * 1.1 - 0.05, 0.0, 1.0)  # the filter never quite reaches 0 and 1


def _closed_form(rgb: np.ndarray, probability: np.ndarray, band: np.ndarray, band_px: int) -> np.ndarray:
    height, width = band.shape
    scale = min(1.0, float(np.sqrt(SOLVED_PIXELS / band.size)))
    size = tuple(max(SMALLEST_SIDE_PX, round(side * scale)) for side in (width, height))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    prior = cv2.resize(probability, size, interpolation=cv2.INTER_AREA)
    unknown = cv2.resize(band.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 0
    solved = _solve(small, prior, unknown)
    if scale == 1.0:
        return solved
    # the photo's own edges sharpen the alpha that was solved on fewer pixels
    large = cv2.resize(solved, (width, height), interpolation=cv2.INTER_CUBIC)
    guide = rgb.astype(np.float32) / 255
    return np.clip(cv2.ximgproc.guidedFilter(guide, large, max(2, round(1.5 / scale)), 1e-5), 0.0, 1.0)


def _solve(rgb: np.ndarray, prior: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Alpha float32 (h, w): the Laplacian minimised over the unknown pixels, the rest fixed by the prior."""
    try:  # not at the top: whoever takes fast edges needs no compiled code
        from effect.segment.laplacian import OWN, laplacian_rows, neighbours, times
    except ImportError as error:
        raise UserError(
            f"matting cannot run ({error}): take --edges fast; `pip install -r requirements.txt` brings what is missing"
        ) from error

    alpha, free = (prior > 0.5).astype(np.float64).ravel(), np.flatnonzero(unknown)
    rows, places = laplacian_rows(rgb.astype(np.float64) / 255, unknown, REGULARIZATION), neighbours(unknown)
    alpha[free] = 0
    right = PRIOR * prior.ravel()[free] - times(rows, places, alpha)
    rows[:, OWN] += PRIOR
    number_of = np.full(alpha.size, len(free))  # what is fixed has no say any more
    number_of[free] = np.arange(len(free))
    among_free = number_of[places]
    matrix = lambda values: times(rows, among_free, np.append(values, 0.0))
    first_guess = prior.ravel()[free].astype(np.float64)
    alpha[free] = np.clip(_conjugate_gradient(matrix, rows[:, OWN], right, first_guess), 0.0, 1.0)
    return alpha.reshape(prior.shape).astype(np.float32)


def _conjugate_gradient(
    matrix: Callable[[np.ndarray], np.ndarray], diagonal: np.ndarray, right: np.ndarray, solution: np.ndarray
) -> np.ndarray:
    """Solve `matrix(x) = right` from a first guess, preconditioned by the diagonal.

    Sums of products stand in for np.dot: BLAS splits such short vectors over threads, then waits for them.
    """
    residual = right - matrix(solution)
    step = descent = residual / diagonal
    energy = float((residual * descent).sum())
    enough = SOLVED_TO**2 * max(float((right * right / diagonal).sum()), 1e-12)
    for _ in range(MAXIMUM_STEPS):
        if energy <= enough:
            break
        change = matrix(step)
        length = energy / float((step * change).sum())
        solution = solution + length * step
        residual = residual - length * change
        descent = residual / diagonal
        energy, before = float((residual * descent).sum()), energy
        step = descent + energy / before * step
    return solution


def estimate_foreground(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The person's own colours, uint8 (H, W, 3): under soft edges the old background is taken out of them.

    rgb: uint8 (H, W, 3); alpha: float32 (H, W). Away from soft edges the photo is returned as it is.
    """
    soft = (alpha > 0) & (alpha < OPAQUE)
    if not soft.any():
        return rgb.copy()
    rows, columns = np.nonzero(soft.any(axis=1))[0], np.nonzero(soft.any(axis=0))[0]
    crop = slice(max(0, rows[0] - 8), rows[-1] + 9), slice(max(0, columns[0] - 8), columns[-1] + 9)
    height, width = alpha[crop].shape
    scale = min(1.0, float(np.sqrt(FOREGROUND_PIXELS / (height * width))))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    with _lock:
        colours = _pymatting("foreground.estimate_foreground_ml").estimate_foreground_ml(
            cv2.resize(rgb[crop], size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255,
            cv2.resize(alpha[crop], size, interpolation=cv2.INTER_AREA),
        )
    colours = cv2.resize(
        np.rint(colours * 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR
    )
    result = rgb.copy()
    result[crop] = np.where(soft[crop][..., None], colours, rgb[crop])
    return result


@functools.cache
def _pymatting(module: str) -> ModuleType:
    """Import one module of pymatting without its siblings, which compile for half a minute at first import.

    Empty packages stand in for pymatting's own while the module loads, since those import everything.
    Nothing stays behind in sys.modules, so that a later `import pymatting` elsewhere is whole.
    """
    name = f"pymatting.{module}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.find_spec("pymatting")
    if specification is None or not specification.submodule_search_locations:
        raise UserError("pymatting is not installed: run `pip install -r requirements.txt`")
    root = specification.submodule_search_locations[0]
    stand_ins = {}
    for package in ("pymatting", "pymatting." + module.split(".")[0]):
        if package not in sys.modules:
            stand_ins[package] = ModuleType(package)
            stand_ins[package].__path__ = [root + package.removeprefix("pymatting").replace(".", "/")]
    sys.modules.update(stand_ins)
    try:
        return _import_compiled(name)
    finally:
        for leftover in (*stand_ins, name):
            sys.modules.pop(leftover, None)


def _import_compiled(name: str) -> ModuleType:
    from effect.compiled import keep_code_elsewhere  # first: it tells numba what to compile for

    try:
        return importlib.import_module(name)
    except RuntimeError:  # numba finds no place for its cache
        keep_code_elsewhere()
        return importlib.import_module(name)

"""Finding the person: a coarse probability from a network, then a matte with soft edges at full size."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from effect.ahead import begun
from effect.errors import UserError

MOST_TAKEN = 0.9  # of the photo, by a masked part and the people beside it


@dataclass(frozen=True)
class Matte:
    """Where the person is.

    alpha: float32 (H, W) in 0-1; hole: bool (H, W), what to restore behind them; others: bool (H, W), people who stay,
    which must not be copied into the hole.
    """

    alpha: np.ndarray
    hole: np.ndarray
    others: np.ndarray


class Segmenter(Protocol):
    """Gives the coarse probability of person, float32 (H, W) in 0-1, for a photo uint8 (H, W, 3).

    `at` are pixels (x, y) on the wanted people; a network that takes prompts uses them, another ignores them.
    """

    def probability(self, rgb: np.ndarray, at: Sequence[tuple[int, int]] = ()) -> np.ndarray: ...


def open_segmenter(name: str, sam_checkpoint: Path | None = None) -> AbstractContextManager[Segmenter]:
    """Load a segmenter, "mediapipe" or "sam", to be used in a `with` block and for any number of photos."""
    if name == "mediapipe":
        from effect.segment.selfie import MediapipeSegmenter

        return MediapipeSegmenter()
    if name == "sam":
        from effect.segment.sam import SamSegmenter

        return SamSegmenter(sam_checkpoint)
    raise UserError(f"unknown segmenter '{name}': choose mediapipe or sam")


def matte_of(
    rgb: np.ndarray, segmenter: Segmenter, at: Sequence[tuple[int, int]] = (), edges: str = "matting"
) -> Matte:
    """The matte of everybody in a photo uint8 (H, W, 3), or of the people at the pixels `at` (x, y).

    edges: "matting" (closed-form) or "fast" (guided filter).
    Raises UserError when no person is found, or none at a point.
    """
    from effect.segment.held import with_held_things
    from effect.segment.matting import refine
    from effect.segment.people import cleaned, picked

    everybody = segmenter.probability(rgb, at)
    people = cleaned(everybody)
    with_things = begun(partial(with_held_things, rgb, people))

    def alpha_of(probability: np.ndarray) -> np.ndarray:
        return refine(rgb, picked(rgb, probability, at) if at else probability, edges)

    alpha = alpha_of(people)  # most people hold nothing
    if with_things.result() is not people:
        alpha = alpha_of(with_things.result())
    return _matte(rgb, alpha, everybody)


def matte_from_mask(
    rgb: np.ndarray, mask: np.ndarray, everybody: np.ndarray | None = None, edges: str = "matting"
) -> Matte:
    """The matte of a ready mask bool (H, W), its edges softened along those of the photo uint8 (H, W, 3).

    everybody: a segmenter's answer, for the people beside it. Raises UserError for a mask of another size or an empty
    one.
    """
    from effect.segment.matting import refine

    if mask.shape != rgb.shape[:2]:
        raise UserError(
            f"the mask is {mask.shape[1]}x{mask.shape[0]} pixels and the photo "
            f"{rgb.shape[1]}x{rgb.shape[0]}: give a mask of the photo's size"
        )
    if not mask.any():
        raise UserError("the mask is empty: paint the person white")
    alpha = refine(rgb, mask.astype(np.float32), edges)
    matte = _matte(rgb, alpha, alpha if everybody is None else everybody)
    if (matte.hole | matte.others).mean() < MOST_TAKEN:
        return matte
    # Who fills the photo, and carries what is masked, is all that there is to copy from.
    return _matte(rgb, alpha, alpha)


def _matte(rgb: np.ndarray, alpha: np.ndarray, everybody: np.ndarray) -> Matte:
    from effect.segment.hole import hole_behind

    return Matte(alpha, *hole_behind(rgb, alpha, everybody))

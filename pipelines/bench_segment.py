"""How well people are segmented: `python -m pipelines.bench_segment FOLDER`.

FOLDER holds pairs NAME_img.jpg and NAME_mask.png (white = person). Printed are, as means over the photos, the
intersection over union at alpha 0.5; the share of the person's pixels outside the mask grown by 1.5 % of the
height, and outside the hole that is restored; and the milliseconds that each step takes.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from effect.errors import UserError
from effect.photo import load_photo
from effect.segment import Segmenter, matte_of, open_segmenter
from effect.segment.hole import grown, growth_px
from effect.segment.matting import estimate_foreground


@dataclass(frozen=True)
class Score:
    """One photo: the overlap and the missed shares are 0-1, the times milliseconds."""

    overlap: float
    missed: float
    missed_by_hole: float
    probability_ms: float
    matte_ms: float
    foreground_ms: float


def score_photo(rgb: np.ndarray, truth: np.ndarray, segmenter: Segmenter) -> Score:
    """Segment one photo uint8 (H, W, 3) and compare it with its mask bool (H, W)."""
    started = time.perf_counter()
    segmenter.probability(rgb)
    answered = time.perf_counter()
    try:
        matte = matte_of(rgb, segmenter)
        alpha, hole = matte.alpha, matte.hole
    except UserError:  # nobody found: everything is missed
        alpha, hole = np.zeros(truth.shape, np.float32), np.zeros(truth.shape, bool)
    matted = time.perf_counter()
    estimate_foreground(rgb, alpha)
    done = time.perf_counter()
    mask = alpha > 0.5
    return Score(
        overlap(mask, truth),
        missed_share(grown(mask, growth_px(len(mask))), truth),
        missed_share(hole, truth),
        1000 * (answered - started),
        1000 * (matted - 2 * answered + started),
        1000 * (done - matted),
    )


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks bool (H, W); 1 when both are empty."""
    union = int((mask | truth).sum())
    return int((mask & truth).sum()) / union if union else 1.0


def missed_share(mask: np.ndarray, truth: np.ndarray) -> float:
    """The share of the person's pixels, bool (H, W), outside the mask."""
    return int((truth & ~mask).sum()) / max(1, int(truth.sum()))


def load_pair(photo: Path) -> tuple[np.ndarray, np.ndarray]:
    """The photo uint8 (H, W, 3) of NAME_img.jpg, and the mask bool (H, W) of NAME_mask.png beside it."""
    mask = cv2.imread(
        str(photo.with_name(photo.name.removesuffix("_img.jpg") + "_mask.png")), cv2.IMREAD_GRAYSCALE
    )
    if mask is None:
        raise UserError(f"{photo} has no readable mask beside it: name it NAME_mask.png")
    return load_photo(photo).rgb, mask >= 128


def main(arguments: list[str]) -> int:
    photos = sorted(Path(arguments[0]).glob("*_img.jpg")) if len(arguments) == 1 else []
    if not photos:
        print(
            "usage: python -m pipelines.bench_segment FOLDER, a folder with NAME_img.jpg and NAME_mask.png",
            file=sys.stderr,
        )
        return 2
    with open_segmenter("mediapipe") as segmenter:
        score_photo(
            *load_pair(photos[0]), segmenter
        )  # compile and load what only the first photo would pay for
        scores = [score_photo(*load_pair(photo), segmenter) for photo in photos]
    mean = {
        name: float(np.mean([getattr(score, name) for score in scores]))
        for name in Score.__dataclass_fields__
    }
    worst = min(range(len(photos)), key=lambda number: scores[number].overlap)
    print(
        f"photos                                        {len(photos)}\n"
        f"mean IoU at 0.5                               {mean['overlap']:.4f}\n"
        f"worst IoU                                     {scores[worst].overlap:.4f}  {photos[worst].name}\n"
        f"person outside the mask grown by 1.5 %        {100 * mean['missed']:.2f} %\n"
        f"person outside the hole                       {100 * mean['missed_by_hole']:.2f} %\n"
        f"probability, matte, foreground                {mean['probability_ms']:.0f} + {mean['matte_ms']:.0f}"
        f" + {mean['foreground_ms']:.0f} ms per photo"
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)

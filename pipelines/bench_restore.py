"""Measure restored backgrounds against true ones, beside what anybody can have without training.

    python -m pipelines.bench_restore FOLDER [VGG16.safetensors]

The folder holds NAME_image, NAME_mask (white = missing) and NAME_truth as pictures, and optionally NAME_attacked, the
mask with parts of its contour bitten away. Scored are the pixels of NAME_mask, all that the person hides. Prints a
table for each kind of mask and draws out/restored.png: image, each row's picture, truth.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from effect.errors import UserError
from effect.inpaint import open_inpainter
from effect.photo import load_photo, save_image
from pipelines.markdown import table
from pipelines.metrics import gradient_energy, perceptual_distance, psnr, seam, ssim
from pipelines.peers import Fill, all_peers
from pipelines.train.vgg import VGGFeatures, open_vgg

SHEET = Path("out/restored.png")
SHEET_CASES, SHEET_HEIGHT_PX = 12, 160
MASKS = {"mask": "clean masks", "attacked": "attacked masks"}
COLUMNS = {  # heading: digits
    "PSNR": 2,
    "SSIM": 3,
    "perceptual": 3,
    "sharpness": 2,  # gradient energy beside the truth's
    "in / around": 2,  # that of the hole beside that of its known surroundings
    "seam": 2,
    "CPU s": 2,
}
RATIOS = [list(COLUMNS).index(name) for name in ("sharpness", "in / around")]
AROUND_SHARE = 0.04  # of the picture's longer side: how wide the surroundings are


@dataclass(frozen=True)
class Case:
    """image, truth: uint8 (H, W, 3); hole, hidden: bool (H, W), what is restored and what is scored."""

    image: np.ndarray
    truth: np.ndarray
    hole: np.ndarray
    hidden: np.ndarray


def load_cases(folder: Path, mask: str) -> list[Case]:
    """The cases that have this kind of mask, in alphabetical order. Raises UserError for a missing picture."""
    cases = []
    for path in sorted(folder.glob(f"*_{mask}.*")):
        name = path.stem.removesuffix(f"_{mask}")
        pictures = {}
        for kind in ("image", "truth", "mask", mask):
            found = sorted(folder.glob(f"{name}_{kind}.*"))
            if not found:
                raise UserError(f"{folder} has no {name}_{kind} beside {path.name}")
            pictures[kind] = load_photo(found[0]).rgb
        hole, hidden = (pictures[kind][..., 0] >= 128 for kind in (mask, "mask"))
        cases.append(Case(pictures["image"], pictures["truth"], hole, hidden))
    return cases


def score(fill: Fill, cases: Sequence[Case], vgg: VGGFeatures | None) -> tuple[list[float], list[np.ndarray]]:
    """The means of COLUMNS over the cases, and the restored pictures."""
    rows, restored = [], []
    for case in cases:
        started = time.process_time()
        picture = fill(case.image, case.hole)
        seconds = time.process_time() - started
        distance = perceptual_distance(picture, case.truth, vgg, case.hidden) if vgg else float("nan")
        energy = gradient_energy(picture, case.hidden)
        sharpness = energy / gradient_energy(case.truth, case.hidden)
        in_to_around = energy / gradient_energy(case.truth, surroundings(case.hidden))
        quality = (psnr(picture, case.truth, case.hidden), ssim(picture, case.truth, case.hidden), distance)
        step = seam(picture, case.truth, case.hidden)
        rows.append([*quality, sharpness, in_to_around, step, seconds])
        restored.append(picture)
    means = np.mean(rows, axis=0)
    for column in RATIOS:
        means[column] = np.exp(np.log([row[column] for row in rows]).mean())  # of ratios, the geometric mean
    return means.tolist(), restored


def surroundings(region: np.ndarray) -> np.ndarray:
    """The pixels around a region, bool (H, W)."""
    width_px = AROUND_SHARE * max(region.shape)
    away_px = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (away_px > 0) & (away_px <= width_px)


def bench(folder: Path, vgg: VGGFeatures | None) -> str:
    """The tables in markdown. Raises UserError when the folder holds no case."""
    inpainter = open_inpainter("gated", notice=lambda text: print(text, file=sys.stderr))
    fills: dict[str, Fill] = {"this project": inpainter.restore, **all_peers()}
    tables = []
    for mask, title in MASKS.items():
        cases = load_cases(folder, mask)
        if not cases:
            continue
        score(fills["this project"], cases[:1], None)  # compile and load what only the first would pay for
        rows, columns = [], []
        for name, fill in fills.items():
            means, restored = score(fill, cases, vgg)
            rows.append([name, *(f"{mean:.{d}f}" for mean, d in zip(means, COLUMNS.values(), strict=True))])
            columns.append(restored)
        if mask == "mask":
            save_sheet(cases, columns)
        tables.append(f"{len(cases)} cases, {title}\n\n{table(['', *COLUMNS], rows)}\n")
    if not tables:
        raise UserError(f"{folder} holds no NAME_mask picture beside NAME_image and NAME_truth")
    return "\n".join(tables)


def save_sheet(cases: Sequence[Case], columns: Sequence[Sequence[np.ndarray]]) -> None:
    """A row for each of the first cases: the image with a grey hole, each column's picture, the truth."""
    lines = []
    for number, case in enumerate(cases[:SHEET_CASES]):
        holed = np.where(case.hole[..., None], np.uint8(127), case.image)
        row = np.hstack([holed, *(column[number] for column in columns), case.truth])
        width = round(row.shape[1] * SHEET_HEIGHT_PX / row.shape[0])
        lines.append(cv2.resize(row, (width, SHEET_HEIGHT_PX), interpolation=cv2.INTER_AREA))
    widest = max(line.shape[1] for line in lines)
    lines = [np.pad(line, ((0, 0), (0, widest - line.shape[1]), (0, 0))) for line in lines]
    SHEET.parent.mkdir(exist_ok=True)
    save_image(np.asarray(np.vstack(lines), np.uint8), SHEET, force=True)


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2:
        raise UserError("usage: python -m pipelines.bench_restore FOLDER [VGG16.safetensors]")
    vgg = open_vgg(Path(arguments[1])) if len(arguments) == 2 else None
    print(bench(Path(arguments[0]), vgg))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)

"""Measure restored backgrounds against true ones, beside what anybody can have without training.

    python -m pipelines.bench_restore FOLDER [--vgg VGG16.safetensors] [--stlpips vgg_shift_tolerant.pth]

The folder holds NAME_image or NAME_img, NAME_mask (white = missing) and NAME_truth or NAME_bg as pictures, and
optionally NAME_attacked, the mask with parts of its contour bitten away. Scored are the pixels of NAME_mask, all that
the person hides. Prints a table for each kind of mask and draws out/restored.png: image, each row's picture, truth.

With --megapixels all cases that are as large are taken as they are, or else two are enlarged and get grain: what that
costs, and how sharp it is, beside pypatchmatch.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from effect.errors import UserError
from effect.inpaint import open_inpainter
from effect.memory import peak_memory_mib
from effect.photo import load_photo
from pipelines.markdown import table
from pipelines.metrics import gradient_energy, perceptual_distance, psnr, seam, ssim
from pipelines.peers import Fill, all_peers, fill_with_patches
from pipelines.picture_rows import save_rows
from pipelines.stlpips import ShiftTolerantDistance
from pipelines.train.vgg import VGGFeatures, open_vgg

SHEET = Path("out/restored.png")
SHEET_CASES, SHEET_HEIGHT_PX = 20, 160
MASKS = {"mask": "clean masks", "attacked": "attacked masks"}
COLUMNS = {  # heading: digits
    "PSNR": 2,
    "SSIM": 3,
    "perceptual": 3,
    "ST-LPIPS": 3,
    "sharpness": 2,  # gradient energy beside the truth's
    "in / around": 2,  # that of the hole beside that of its known surroundings
    "seam": 2,
    "CPU s": 2,
}
RATIOS = [list(COLUMNS).index(name) for name in ("sharpness", "in / around")]
FILES = {"image": ("image", "img"), "truth": ("truth", "bg")}  # what is called by either name
LARGE_CASES = 2
GRAIN = 4.0  # standard deviation of that added to enlarged cases, in levels of each channel
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
            found = [
                file for word in FILES.get(kind, (kind,)) for file in sorted(folder.glob(f"{name}_{word}.*"))
            ]
            if not found:
                raise UserError(f"{folder} has no {name}_{kind} beside {path.name}")
            pictures[kind] = load_photo(found[0]).rgb
        hole, hidden = (pictures[kind][..., 0] >= 128 for kind in (mask, "mask"))
        cases.append(Case(pictures["image"], pictures["truth"], hole, hidden))
    return cases


def enlarged(case: Case, megapixels: float) -> Case:
    """The case at another size, with grain; its known pixels are the truth's, as a photo has but one grain."""
    height, width = case.hole.shape
    scale = (megapixels * 1e6 / (height * width)) ** 0.5
    size = round(width * scale), round(height * scale)
    hole, hidden = (
        cv2.resize(part.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        for part in (case.hole, case.hidden)
    )
    truth = np.asarray(cv2.resize(case.truth, size, interpolation=cv2.INTER_CUBIC), np.float32)
    grain = GRAIN * np.random.default_rng(0).standard_normal(truth.shape, np.float32)
    levels = np.clip(np.rint(truth + grain), 0, 255).astype(np.uint8)
    image = cv2.resize(case.image, size, interpolation=cv2.INTER_CUBIC)
    return Case(np.where(hidden[..., None], image, levels), levels, hole, hidden)


def score(
    fill: Fill,
    cases: Sequence[Case],
    vgg: VGGFeatures | None,
    stlpips: ShiftTolerantDistance | None = None,
) -> tuple[list[float], list[np.ndarray]]:
    """The means of COLUMNS over the cases, and the restored pictures; not a number where there is no network for it."""
    rows, restored = [], []
    for case in cases:
        started = time.process_time()
        picture = fill(case.image, case.hole)
        seconds = time.process_time() - started
        distance = perceptual_distance(picture, case.truth, vgg, case.hidden) if vgg else float("nan")
        energy = gradient_energy(picture, case.hidden)
        sharpness = energy / gradient_energy(case.truth, case.hidden)
        in_to_around = energy / gradient_energy(case.truth, surroundings(case.hidden))
        tolerant = stlpips(picture, case.truth, case.hidden) if stlpips else float("nan")
        db, similarity = psnr(picture, case.truth, case.hidden), ssim(picture, case.truth, case.hidden)
        quality = (db, similarity, distance, tolerant)
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


def bench(folder: Path, vgg: VGGFeatures | None, stlpips: ShiftTolerantDistance | None) -> str:
    """The tables in markdown. Raises UserError when the folder holds no case."""
    fills: dict[str, Fill] = {"this project": this_project(), **all_peers()}
    tables = []
    for mask, title in MASKS.items():
        cases = load_cases(folder, mask)
        if not cases:
            continue
        rows, columns = [], []
        for name, fill in fills.items():
            means, restored = score(fill, cases, vgg, stlpips)
            rows.append(row_of(name, means))
            columns.append(restored)
        if mask == "mask":
            save_sheet(cases, columns)
        tables.append(f"{len(cases)} cases, {title}\n\n{table(['', *COLUMNS], rows)}\n")
    if not tables:
        raise UserError(f"{folder} holds no NAME_mask picture beside NAME_image and NAME_truth")
    return "\n".join(tables)


def bench_large(folder: Path, megapixels: float) -> str:
    """The table of large cases, or the first ones, enlarged, beside pypatchmatch; and the memory that restoring one
    took."""
    found = load_cases(folder, "mask")
    large = [case for case in found if case.hole.size >= megapixels * 1e6]
    cases = large or [enlarged(case, megapixels) for case in found[:LARGE_CASES]]
    if not cases:
        raise UserError(f"{folder} holds no NAME_mask picture beside NAME_image and NAME_truth")
    own = this_project()
    before = peak_memory_mib()
    own(cases[0].image, cases[0].hole)
    memory = peak_memory_mib()  # before anything is scored, which takes more
    truths = iter([case.truth for case in cases])
    fills: dict[str, Fill] = {
        "this project": own,
        "pypatchmatch": fill_with_patches,
        "the truth": lambda *_: next(truths),
    }
    rows = [row_of(name, score(fill, cases, None)[0]) for name, fill in fills.items()]
    size = f"{megapixels:g} megapixels" + (" or more" if large else "")
    head = f"{len(cases)} cases of {size}, clean masks; {memory} MiB at most, {before} MiB before"
    return f"{head}\n\n{table(['', *COLUMNS], rows)}\n"


def this_project() -> Fill:
    """The default inpainter; what only the first picture would pay for is compiled and loaded."""
    inpainter = open_inpainter("gated", notice=lambda text: print(text, file=sys.stderr))
    rng = np.random.default_rng(0)
    hole = np.zeros((240, 320), bool)
    hole[80:160, 120:200] = True
    inpainter.restore(rng.integers(0, 256, (240, 320, 3)).astype(np.uint8), hole)
    return inpainter.restore


def row_of(name: str, means: Sequence[float]) -> list[str]:
    return [name, *(f"{mean:.{digits}f}" for mean, digits in zip(means, COLUMNS.values(), strict=True))]


def save_sheet(cases: Sequence[Case], columns: Sequence[Sequence[np.ndarray]]) -> None:
    """A row for each of the first cases: the image with a grey hole, each column's picture, the truth."""
    rows = []
    for number, case in enumerate(cases[:SHEET_CASES]):
        holed = np.where(case.hole[..., None], np.uint8(127), case.image)
        rows.append([holed, *(column[number] for column in columns), case.truth])
    save_rows(rows, SHEET, SHEET_HEIGHT_PX)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m pipelines.bench_restore")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vgg", type=Path, help="VGG16's weights, for the column perceptual")
    parser.add_argument("--stlpips", type=Path, help="weights for the column ST-LPIPS")
    parser.add_argument(
        "--megapixels", type=float, help="of large cases, or what the first ones are enlarged to"
    )
    given = parser.parse_args(arguments)
    if given.megapixels is not None:
        if given.vgg or given.stlpips:
            raise UserError("--megapixels tells cost and sharpness alone: leave out --vgg and --stlpips")
        if not 0 < given.megapixels <= 100:
            raise UserError("--megapixels must be above 0 and at most 100")
        print(bench_large(given.folder, given.megapixels))
        return 0
    vgg = open_vgg(given.vgg) if given.vgg else None
    stlpips = ShiftTolerantDistance(given.stlpips) if given.stlpips else None
    print(bench(given.folder, vgg, stlpips))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)

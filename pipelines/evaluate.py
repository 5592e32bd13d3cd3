"""The job `evaluate`: how well networks restore what a person hides, beside their untrained selves and their peers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from json import dumps
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch.utils.flop_counter import FlopCounterMode

from effect.errors import UserError
from effect.inpaint.likely import levels
from effect.inpaint.nets import Generator, build, load_generator, metadata_of
from pipelines.markdown import table
from pipelines.metrics import perceptual_distance, psnr, ssim
from pipelines.peers import Fill, peers
from pipelines.train.data import as_map, as_tensor, decode, filled_silhouette, paste, read_pictures
from pipelines.train.edges import canny
from pipelines.train.masks import attack as bite
from pipelines.train.masks import person_hole, stroke_hole
from pipelines.train.vgg import VGGFeatures, open_vgg

ATTACK_BLOCK = (0.03, 0.10)  # side of a bite, as a part of the person's height: as in training
SHEET_CASES = 6
Painter = Callable[["Case"], np.ndarray]  # the whole picture as painted, uint8 (S, S, 3)


@dataclass(frozen=True)
class Case:
    """One photo to restore. picture, truth: uint8 (S, S, 3); hole: bool (S, S), what is painted; hidden: bool (S, S),
    what is scored: all that the person covers, also where an attack took the mask away."""

    picture: np.ndarray
    hole: np.ndarray
    truth: np.ndarray
    hidden: np.ndarray


@dataclass(frozen=True)
class Score:
    """A row of the table, means over the cases; PSNR in dB, parameters in millions, GMAC of one picture."""

    name: str
    parameters: float | None
    gmac: float | None
    psnr: float
    ssim: float
    psnr_hole: float
    ssim_hole: float
    perceptual_hole: float | None
    ssim_own: float  # of the picture as painted, known pixels included
    ms: float  # median, on this machine
    training: dict[str, str] = field(default_factory=dict)  # what the weights' file tells
    spread: dict[str, float] = field(
        default_factory=dict
    )  # of a field, where a row is the mean of several runs


@dataclass(frozen=True)
class Entrant:
    """Weights that take part, under a name. side_px: it sees the cases scaled to this; 0 = as large as they are."""

    name: str
    weights: Path
    side_px: int = 0


def evaluate_files(
    weights: Sequence[Path],
    photos: Sequence[Path] = (),
    masks: Sequence[Path] = (),
    persons: Sequence[Path] = (),
    attack: float = 0.0,
    size_px: int = 128,
    count: int = 0,
    band_px: int = 0,
    vgg: Path | None = None,
    sheet: Path | None = None,
    json: bool = False,
) -> str:
    """The verb `evaluate`: the table in markdown, or as JSON. count: of photos, 0 = all; see `evaluate`."""
    if not photos:
        raise UserError("name the photos to restore: --photos FOLDER|TAR ...")
    if not 0 <= attack <= 1:
        raise UserError(f"--attack is a share of the contour from 0 to 1, not {attack:g}")
    pictures = read_pictures(photos)[: count or None]
    cases = make_cases(pictures, read_pictures(masks), read_pictures(persons), size_px, attack)
    entrants = [Entrant(file.parent.name if file.stem == "ema" else file.stem, file) for file in weights]
    scores = evaluate(entrants, cases, open_vgg(vgg) if vgg else None, band_px, sheet)
    if not json:
        return markdown(scores)
    told = dict(photos=len(cases), size_px=size_px, attack=attack, band_px=band_px)
    return dumps({**told, "rows": [asdict(row) for row in scores]})


def make_cases(
    photos: Sequence[bytes],
    silhouettes: Sequence[bytes],
    persons: Sequence[bytes],
    size_px: int,
    attack: float = 0.0,
    seed: int = 0,
) -> list[Case]:
    """The middle square of each photo with a hole in it; case `i` depends on (seed, i) and the files alone.

    With cut-out persons, or under attack, a person is pasted in and the hole is their mask, from which `attack` is the
    share of the contour that is bitten away: everything else stays the same for every share. Otherwise the hole is a
    silhouette, and a stroke where there are none.
    """
    shapes = [decode(silhouette, "L") for silhouette in silhouettes]
    if attack and not (shapes or persons):
        raise UserError("an attack needs people: name --persons, or --masks with their silhouettes")
    cases = []
    for number, photo in enumerate(photos):
        rng, truth = np.random.default_rng((seed, number)), square(decode(photo, "RGB"), size_px)
        if not (persons or attack):
            hole = person_hole(shapes, size_px, rng) if shapes else stroke_hole(size_px, rng)
            cases.append(Case(truth, hole, truth, hole))
            continue
        pasted = None
        while pasted is None:
            if persons:
                person = decode(persons[int(rng.integers(len(persons)))], "RGBA")
            else:
                person = filled_silhouette(shapes, list(photos), rng)
            pasted = paste(truth, person, rng)
        picture, hidden = pasted
        hole = bite(hidden, attack, ATTACK_BLOCK, np.random.default_rng((seed, number, 1)))
        cases.append(Case(picture, hole, truth, hidden))
    return cases


def square(rgb: np.ndarray, size_px: int) -> np.ndarray:
    """The largest square in the middle of a photo, uint8 (H, W, 3), scaled to uint8 (S, S, 3)."""
    side = min(rgb.shape[:2])
    top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
    return resized(rgb[top : top + side, left : left + side], size_px)


def resized(pixels: np.ndarray, size_px: int) -> np.ndarray:
    """A square picture, uint8 (S, S, 3), or mask, bool (S, S), of another size; any coverage counts as mask."""
    if pixels.shape[0] == size_px:
        return pixels
    smaller, is_mask = pixels.shape[0] > size_px, pixels.dtype == bool
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR if is_mask else cv2.INTER_CUBIC
    values = cv2.resize(
        pixels.astype(np.float32) if is_mask else pixels, (size_px, size_px), interpolation=how
    )
    return values > 0 if is_mask else values


def painter_of(generator: Generator, side_px: int = 0) -> Painter:
    """`generator` as a painter: float32, one picture at a time; EdgeConnect gets the known edges.

    side_px: it sees the case scaled to this, and what it paints is scaled back; 0 = as large as the case is.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = generator.to(device).eval()
    wants_edges = metadata_of(generator)["network"] == "edgeconnect"

    def paint(case: Case) -> np.ndarray:
        size_px = case.picture.shape[0]
        own_px = side_px or size_px
        picture = resized(case.picture, own_px)
        hole = resized(case.hole, own_px)
        guidance = canny(picture, ~hole) if wants_edges else np.zeros_like(hole)
        inputs = [as_tensor(picture), as_map(hole), as_map(guidance)]
        with torch.inference_mode():
            painted = generator(*(part[None].to(device) for part in inputs))[-1][0]
        whole = levels(painted.cpu().numpy())
        return resized(whole, size_px)

    return paint


def painter_with(fill: Fill) -> Painter:
    return lambda case: fill(case.picture, case.hole)


def cost(generator: Generator, size_px: int) -> tuple[float, float]:
    """Millions of parameters, and billions of multiplications with addition in the convolutions for one picture, as
    the papers count them: the matrix products of contextual attention are left out."""
    device = next(generator.parameters()).device
    rgb, hole = torch.zeros(1, 3, size_px, size_px), torch.ones(1, 1, size_px, size_px)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        generator(rgb.to(device), hole.to(device), torch.zeros_like(hole).to(device))
    convolutions = counter.get_flop_counts()["Global"][torch.ops.aten.convolution]
    return sum(p.numel() for p in generator.parameters()) / 1e6, convolutions / 2e9


def restore(painter: Painter, case: Case, band_px: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The picture with its hole, grown by `band_px`, as painted; the whole picture as painted; the milliseconds."""
    started = time.perf_counter()
    painted = painter(case)
    milliseconds = 1000 * (time.perf_counter() - started)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band_px + 1,) * 2)
    taken = cv2.dilate(case.hole.astype(np.uint8), disc) > 0
    return np.where(taken[..., None], painted, case.picture), painted, milliseconds


def score(
    name: str, painter: Painter, cases: list[Case], vgg: VGGFeatures | None, band_px: int = 0
) -> tuple[Score, list[np.ndarray]]:
    """The row, without what only a network has, and the first restored pictures."""
    painter(cases[0])  # what only the first picture pays for
    rows: list[tuple[float, ...]] = []
    shown: list[np.ndarray] = []
    for case in cases:
        restored, painted, milliseconds = restore(painter, case, band_px)
        distance = perceptual_distance(restored, case.truth, vgg, case.hidden) if vgg else 0.0
        whole = psnr(restored, case.truth), ssim(restored, case.truth)
        hole = psnr(restored, case.truth, case.hidden), ssim(restored, case.truth, case.hidden)
        rows.append((*whole, *hole, distance, ssim(painted, case.truth), milliseconds))
        if len(shown) < SHEET_CASES:
            shown.append(restored)
    whole_psnr, whole_ssim, hole_psnr, hole_ssim, distance, own, _ = np.mean(rows, axis=0).tolist()
    ms = median(row[-1] for row in rows)
    quality = whole_psnr, whole_ssim, hole_psnr, hole_ssim
    return Score(name, None, None, *quality, distance if vgg else None, own, ms), shown


def evaluate(
    entrants: Sequence[Entrant],
    cases: list[Case],
    vgg: VGGFeatures | None,
    band_px: int = 0,
    sheet: Path | None = None,
    with_peers: bool = True,
) -> list[Score]:
    """A row for each entrant, and with peers for its untrained network, mean colour, Telea and pypatchmatch.

    sheet: where a PNG goes that shows the first cases: the input, each row's picture, the truth.
    Raises UserError for weights that cannot be read or do not paint, and for a size that does not fit them.
    """
    scores: list[Score] = []
    pictures: list[list[np.ndarray]] = []

    def add(row: tuple[Score, list[np.ndarray]], **more: object) -> None:
        scores.append(Score(**{**asdict(row[0]), **more}))
        pictures.append(row[1])

    untrained: dict[str, Generator] = {}
    for entrant in entrants:
        file = entrant.weights
        generator = load_generator(file)
        network = metadata_of(generator)["network"]
        size_px = entrant.side_px or cases[0].truth.shape[0]
        if network == "edges":
            raise UserError(f"{file} draws edges, no pictures: evaluate the edgeconnect trained with it")
        if size_px % generator.stride:
            raise UserError(f"--size must be a multiple of {generator.stride} for {file}")
        parameters, gmac = cost(generator, size_px)
        with safe_open(file, "pt") as stored:
            told = dict(stored.metadata())
        row = score(entrant.name, painter_of(generator, size_px), cases, vgg, band_px)
        add(row, parameters=parameters, gmac=gmac, training=told)
        torch.manual_seed(0)
        untrained.setdefault(network, build(network, asdict(generator.config)))
    if with_peers:
        for network, generator in untrained.items():
            row = score(f"{network}, untrained", painter_of(generator), cases, vgg, band_px)
            parameters, gmac = cost(generator, cases[0].truth.shape[0])
            add(row, parameters=parameters, gmac=gmac)
        for name, fill in peers().items():
            add(score(name, painter_with(fill), cases, vgg))
    if sheet:
        save_sheet(cases, pictures, sheet)
    return scores


def save_sheet(cases: list[Case], columns: list[list[np.ndarray]], path: Path) -> None:
    """A row for each of the first cases: the input with a grey hole, each column's picture, the truth."""
    shown = cases[:SHEET_CASES]
    inputs = [np.where(case.hole[..., None], np.uint8(127), case.picture) for case in shown]
    cells = [inputs, *columns, [case.truth for case in shown]]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.hstack([np.vstack(column) for column in cells])).save(path)


COLUMNS = {  # heading: (field of Score, digits)
    "M parameters": ("parameters", 2),
    "GMAC": ("gmac", 2),
    "PSNR": ("psnr", 2),
    "SSIM": ("ssim", 4),
    "PSNR hole": ("psnr_hole", 2),
    "SSIM hole": ("ssim_hole", 4),
    "perceptual hole": ("perceptual_hole", 4),
    "SSIM as painted": ("ssim_own", 4),
    "ms": ("ms", 0),
}


def markdown(scores: Sequence[Score], more: Sequence[str] = ()) -> str:
    """The rows as a markdown table; `more`: keys of what weights files tell, as further columns."""
    rows = []
    for row in scores:
        cells = [row.name]
        for name, digits in COLUMNS.values():
            value, spread = getattr(row, name), row.spread.get(name, 0.0)
            cell = "–" if value is None else f"{value:.{digits}f}"
            cells.append(f"{cell} ± {spread:.{digits}f}" if spread else cell)
        rows.append([*cells, *(row.training.get(key, "–") for key in more)])
    return table(["", *COLUMNS, *more], rows)

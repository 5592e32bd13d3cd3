"""How long networks take on one and two cores, and how large their files are."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from effect.inpaint.nets import load_generator
from pipelines import onnx_file
from pipelines.evaluate import Entrant, make_cases
from pipelines.export import CALIBRATED_PHOTOS, export, inputs_of
from pipelines.markdown import table

CORES = (1, 2)
ROUNDS = 15
SIZES = ("MB fp16", "MB ONNX", "MB int8")
RUNTIMES = ("torch fp32", "torch bf16", "ONNX fp32", "ONNX int8")


def speed_table(
    entrants: Sequence[Entrant], photos: Sequence[bytes], masks: Sequence[bytes], folder: Path
) -> str:
    """The table in markdown: median milliseconds for one picture of each entrant's size.

    Writes each network as ONNX into `folder`, in 32 and in 8 bits; photos and masks calibrate the latter.
    """
    times = [f"{runtime}, {cores}" for runtime in RUNTIMES for cores in CORES]
    rows = []
    for name, file, size_px in ((one.name, one.weights, one.side_px) for one in entrants):
        generator = load_generator(file)
        cases = make_cases(photos[:CALIBRATED_PHOTOS], masks, [], size_px)
        examples = [inputs_of(case) for case in cases]
        full, small = (folder / f"{name}{kind}.onnx" for kind in ("", "-int8"))
        export(generator, full)
        onnx_file.quantise(full, small, examples)
        sizes = [f"{path.stat().st_size / 1e6:.2f}" for path in (file, full, small)]
        pair = [torch.from_numpy(examples[0][name]) for name in ("rgb", "hole")]
        cells = []
        for autocast in (False, True):
            cells += [milliseconds_of_torch(generator, pair, autocast, cores) for cores in CORES]
        for path in (full, small):
            for cores in CORES:
                run = partial(onnx_file.run, onnx_file.open_session(path, cores), examples[0])
                cells.append(milliseconds(run))
        rows.append([name, str(size_px), *sizes, *(f"{cell:.1f}" for cell in cells)])
    return table(["", "px", *SIZES, *times], rows)


def milliseconds_of_torch(generator: Any, pair: Sequence[torch.Tensor], autocast: bool, cores: int) -> float:
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    torch.set_flush_denormal(True)
    try:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return milliseconds(lambda: generator(*pair))
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)


def milliseconds(work: Callable[[], object]) -> float:
    work()  # what only the first call pays for
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - started))
    return median(taken)

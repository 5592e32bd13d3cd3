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
from pipelines.export import CALIBRATED_PHOTOS, export, inputs_of, tensors
from pipelines.markdown import table

CORES = (1, 2)
ROUNDS = 15
SIZES = ("MB fp16", "MB ONNX", "MB int8")
RUNTIMES = ("torch fp32", "torch bf16", "ONNX fp32", "ONNX int8")
TIMES = [f"{runtime}, {cores}" for runtime in RUNTIMES for cores in CORES]


def speed_table(
    entrants: Sequence[Entrant], photos: Sequence[bytes], masks: Sequence[bytes], folder: Path
) -> str:
    """The table in markdown: median milliseconds for one picture of each entrant's size.

    Writes each network as ONNX into `folder`, in 32 and in 8 bits; photos and masks calibrate the latter.
    """
    # In the calling thread onnxruntime takes denormal numbers for zero as its process's first session asked, until
    # torch changes that.
    torch.set_flush_denormal(True)
    try:
        rows = [speed_row(one, photos, masks, folder) for one in entrants]
    finally:
        torch.set_flush_denormal(False)
    return table(["", "px", *SIZES, *TIMES], rows)


def speed_row(one: Entrant, photos: Sequence[bytes], masks: Sequence[bytes], folder: Path) -> list[str]:
    """Name, size, megabytes and milliseconds of one entrant."""
    generator = load_generator(one.weights)
    cases = make_cases(photos[:CALIBRATED_PHOTOS], masks, [], one.side_px)
    examples = [inputs_of(case) for case in cases]
    full, small = (folder / f"{one.name}{kind}.onnx" for kind in ("", "-int8"))
    export(generator, full)
    onnx_file.quantise(full, small, examples)
    sizes = [f"{path.stat().st_size / 1e6:.2f}" for path in (one.weights, full, small)]
    first = tensors(generator, examples[0])
    taken = [
        milliseconds_of_torch(generator, first, autocast, cores)
        for autocast in (False, True)
        for cores in CORES
    ]
    for path in (full, small):
        for cores in CORES:
            run = partial(onnx_file.run, onnx_file.open_session(path, cores), examples[0])
            taken.append(milliseconds(run))
    return [one.name, str(one.side_px), *sizes, *(f"{ms:.1f}" for ms in taken)]


def milliseconds_of_torch(
    generator: Any, inputs: Sequence[torch.Tensor], autocast: bool, cores: int
) -> float:
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return milliseconds(lambda: generator(*inputs))
    finally:
        torch.set_num_threads(before)


def milliseconds(work: Callable[[], object]) -> float:
    work()  # what only the first call pays for
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - started))
    return median(taken)

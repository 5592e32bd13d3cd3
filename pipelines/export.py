"""The job `export`: a trained network as an ONNX file or an ExecuTorch program, for phones and browsers, checked before
it is kept."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from effect.errors import UserError
from effect.inpaint.nets import Generator, load_generator, metadata_of
from effect.inpaint.nets.gated_conv import GatedConv
from pipelines import executorch_file, onnx_file
from pipelines.evaluate import Case, make_cases
from pipelines.onnx_file import Inputs
from pipelines.train.data import read_pictures

CHECKED_SIZES = ((128, 128), (96, 160))  # height and width
TOLERANCE = 1e-3  # of the range -1..1
CALIBRATED_PHOTOS = 32
WORST_INT8_ERROR = 0.1  # mean absolute difference that 8 bits may make over the hole, of the range -1..1


def export_files(
    weights: Path,
    output: Path,
    photos: Sequence[Path] = (),
    masks: Sequence[Path] = (),
    int8: bool = False,
    size_px: int = 128,
    force: bool = False,
) -> str:
    """The verb `export`: write `output`, ONNX (.onnx) for every size or an ExecuTorch program (.pte) for pictures of
    size_px; what to say about it.

    photos, masks: to calibrate 8 bits with, at size_px, see `make_cases`; without 8 bits, checked with, too. Raises
    UserError for another ending, a file that exists, weights that cannot be exported, and a file that does not compute
    what the weights do; nothing is left then.
    """
    kind = output.suffix
    if kind not in (".onnx", ".pte"):
        raise UserError(f"{output}: an export's name ends in .onnx or .pte")
    if output.exists() and not force:
        raise UserError(f"{output} exists already: add --force to replace it, or name another file")
    if int8 and kind == ".pte":
        raise UserError("8 bits are for ONNX alone: leave out --int8, or name a file that ends in .onnx")
    if int8 and not photos:
        raise UserError("8 bits are calibrated with photos: --photos FOLDER|TAR ...")
    require = {".onnx": onnx_file.require_onnx, ".pte": executorch_file.require_executorch}[kind]
    require()
    generator = load_generator(weights)
    if size_px % generator.stride:
        raise UserError(f"--size must be a multiple of {generator.stride} for {weights}")
    cases = make_cases(read_pictures(photos)[:CALIBRATED_PHOTOS], read_pictures(masks), [], size_px)
    examples = [inputs_of(case) for case in cases]
    full, part = output.with_suffix(".full.part"), output.with_suffix(".part")
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        if kind == ".pte":
            worst = export_program(generator, full, size_px, examples)
        else:
            worst = export(generator, full, examples)
        said = f"{worst:.1e} from torch at most"
        if int8:
            onnx_file.quantise(full, part, examples)
            error = int8_error(full, part, cases)
            said += f"; 8 bits differ by {error:.3f} over the hole on average"
        else:
            full.rename(part)
        part.rename(output)
    finally:
        full.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return f"{output}: {output.stat().st_size / 1e6:.2f} MB, {said}"


def export(generator: Generator, path: Path, examples: Sequence[Inputs] = ()) -> float:
    """Write the generator's last picture as an ONNX graph of `rgb`, (1, 3, H, W) in -1..1, `hole`, (1, 1, H, W) with
    1 = missing, and where it takes one `sketch`, like the hole. H and W are multiples of its stride.

    Returns the largest difference to torch, on noise of several sizes and on the examples. Raises UserError when it
    is above the tolerance, or the network cannot be exported.
    """
    noise = [noise_of(height, width, generator.stride) for height, width in CHECKED_SIZES]
    with said_in_one_line(generator):
        onnx_file.export_graph(
            painter_of(generator), tensors(generator, noise[0]), inputs_taken(generator), ["painted"], path
        )
    session = onnx_file.open_session(path)
    return checked(generator, path, lambda inputs: onnx_file.run(session, inputs), [*noise, *examples])


def export_program(generator: Generator, path: Path, size_px: int, examples: Sequence[Inputs] = ()) -> float:
    """The same as an ExecuTorch program for pictures of size_px alone, which takes its inputs in this order."""
    noise = noise_of(size_px, size_px, generator.stride)
    with said_in_one_line(generator):
        executorch_file.export_graph(painter_of(generator), tensors(generator, noise), path)
        method = executorch_file.open_program(path)
        paint = lambda inputs: executorch_file.run(method, tensors(generator, inputs))
        return checked(generator, path, paint, [noise, *examples])


def inputs_taken(generator: Generator) -> list[str]:
    return ["rgb", "hole", "sketch"] if getattr(generator.config, "sketch", False) else ["rgb", "hole"]


def tensors(generator: Generator, inputs: Inputs) -> list[Tensor]:
    # An axis of length 1 may have a stride of 0 after indexing by None, which ExecuTorch takes for a broadcast.
    return [torch.from_numpy(inputs[name].copy()) for name in inputs_taken(generator)]


@contextmanager
def said_in_one_line(generator: Generator) -> Iterator[None]:
    """UserError for a network that an exporter, or what runs its files, does not know what to do with."""
    name = metadata_of(generator)["network"]
    if name in ("edges", "edgeconnect"):
        raise UserError(f"the network '{name}' needs edges, which no export draws")
    try:
        yield
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"the network '{name}' cannot be exported ({reason})") from error


def checked(
    generator: Generator,
    path: Path,
    paint: Callable[[Inputs], NDArray[np.float32]],
    examples: Sequence[Inputs],
) -> float:
    """The largest difference of what is painted to torch; UserError, and no file, where that is too much."""
    worst = 0.0
    for inputs in examples:
        with torch.inference_mode():
            wanted = generator(*tensors(generator, inputs))[-1].numpy()
        worst = max(worst, float(np.abs(paint(inputs) - wanted).max()))
    if not worst <= TOLERANCE:
        path.unlink()
        raise UserError(
            f"the exported network is off by {worst:.1e}, more than {TOLERANCE}: nothing is written"
        )
    return worst


def painter_of(generator: Generator) -> nn.Module:
    return LastPicture(with_gates_apart(generator)).eval()


class LastPicture(nn.Module):
    """A generator's result alone."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, rgb: Tensor, hole: Tensor, sketch: Tensor | None = None) -> Tensor:
        return self.generator(rgb, hole, sketch)[-1]


class ApartConv(nn.Module):
    """A gated convolution whose features and gates come from two convolutions with the same weights: a runtime fuses
    each with its activation, and has nothing to split."""

    def __init__(self, layer: GatedConv):
        super().__init__()
        *before, last = layers_of(layer.conv)
        self.before, self.activated, self.shortcut = nn.Sequential(*before), layer.activated, layer.shortcut
        self.features = some_outputs(last, slice(layer.features))
        self.gates = some_outputs(last, slice(layer.features, None))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.before(x)
        gated = self.activated(self.features(seen)) * torch.sigmoid(self.gates(seen))
        return x + gated if self.shortcut else gated


def layers_of(conv: nn.Module) -> list[nn.Module]:
    return list(conv) if isinstance(conv, nn.Sequential) else [conv]


def some_outputs(conv: nn.Module, part: slice) -> nn.Module:
    """A convolution with some of another's output channels."""
    own = copy.deepcopy(conv)
    for name, values in conv.named_parameters():
        setattr(own, name, nn.Parameter(values[part]))
    return own


def with_gates_apart(generator: Generator) -> Generator:
    """A copy that computes the same."""
    generator = copy.deepcopy(generator).to(memory_format=torch.contiguous_format)
    for name, layer in list(generator.named_modules()):
        # Behind a shuffle, features and gates lie among each other.
        if (
            isinstance(layer, GatedConv)
            and layer.gate is None
            and isinstance(layers_of(layer.conv)[-1], nn.Conv2d)
        ):
            generator.set_submodule(name, ApartConv(layer))
    return generator


def noise_of(height: int, width: int, stride: int) -> Inputs:
    """Noise of about this size with a hole in the middle, and strokes."""
    height, width = (-(-side // stride) * stride for side in (height, width))
    rng = np.random.default_rng((height, width))
    hole = np.zeros((1, 1, height, width), np.float32)
    hole[..., height // 4 : height // 2, width // 3 : width // 2] = 1
    strokes = (rng.random(hole.shape) < 0.1).astype(np.float32)
    rgb = rng.uniform(-1, 1, (1, 3, height // 8, width // 8)).astype(np.float32)
    smooth = np.stack([cv2.resize(one, (width, height)) for one in rgb[0]])[None]
    return {"rgb": smooth, "hole": hole, "sketch": strokes}


def inputs_of(case: Case) -> Inputs:
    """uint8 (S, S, 3) and bool (S, S) as the graph takes them."""
    rgb = case.picture.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
    hole = case.hole[None, None].astype(np.float32)
    return {"rgb": rgb, "hole": hole, "sketch": np.zeros_like(hole)}


def int8_error(full: Path, part: Path, cases: Sequence[Case]) -> float:
    """How far 8 bits are off over the holes on average; UserError when that is more than one can use."""
    exact, coarse = (onnx_file.open_session(path) for path in (full, part))
    errors = []
    for inputs in map(inputs_of, cases):
        error = np.abs(onnx_file.run(exact, inputs) - onnx_file.run(coarse, inputs)).mean(axis=1)
        errors.append(float(error[inputs["hole"][:, 0] > 0].mean()))
    mean = float(np.mean(errors))
    if not mean <= WORST_INT8_ERROR:
        raise UserError(f"8 bits are off by {mean:.2f}, more than {WORST_INT8_ERROR}: leave out --int8")
    return mean

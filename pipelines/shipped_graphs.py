"""The graphs by which shipped weights are run without torch: `python -m pipelines.shipped_graphs`, after new weights
and their sha256 in `weights.toml`.

Each refers to the numbers in its weights' own file, so it is small and they are not stored twice.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from effect.errors import UserError
from effect.inpaint.graph import STRIDE, GraphNetwork
from effect.inpaint.nets.both_ways import ChangeBothWays, LookBothWays, TorchNetwork
from effect.inpaint.network import Network
from effect.weights import MODELS_FOLDER, checked_weights
from pipelines.onnx_file import export_graph, refer_to, require_onnx

SHIPPED = "gated", "small"
LOOKING, OUTPUTS = (
    ("rgb", "hole", "sketch"),
    ("picture", "expected", "inner"),
)  # as far as a network takes, and tells
CHANGING = "inner", "maps", "shifts"
SIDES_PX = 96, 128
TOLERANCE = 1e-4  # of the range -1..1, and of what is expected


def write_graphs(weights: Path) -> list[Path]:
    """Write NAME_look.onnx and, where the network has such a head, NAME_colours.onnx beside NAME.safetensors.

    Raises RuntimeError for graphs that do not compute what torch does.
    """
    name, folder = weights.stem, weights.parent
    network = TorchNetwork(weights)
    generator = network.generator.to(memory_format=torch.contiguous_format)
    maps = example(generator.stride)
    look, colours = folder / f"{name}_look.onnx", folder / f"{name}_colours.onnx"
    inputs = maps[: 3 if network.facts.takes_sketch else 2]
    told = LookBothWays(generator)(*inputs)
    export_graph(LookBothWays(generator), inputs, LOOKING[: len(inputs)], OUTPUTS[: len(told)], look)
    refer_to(look, weights, "generator.", {STRIDE: str(generator.stride)})
    written = [look]
    if len(told) == len(OUTPUTS):
        given = told[2], *head_maps(maps[0])
        export_graph(ChangeBothWays(generator.colours), given, CHANGING, ["change"], colours)
        refer_to(colours, weights, "", {})
        written.append(colours)
    off = difference(network, GraphNetwork(*written), [one[0].numpy() for one in maps])
    if not off <= TOLERANCE:
        raise RuntimeError(f"the graphs of {name} are off by {off:.1e}")
    return written


def example(stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise with a hole in it and strokes: (1, C, H, W)."""
    rng = torch.Generator().manual_seed(1)
    height, width = (-(-side // stride) * stride for side in SIDES_PX)
    hole, strokes = torch.zeros(1, 1, height, width), torch.rand(1, 1, height, width, generator=rng) < 0.1
    hole[..., height // 4 : height // 2, width // 3 : width // 2] = 1
    return torch.rand(1, 3, height, width, generator=rng) * 2 - 1, hole, strokes.float()


def head_maps(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """As many maps and shifts as a head for colours takes, made of any picture: (1, 6, H, W) and (1, 9, H, W)."""
    return torch.cat([rgb, rgb], dim=1), torch.cat([rgb, rgb, rgb], dim=1)


def difference(one: Network, other: Network, maps: list[NDArray[np.float32]]) -> float:
    """The largest one between what two networks tell of a picture, its hole and a sketch, (C, H, W) each."""
    rgb, hole, sketch = maps
    pairs = list(zip(one.look(rgb, hole, sketch), other.look(rgb, hole, sketch), strict=True))
    inner = pairs[-1][0]
    if inner is not None:
        given = [part[0].numpy() for part in head_maps(torch.from_numpy(rgb)[None])]
        pairs.append((one.change(inner, *given), other.change(inner, *given)))
    if any((this is None) != (that is None) for this, that in pairs):
        return float("inf")
    return max(
        float(np.abs(this - that).max()) for this, that in pairs if this is not None and that is not None
    )


def main() -> None:
    require_onnx()
    for name in SHIPPED:
        with tempfile.TemporaryDirectory() as folder:  # nothing is replaced by graphs that are off
            weights = Path(shutil.copy(checked_weights(f"{name}.safetensors"), folder))
            for path in write_graphs(weights):
                shutil.copy(path, MODELS_FOLDER)
                list_sha256(path.stem, sha256_of(path), MODELS_FOLDER / "weights.toml")
                print(f"{path.name}: {path.stat().st_size} bytes, sha256 {sha256_of(path)}")


def list_sha256(name: str, sha256: str, listed: Path) -> None:
    """Put it into the table of this name. Raises UserError where there is none."""
    text, found = re.subn(
        rf'(^\[{name}\]\nfile = .*\nsha256 = )"\w*"',
        rf'\g<1>"{sha256}"',
        listed.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    if not found:
        raise UserError(f"{listed} has no table [{name}] with file and sha256: add one")
    listed.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()

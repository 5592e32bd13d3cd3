"""What is asked of the network that paints a small picture, and how its answers become the colours to expect."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from effect.inpaint.likely import changed, head_input, levels, propose
from effect.inpaint.telea import march
from effect.weights import checked_weights, ships

Maps = NDArray[np.float32]  # (C, h, w)


class Facts(NamedTuple):
    """stride: pictures' sides must be multiples of it; takes_sketch: whether strokes are heeded."""

    stride: int
    takes_sketch: bool


class Seen(NamedTuple):
    """What a network makes of a picture of h x w pixels.

    picture: float32 (3, h, w) in -1..1; expected: float32 (10 or more, h / 4, w / 4), see `Painted`; inner: what its
    head for colours goes by. The last two are None where the network does not tell.
    """

    picture: Maps
    expected: Maps | None = None
    inner: NDArray[np.float32] | None = None


class Network(Protocol):
    """A generator that is asked about a picture and its mirror image; what it tells is the mean, which errs less.

    Its methods raise ImportError, RuntimeError or MemoryError where it cannot run.
    """

    def load(self) -> None:
        """Get ready, which may take a while."""
        ...

    @property
    def facts(self) -> Facts: ...

    def look(self, rgb: Maps, hole: Maps, sketch: Maps | None) -> Seen:
        """rgb: float32 (3, h, w) in -1..1; hole, sketch: float32 (1, h, w), 0 or 1."""
        ...

    def change(self, inner: NDArray[np.float32], maps: Maps, shifts: Maps) -> Maps:
        """By what to change likely colours, (3, h, w): see `effect.inpaint.nets.colours.ColoursHead`."""
        ...


class View(NamedTuple):
    """The hole's surroundings, as a network takes them and larger.

    rgb: uint8 (h, w, 3); missing: bool (h, w); strokes: bool (h, w), a sketch, or None; the same surroundings at a size
    at which colours spread: broad_rgb: uint8 (H, W, 3); broad_hole: bool (H, W); broad_avoid: bool (H, W), known pixels
    that are no part of the background.
    """

    rgb: NDArray[np.uint8]
    missing: NDArray[np.bool_]
    strokes: NDArray[np.bool_] | None
    broad_rgb: NDArray[np.uint8]
    broad_hole: NDArray[np.bool_]
    broad_avoid: NDArray[np.bool_]


class Painted(NamedTuple):
    """likely: uint8 (H, W, 3), as large as the view's broad picture, in the hole the colours to expect; expected:
    float32 (h / 4, w / 4, 10 or more), the means of the `effect.inpaint.looks.looks` to expect and the logarithms of
    their variances, then perhaps queries and keys, see `effect.inpaint.nets.looks`; or None where the network does not
    tell."""

    likely: NDArray[np.uint8]
    expected: NDArray[np.float32] | None


def open_network(name: str, weights: Path | None = None) -> Network:
    """The network that ships under this name, as a graph, or the user's own, by torch.

    Raises UserError for files that are missing or do not serve, ImportError where torch cannot be loaded.
    """
    if weights:
        from effect.inpaint.nets.both_ways import TorchNetwork

        return TorchNetwork(weights)
    from effect.inpaint.graph import GraphNetwork

    checked_weights(f"{name}.safetensors")  # where the graphs' numbers lie
    return GraphNetwork(*graph_files(name))


def graph_files(name: str) -> tuple[Path, Path | None]:
    """The graphs of a shipped network and of its head for colours, if it has one."""
    look, colours = f"{name}_look", f"{name}_colours"
    has_colours = ships(colours)
    return checked_weights(f"{look}.onnx"), checked_weights(f"{colours}.onnx") if has_colours else None


def paint(network: Network, view: View) -> Painted:
    """What a network makes of a view. Raises what `Network` does."""
    as_maps = lambda mask: mask[None].astype(np.float32)
    rgb = np.moveaxis(view.rgb, 2, 0).astype(np.float32) / np.float32(127.5) - 1
    sketch = None if view.strokes is None else as_maps(view.strokes)
    # Beside each other, as neither holds Python's lock.
    with ThreadPoolExecutor(1, thread_name_prefix="march") as pool:
        spreading = pool.submit(march, view.broad_rgb, view.broad_hole | view.broad_avoid)
        seen = network.look(rgb, as_maps(view.missing), sketch)
    guide = np.where(view.missing[..., None], levels(seen.picture), view.rgb)
    proposals = propose(view.broad_rgb, view.broad_hole, view.broad_avoid, guide, spreading.result())
    likely = proposals.likely
    if seen.inner is not None:
        change = network.change(seen.inner, *head_input(guide, view.missing, proposals))
        likely = changed(likely, view.broad_hole, np.moveaxis(change, 0, 2))
    return Painted(likely, None if seen.expected is None else np.moveaxis(seen.expected, 0, 2))

"""The network that paints a small picture, here or in a process of its own.

There it loads while this process finds the person, and the memory that torch takes is gone when the picture is painted.
"""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError
from effect.inpaint.likely import propose
from effect.memory import peak_memory_mib

NEED_EDGES = ("edges", "edgeconnect")


class Facts(NamedTuple):
    """stride: pictures' sides must be multiples of it; takes_sketch: whether strokes are heeded."""

    stride: int
    takes_sketch: bool


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


class Network(Protocol):
    peak_together_mib: int  # the most that this process and one of the network's own held together, or 0

    def facts(self) -> Facts: ...

    def paint(self, view: View) -> Painted:
        """Raises UserError for weights that do not serve, RuntimeError or MemoryError where the network cannot run."""
        ...

    def close(self) -> None: ...


class NetworkHere:
    """A generator on the CPU of this process."""

    peak_together_mib = 0

    def __init__(self, weights: Path) -> None:
        """Raises UserError for weights that do not serve, ImportError when torch cannot be loaded."""
        from effect.inpaint.nets import load_generator, metadata_of

        self._generator: Any = load_generator(weights)
        network = metadata_of(self._generator)["network"]
        if network in NEED_EDGES:
            raise UserError(
                f"{weights} holds the network '{network}', which needs edges: use gated, partial or lbam"
            )

    def facts(self) -> Facts:
        return Facts(self._generator.stride, getattr(self._generator.config, "sketch", False))

    def paint(self, view: View) -> Painted:
        import torch

        from effect.inpaint.nets.colours import changed, head_input
        from effect.inpaint.nets.generator import levels

        picture = both_ways(torch.from_numpy(view.rgb).permute(2, 0, 1)[None].float() / 127.5 - 1)
        hole = both_ways(torch.from_numpy(view.missing)[None, None].float())
        strokes = None if view.strokes is None else torch.from_numpy(view.strokes)[None, None].float()
        sketch = None if strokes is None else both_ways(strokes)
        with torch.inference_mode():
            outcome = self._generator.paint(picture, hole, sketch)
            guide = np.where(view.missing[..., None], levels(mean_of_both(outcome.picture)[0]), view.rgb)
            proposals = propose(view.broad_rgb, view.broad_hole, view.broad_avoid, guide)
            likely = proposals.likely
            if outcome.inner is not None:
                given = (both_ways(one[None]) for one in head_input(guide, view.missing, proposals))
                change = mean_of_both(self._generator.colours(outcome.inner, *given))[0]
                likely = changed(likely, view.broad_hole, change.permute(1, 2, 0).numpy())
            if outcome.expected is None:
                return Painted(likely, None)
            return Painted(likely, mean_of_both(outcome.expected)[0].permute(1, 2, 0).numpy())

    def close(self) -> None:
        pass


def both_ways(maps: Any) -> Any:
    """Maps (1, C, H, W) and their mirror image: (2, C, H, W). The mean of what a network makes of both errs less.

    That holds for queries and keys, too: each averaged, they served better than the mean of their products.
    """
    import torch

    return torch.cat([maps, maps.flip(3)])


def mean_of_both(maps: Any) -> Any:
    """The mean of what was made of `both_ways`, (2, C, H, W), the mirror image turned back: (1, C, H, W)."""
    return (maps[:1] + maps[1:].flip(3)) / 2


class NetworkApart:
    """The same in a process of its own, which begins to load at once and ends when it has painted one picture."""

    def __init__(self, weights: Path) -> None:
        self.peak_together_mib = 0
        self._facts: Facts | None = None
        spawning = multiprocessing.get_context("spawn")  # a fork would copy the libraries' threads half alive
        self._line, far_end = spawning.Pipe()
        self._process = spawning.Process(target=_paint_one, args=(far_end, weights), daemon=True)
        self._process.start()
        far_end.close()  # so that the line is dead when the process is

    def facts(self) -> Facts:
        """Waits until the network is loaded; raises what `paint` does."""
        if self._facts is None:
            self._facts = self._answer()
        return self._facts

    def paint(self, view: View) -> Painted:
        self.facts()
        painted, theirs_mib = self._answer(view)
        self.peak_together_mib = peak_memory_mib() + theirs_mib
        self.close()
        return painted

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._line.close()
        self._process.terminate()
        self._process.join()

    def _answer(self, request: object = None) -> Any:
        try:
            if request is not None:
                self._line.send(request)
            answer = self._line.recv()
        except (EOFError, OSError):
            raise RuntimeError("its process died, perhaps out of memory") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


def _paint_one(line: Connection, weights: Path) -> None:
    """Say the network's facts, paint what is asked for, and say how much memory that took; or say what went wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches this process, too; the other one ends it
    try:
        _leave_half_of_the_cores()
        network = NetworkHere(weights)
        line.send(network.facts())
        painted = network.paint(line.recv())
        line.send((painted, peak_memory_mib()))
    except (EOFError, BrokenPipeError):
        pass  # nobody waits for it any more
    except UserError as error:
        line.send(error)
    except Exception as error:
        line.send(RuntimeError(f"{error}"))


def _leave_half_of_the_cores() -> None:
    """The other process works meanwhile, and OpenMP's threads turn in circles where they wait for a core."""
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // 2))

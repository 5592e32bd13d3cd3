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
from effect.memory import peak_memory_mib

NEED_EDGES = ("edges", "edgeconnect")


class Facts(NamedTuple):
    """stride: pictures' sides must be multiples of it; takes_sketch: whether strokes are heeded."""

    stride: int
    takes_sketch: bool


class Painted(NamedTuple):
    """rgb: uint8 (h, w, 3); expected: float32 (h / 4, w / 4, 10 or more), the means of the `effect.inpaint.looks.looks`
    to expect and the logarithms of their variances, then perhaps queries and keys, see `effect.inpaint.nets.looks`; or
    None where the network does not tell."""

    rgb: NDArray[np.uint8]
    expected: NDArray[np.float32] | None


class Network(Protocol):
    peak_together_mib: int  # the most that this process and one of the network's own held together, or 0

    def facts(self) -> Facts: ...

    def paint(
        self, rgb: NDArray[np.uint8], missing: NDArray[np.bool_], strokes: NDArray[np.bool_] | None
    ) -> Painted:
        """Paint all of a picture, uint8 (h, w, 3), as one whose `missing` part, bool (h, w), is to be found.

        Raises UserError for weights that do not serve, RuntimeError or MemoryError where the network cannot run.
        """
        ...

    def close(self) -> None: ...


class NetworkHere:
    """A generator on the CPU of this process."""

    peak_together_mib = 0

    def __init__(self, weights: Path) -> None:
        """Raises UserError for weights that do not serve, ImportError when torch cannot be loaded."""
        from effect.inpaint.nets import load_generator, metadata_of

        self._generator = load_generator(weights)
        network = metadata_of(self._generator)["network"]
        if network in NEED_EDGES:
            raise UserError(
                f"{weights} holds the network '{network}', which needs edges: use gated, partial or lbam"
            )

    def facts(self) -> Facts:
        return Facts(self._generator.stride, getattr(self._generator.config, "sketch", False))

    def paint(
        self, rgb: NDArray[np.uint8], missing: NDArray[np.bool_], strokes: NDArray[np.bool_] | None
    ) -> Painted:
        import torch

        picture = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 127.5 - 1
        hole = torch.from_numpy(missing)[None, None].float()
        sketch = None if strokes is None else torch.from_numpy(strokes)[None, None].float()
        with torch.inference_mode():
            refined, expected = self._generator.paint(picture, hole, sketch)
        levels = ((refined[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
        return Painted(levels, None if expected is None else expected[0].permute(1, 2, 0).numpy())

    def close(self) -> None:
        pass


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

    def paint(
        self, rgb: NDArray[np.uint8], missing: NDArray[np.bool_], strokes: NDArray[np.bool_] | None
    ) -> Painted:
        self.facts()
        painted, theirs_mib = self._answer((rgb, missing, strokes))
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
        network = NetworkHere(weights)
        line.send(network.facts())
        painted = network.paint(*line.recv())
        line.send((painted, peak_memory_mib()))
    except (EOFError, BrokenPipeError):
        pass  # nobody waits for it any more
    except UserError as error:
        line.send(error)
    except Exception as error:
        line.send(RuntimeError(f"{error}"))

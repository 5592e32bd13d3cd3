"""Networks as ONNX graphs, run by onnxruntime, which is ready in a tenth of the time and memory that torch takes."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.network import Facts, Maps, Seen

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

STRIDE = "stride"  # key of the first graph's metadata


class GraphNetwork:
    """See `effect.inpaint.network.Network`; the graphs are written by `pipelines.shipped_graphs`."""

    def __init__(self, look: Path, colours: Path | None = None) -> None:
        self._paths = look, colours

    def load(self) -> None:
        _ = self._look, self._colours

    @cached_property
    def _look(self) -> InferenceSession:
        return open_session(self._paths[0], spin=False)

    @cached_property
    def _colours(self) -> InferenceSession | None:
        return open_session(self._paths[1], spin=False) if self._paths[1] else None

    @property
    def facts(self) -> Facts:
        stride = int(self._look.get_modelmeta().custom_metadata_map[STRIDE])
        return Facts(stride, any(one.name == "sketch" for one in self._look.get_inputs()))

    def look(self, rgb: Maps, hole: Maps, sketch: Maps | None) -> Seen:
        strokes = np.zeros_like(hole) if sketch is None else sketch
        told = run(self._look, {"rgb": rgb[None], "hole": hole[None], "sketch": strokes[None]})
        expected = told.get("expected")
        return Seen(told["picture"][0], None if expected is None else expected[0], told.get("inner"))

    def change(self, inner: NDArray[np.float32], maps: Maps, shifts: Maps) -> Maps:
        assert self._colours is not None
        return run(self._colours, {"inner": inner, "maps": maps[None], "shifts": shifts[None]})["change"][0]


def open_session(path: Path, threads: int = 0, spin: bool = True) -> InferenceSession:
    """threads: 0 = as many as OpenCV may use, which a worker among others limits; spin: whether they turn in circles
    while they wait, which is faster where nobody else works. Raises RuntimeError, ImportError."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads or cv2.getNumThreads()
    options.log_severity_level = 3
    # The attention's many weights near zero are denormal numbers, which cost a processor tenfold: its own threads and
    # the one that opens the process's first session take them for zero.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    try:
        return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds have nothing in common
        raise RuntimeError(f"{path.name} does not load: {error}") from error


def run(session: InferenceSession, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """All outputs by name; inputs that the graph does not take are left out. Raises RuntimeError."""
    taken, told = ([one.name for one in ends] for ends in (session.get_inputs(), session.get_outputs()))
    try:
        outputs = session.run(told, {name: inputs[name] for name in taken})
        return dict(zip(told, map(np.asarray, outputs), strict=True))
    except Exception as error:
        raise RuntimeError(str(error)) from error

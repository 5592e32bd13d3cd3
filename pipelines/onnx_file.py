"""Networks as ONNX files, by onnx and onnxruntime: run one, make one of 8 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Inputs = dict[str, NDArray[np.float32]]  # by name, (1, C, H, W) each


def require_onnx() -> None:
    """Raises UserError where the packages are missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise UserError(f"{error.name} is missing: pip install -r requirements-export.txt") from error


def open_session(path: Path, threads: int = 0) -> InferenceSession:
    """threads: 0 = as many as there are cores."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # The attention's many weights near zero are denormal numbers, which cost a processor tenfold.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(session: InferenceSession, inputs: Inputs) -> NDArray[np.float32]:
    """The one output, (1, 3, H, W)."""
    known = {one.name for one in session.get_inputs()}
    return np.asarray(session.run(None, {name: value for name, value in inputs.items() if name in known})[0])


def quantise(path: Path, target: Path, examples: Sequence[Inputs]) -> None:
    """Write `target`, whose convolutions compute in 8 bits, per channel; the ranges are those that the examples, all of
    one size, reach. Attention stays as it is."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    names = {one.name for one in open_session(path).get_inputs()}

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # untyped
        def __init__(self) -> None:
            self.left: Iterator[Inputs] = iter(examples)

        def get_next(self) -> Inputs | None:  # type: ignore[override]  # so its documentation says
            example = next(self.left, None)
            return example and {name: value for name, value in example.items() if name in names}

    prepared = target.with_suffix(".prepared.onnx")
    try:
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        prepared.unlink(missing_ok=True)


def export_graph(network: Any, inputs: Sequence[Any], names: Sequence[str], path: Path) -> None:
    """Write a torch network with one output, `painted`, whose height and width stay open."""
    import io
    import warnings
    from contextlib import redirect_stdout

    import torch

    open_sides = {name: {2: "height", 3: "width"} for name in [*names, "painted"]}
    with (
        warnings.catch_warnings(),
        redirect_stdout(io.StringIO()),
    ):  # where it fails, it prints the whole graph
        # The newer exporter proves every size symbolically: twenty times slower, for the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            tuple(inputs),
            str(path),
            input_names=list(names),
            output_names=["painted"],
            dynamic_axes=open_sides,
            opset_version=18,
            dynamo=False,
        )

"""Networks as ONNX files by onnx and onnxruntime: write one that refers to its weights, run one, make one of 8 bits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError
from effect.inpaint import graph
from effect.inpaint.graph import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Inputs = dict[str, NDArray[np.float32]]  # by name, (1, C, H, W) each


def require_onnx() -> None:
    """Raises UserError where the packages are missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        kind = "" if error.name == "onnxruntime" else "-export"
        raise UserError(f"{error.name} is missing: pip install -r requirements{kind}.txt") from error


def run(session: InferenceSession, inputs: Inputs) -> NDArray[np.float32]:
    """What an exported network paints, (1, 3, H, W)."""
    return graph.run(session, inputs)["painted"]


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


def export_graph(
    network: Any, inputs: Sequence[Any], names: Sequence[str], outputs: Sequence[str], path: Path
) -> None:
    """Write a torch network, whose inputs' and outputs' heights and widths stay open."""
    import io
    import warnings
    from contextlib import redirect_stdout

    import torch

    open_sides = {name: {2: "height", 3: "width"} for name in [*names, *outputs]}
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
            output_names=list(outputs),
            dynamic_axes=open_sides,
            opset_version=18,
            dynamo=False,
        )


def refer_to(path: Path, weights: Path, prefix: str, metadata: Mapping[str, str]) -> None:
    """Let a graph, which puts a prefix before their names, read its weights in their own float16 safetensors file, in
    the same folder; note the metadata.

    Tensors of a safetensors file lie one after the other as they are, behind 8 bytes and a header that says where.
    """
    import onnx
    from safetensors import safe_open

    with weights.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_bytes))
    model, casts = onnx.load(path), []
    with safe_open(weights, "numpy") as stored:
        for tensor in model.graph.initializer:
            name = tensor.name.removeprefix(prefix)
            if name not in header or header[name]["dtype"] != "F16":
                continue
            if not np.array_equal(
                onnx.numpy_helper.to_array(tensor), stored.get_tensor(name).astype(np.float32)
            ):
                continue
            half = f"{name} of 16 bits"
            casts.append(onnx.helper.make_node("Cast", [half], [tensor.name], to=onnx.TensorProto.FLOAT))
            start, end = header[name]["data_offsets"]
            where = {"location": weights.name, "offset": 8 + header_bytes + start, "length": end - start}
            tensor.ClearField("raw_data")
            tensor.name, tensor.data_type = half, onnx.TensorProto.FLOAT16
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in where.items():
                tensor.external_data.add(key=key, value=str(value))
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    onnx.helper.set_model_props(model, dict(metadata))
    path.write_bytes(model.SerializeToString())

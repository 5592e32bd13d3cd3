"""Networks as ExecuTorch programs, for apps on phones: write one, run one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from effect.errors import UserError
from effect.native_log import native_log_silenced


def require_executorch() -> None:
    """Raises UserError where the package is missing."""
    try:
        with native_log_silenced():
            import executorch.exir  # noqa: F401
    except ImportError as error:
        raise UserError(f"{error.name} is missing: pip install -r requirements-executorch.txt") from error


def export_graph(network: Any, inputs: Sequence[torch.Tensor], path: Path) -> None:
    """Write a torch network for inputs of this size alone; XNNPACK, which phones' processors run, computes what it
    can."""
    with native_log_silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        graph = torch.export.export(network, tuple(inputs))
        program = to_edge_transform_and_lower(graph, partitioner=[XnnpackPartitioner()]).to_executorch()
    path.write_bytes(program.buffer)


def open_program(path: Path) -> Any:
    """The program's one method."""
    with native_log_silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from executorch.runtime import Runtime

        return Runtime.get().load_program(path).load_method("forward")


def run(method: Any, inputs: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    """The one output, (1, 3, H, W)."""
    with native_log_silenced():  # what it cannot run it also says there, in a dozen lines
        return np.asarray(method.execute(tuple(inputs))[0])

"""How inner loops become machine code: by numba, for this processor, kept on disk for the next run.

With `prange`, numba promises the compiler that the arrays of a loop do not overlap. Only then, with C-contiguous
arrays, unsigned indices and numbers of 32 bits, does it compute 8 or 16 pixels with one instruction: up to five times
as fast.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock

import llvmlite.binding as llvm
import numpy as np
from numba import njit, prange, set_num_threads, threading_layer
from numba.core import config

_features = llvm.get_host_cpu_features()
if _features.get("avx512f") and getattr(config, "CPU_FEATURES", None) is None:
    # By itself LLVM keeps to half of such a processor's width: the first of them lost speed with all of it.
    _features["prefer-256-bit"] = False
    setattr(config, "CPU_FEATURES", _features.flatten())  # noqa: B010 - numba declares it at run time

compiled = njit(cache=True, nogil=True, error_model="numpy")  # numpy: dividing by 0 is no error
by_rows = njit(cache=True, nogil=True, error_model="numpy", parallel=True)
# Of this thread: frames are drawn at the same time (see effect.ahead), not rows of one frame.
set_num_threads(1)


@contextmanager
def drawing() -> Iterator[None]:
    """Surrounds the drawing of one frame, in any thread."""
    set_num_threads(1)
    with _turn():
        yield


@cache
def _turn() -> AbstractContextManager[object]:
    """A lock where numba has nothing better than its own "workqueue", which ends the process if two threads use it."""
    _start_threads(np.zeros(1))
    return Lock() if threading_layer() == "workqueue" else nullcontext()


@by_rows
def _start_threads(numbers):  # type: ignore[no-untyped-def]
    """The first such loop makes numba choose how to run them."""
    for index in prange(len(numbers)):
        numbers[index] = 1

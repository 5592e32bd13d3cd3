"""How inner loops become machine code: by numba, for this processor, kept on disk for the next run.

Where the compiler knows that the arrays of a loop do not overlap, which `unaliased` promises it, and arrays are
C-contiguous, indices unsigned and numbers of 32 bits, it computes 8 or 16 pixels with one instruction: several times as
fast. Loops that look up scattered pixels are split: one finds the places, one fetches what is there, one computes.

The code of a caller holds that of what it calls, which must lie in the same folder, and numbers of other modules: where
any of it has changed, all code of the folder is made anew. By itself numba would look at the caller's own file alone.
"""

import atexit
import hashlib
import importlib
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from numba import njit
from numba.core import config
from numba.core.compiler import Compiler

_features = llvm.get_host_cpu_features()
if _features.get("avx512f") and getattr(config, "CPU_FEATURES", None) is None:
    # By itself LLVM keeps to half of such a processor's width: the first of them lost speed with all of it.
    _features["prefer-256-bit"] = False
    setattr(config, "CPU_FEATURES", _features.flatten())  # noqa: B010 - numba declares it at run time


BLAS = "scipy.linalg.cython_blas"


def put_off_blas() -> None:
    """numba imports all of scipy.linalg to see whether matrices can be multiplied, a fifth of what it takes to get
    ready. No loop here does that; whoever else compiles one that does still finds the routines then."""
    if BLAS in sys.modules:
        return
    sys.modules[BLAS] = None  # type: ignore[assignment]  # not to be imported
    try:
        looking = importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[BLAS]
    looking._HAVE_BLAS = True  # type: ignore[attr-defined]


put_off_blas()


def keep_code_elsewhere() -> None:
    """Let numba keep machine code in a folder that is gone with this process: it finds no place of its own where a
    file's folder and the home are both read-only."""
    folder = tempfile.mkdtemp(prefix="numba-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    setattr(config, "CACHE_DIR", folder)  # noqa: B010 - numba declares it at run time


try:
    njit(cache=True)(keep_code_elsewhere)  # compiles nothing yet, but looks for a place
except RuntimeError:
    keep_code_elsewhere()

ROOT = Path(__file__).resolve().parent.parent
IMPORTED = re.compile(rb"^ *from (effect[\w.]*) import", re.MULTILINE)


class _Unaliased(Compiler):
    def define_pipelines(self):  # type: ignore[no-untyped-def]
        self.state.flags.noalias = True
        return super().define_pipelines()


def _kept(jit: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A decorator of numba's whose machine code is kept until something compiled in the function's folder changes."""

    def decorate(function: Any) -> Any:
        made = jit(function)
        kept = getattr(getattr(made, "_cache", None), "_cache_file", None)
        if kept:  # nothing is where numba is switched off
            # Of an index of another version nothing is read: it may name classes that are gone.
            kept._version = kept._version, _state_of(Path(function.__code__.co_filename).parent)
        return made

    return decorate


@cache
def _state_of(folder: Path) -> str:
    """A hash of what is compiled in a folder, and of the modules that it names in `from effect... import`."""
    sources = {path: path.read_bytes() for path in folder.glob("*.py")}
    compiled = {path: source for path, source in sources.items() if b"effect.compiled" in source}
    named = {name for source in compiled.values() for name in IMPORTED.findall(source)}
    taken = [ROOT / f"{name.decode().replace('.', '/')}.py" for name in named]
    files = sorted({*compiled, *(path for path in taken if path.is_file())})
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


compiled = _kept(njit(cache=True, nogil=True, error_model="numpy"))  # numpy: dividing by 0 is no error
# What is written must share no memory with any other argument, and no argument may be returned.
unaliased = _kept(njit(cache=True, nogil=True, error_model="numpy", pipeline_class=_Unaliased))

"""How inner loops become machine code: by numba, for this processor, kept on disk for the next run.

Where the compiler knows that the arrays of a loop do not overlap, which `unaliased` promises it, and arrays are
C-contiguous, indices unsigned and numbers of 32 bits, it computes 8 or 16 pixels with one instruction: several times as
fast. Loops that look up scattered pixels are split: one finds the places, the next one looks there.

The code of a caller holds that of what it calls, and numba makes it anew only when the caller's own file has changed:
after a change here or in `effect.pixels`, `effect.wings`, `effect.wardrobe`, remove `effect/__pycache__/*.nb?`.
"""

import llvmlite.binding as llvm
from numba import njit
from numba.core import config
from numba.core.compiler import Compiler

_features = llvm.get_host_cpu_features()
if _features.get("avx512f") and getattr(config, "CPU_FEATURES", None) is None:
    # By itself LLVM keeps to half of such a processor's width: the first of them lost speed with all of it.
    _features["prefer-256-bit"] = False
    setattr(config, "CPU_FEATURES", _features.flatten())  # noqa: B010 - numba declares it at run time


class _Unaliased(Compiler):
    def define_pipelines(self):  # type: ignore[no-untyped-def]
        self.state.flags.noalias = True
        return super().define_pipelines()


compiled = njit(cache=True, nogil=True, error_model="numpy")  # numpy: dividing by 0 is no error
# What is written must share no memory with any other argument, and no argument may be returned.
unaliased = njit(cache=True, nogil=True, error_model="numpy", pipeline_class=_Unaliased)

"""How much memory a process takes."""

import resource
import sys


def peak_memory_mib() -> int:
    """The most memory this process has held, in MiB; the encoder, a process of its own, is not counted.

    RUSAGE_CHILDREN would not do: Linux starts a child's peak at that of the process which forked it.
    """
    units_per_mib = 2**20 if sys.platform == "darwin" else 2**10  # Linux counts KiB, macOS bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // units_per_mib

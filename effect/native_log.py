"""The log lines of native libraries, which no variable of theirs silences."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_STANDARD_ERROR = 2
_stderr_lock = threading.Lock()


@contextlib.contextmanager
def native_log_silenced() -> Iterator[None]:
    """Keep what native code writes to file descriptor 2 from the user."""
    with _stderr_lock:
        try:
            kept = os.dup(_STANDARD_ERROR)
        except OSError:  # started without a standard error
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, _STANDARD_ERROR)
            yield
        finally:
            os.dup2(kept, _STANDARD_ERROR)
            os.close(nowhere)
            os.close(kept)

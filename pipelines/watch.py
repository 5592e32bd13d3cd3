"""What a job tells its user while it runs and afterwards: progress bars, notices, seconds, memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from effect.memory import peak_memory_mib

Item = TypeVar("Item")


class Watch:
    """Times the stages of one job, and speaks to the terminal unless `quiet`."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.stages: dict[str, float] = {}
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the job began."""
        return time.perf_counter() - self._began

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the seconds that the block takes to `stages[name]`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - began

    def progress(
        self, items: Iterable[Item], name: str, unit: str, total: int | None = None
    ) -> Iterable[Item]:
        """The same items, with a progress bar on a terminal; `total` where the items have no length."""
        from tqdm import tqdm

        # disable=None: tqdm itself stays silent where stderr is no terminal
        return tqdm(items, name, total, unit=unit, disable=True if self.quiet else None, leave=False)

    def notice(self, text: str) -> None:
        """Say something the user should know, on stderr."""
        if not self.quiet:
            print(f"note: {text}", file=sys.stderr)

    def report(self) -> dict[str, object]:
        """Stages and seconds so far, and the peak memory in MiB, without the encoder's."""
        return {
            "stages": {name: round(seconds, 3) for name, seconds in self.stages.items()},
            "seconds": round(self.seconds, 3),
            "peak_memory_mib": peak_memory_mib(),
        }

"""The batch in several processes that share the cores."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace

from pipelines.batch import Outcome, failed, render_task
from pipelines.folder import Task
from pipelines.models import Models
from pipelines.settings import Settings
from pipelines.watch import Watch

_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_DIED = "its worker died, perhaps out of memory: use fewer --jobs or a smaller --size"
_worker: dict[str, tuple[Settings, Models]] = {}  # what one worker process keeps between its photos


def render_apart(tasks: Sequence[Task], settings: Settings, jobs: int, quiet: bool) -> Iterator[Outcome]:
    """Render the tasks in `jobs` processes; one that dies takes only the photos in work with it."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    settings = replace(settings, threads=threads)
    waiting = list(tasks)
    with _limited(threads):
        while waiting:
            yield from _run_pool(waiting, settings, jobs, threads, quiet)


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    """Limits that the workers' libraries read when they load; this process keeps its own, numba insists on that."""
    before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
    os.environ.update({name: str(threads) for name in _THREAD_LIMITS})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _run_pool(
    waiting: list[Task], settings: Settings, jobs: int, threads: int, quiet: bool
) -> Iterator[Outcome]:
    """Take tasks from `waiting` until none is left or the pool breaks."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the libraries' threads half alive
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (settings, threads, quiet))
    running: dict[Future[Outcome], Task] = {}
    broken = False
    try:
        while running or (waiting and not broken):
            while waiting and not broken and len(running) < jobs:
                try:
                    running[pool.submit(_render_in_worker, waiting[0])] = waiting[0]
                    waiting.pop(0)
                except BrokenProcessPool:
                    broken = True
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                broken = broken or isinstance(future.exception(), BrokenProcessPool)
                yield failed(task, _DIED) if future.exception() else future.result()
    except BaseException:  # Ctrl-C above all: the workers stop where they are and clear up
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(settings: Settings, threads: int, quiet: bool) -> None:
    import cv2

    exit_on_signals()
    cv2.setNumThreads(threads)
    models = Models(settings, Watch(quiet))
    atexit.register(models.close)
    _worker["state"] = (settings, models)


def exit_on_signals() -> None:
    """Leave this process by an exception when it is to end, so that half-written files are removed on the way out."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, lambda *_: sys.exit(130))
    tell = sys.unraisablehook

    def leave_later(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_type is SystemExit:  # it came while an object was being deleted, and was dropped
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            tell(unraisable)

    sys.unraisablehook = leave_later


def _render_in_worker(task: Task) -> Outcome:
    settings, models = _worker["state"]
    return render_task(task, settings, models)

"""Frames drawn ahead of the encoder by several threads: compiled code does not hold Python's lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]


def drawn_ahead(draw: Callable[[int], Frame], indices: Iterable[int], threads: int) -> Iterator[Frame]:
    """draw(index) for every index, in this order, with as many frames under way as there are threads."""
    under_way: deque[Future[Frame]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="draw") as pool:
        try:
            for index in indices:
                under_way.append(pool.submit(draw, index))
                if len(under_way) > threads:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for frame in under_way:  # whoever asked for frames has stopped
                frame.cancel()

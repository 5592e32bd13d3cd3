"""Work that is done ahead: frames by several threads, as compiled code does not hold Python's lock; what they need."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Result = TypeVar("Result")


def begun(work: Callable[[], Result]) -> Future[Result]:
    """What work() will give, which runs beside whatever follows, and is not waited for unless somebody asks."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="beside")
    result = pool.submit(work)
    pool.shutdown(wait=False)  # nothing else follows
    return result


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


def get_ready(species: Sequence[str]) -> None:
    """Load what drawing needs, the species' textures and compiled code; no species stand for all."""
    from effect.butterflies import Pose, draw_butterfly
    from effect.species import atlases_of, load_species, species_names

    loaded = tuple(load_species(name) for name in sorted(set(species or species_names())))
    atlases_of(loaded)  # as effect.swarm.Swarm.kinds has them
    draw_butterfly(np.zeros((8, 8, 3), np.uint8), loaded[0], Pose(4, 4, 4))

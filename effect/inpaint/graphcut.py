"""A choice for every pixel so that neighbours agree: alpha expansion by graph cuts.

Boykov, Veksler and Zabih, "Fast Approximate Energy Minimization via Graph Cuts", PAMI 2001.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SWEEPS = 2  # over all choices
MOST_CAPACITY = 2**28  # the solver counts in 32 bits

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """m pairs of neighbours: indices (m,) of pixels, and what each pays for a pair of choices.

    costs takes the numbers of k pairs, and the choices of their first and of their second pixels, and returns float64
    (k,), 0 for equal choices.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    costs: Callable[[Indices, Indices, Indices], NDArray[np.float64]]


def expand(costs: NDArray[np.float64], pairs: Pairs) -> NDArray[np.int64]:
    """A choice for each of n pixels that makes the sum of all costs small: int (n,).

    costs: (n, K), of each choice by itself, inf for those that a pixel must not make; pairs: neighbours, and what they
    pay for unlike choices.
    """
    pixels = np.arange(len(costs))
    chosen = costs.argmin(axis=1)
    every_pair = np.arange(len(pairs.first))
    energy = lambda labels: (
        costs[pixels, labels].sum() + pairs.costs(every_pair, labels[pairs.first], labels[pairs.second]).sum()
    )
    lowest = energy(chosen)
    for _ in range(SWEEPS):
        before = lowest
        for choice in range(costs.shape[1]):
            changes = cut(costs, pairs, chosen, choice)
            changed = np.where(changes, choice, chosen)
            if changes.any() and (new := energy(changed)) < lowest:
                chosen, lowest = changed, new
        if lowest == before:
            break
    return chosen


def cut(
    costs: NDArray[np.float64], pairs: Pairs, chosen: NDArray[np.int64], choice: int
) -> NDArray[np.bool_]:
    """Which pixels should change to `choice` at once: bool (n,), the smallest cut of a graph.

    Kolmogorov and Zabih, "What Energy Functions Can Be Minimized via Graph Cuts?", 2004, section 4.1.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    movable = np.isfinite(costs[:, choice]) & (chosen != choice)
    concerned = np.flatnonzero(movable[pairs.first] | movable[pairs.second])
    first, second = pairs.first[concerned], pairs.second[concerned]
    only_first, only_second = ~movable[second], ~movable[first]
    now_first, now_second = chosen[first], chosen[second]
    new = np.full(len(first), choice)
    neither = pairs.costs(concerned, now_first, now_second)
    second_changes = pairs.costs(concerned, now_first, new)
    first_changes = pairs.costs(concerned, new, now_second)

    nodes = np.flatnonzero(movable)
    n = len(nodes)
    source, sink = n, n + 1
    number = np.zeros(len(costs), int)
    number[nodes] = np.arange(n)
    first, second = number[first], number[second]
    change = costs[nodes, choice] - costs[nodes, chosen[nodes]]
    of_first = np.where(only_second, 0, first_changes - neither)
    of_second = np.where(only_first, 0, np.where(only_second, second_changes - neither, -first_changes))
    change += np.bincount(first, of_first, n) + np.bincount(second, of_second, n)
    together = np.where(only_first | only_second, 0, np.maximum(0, first_changes + second_changes - neither))

    every = np.arange(n)
    rows = np.concatenate([np.full(n, source), every, first])
    columns = np.concatenate([every, np.full(n, sink), second])
    capacities = np.concatenate([np.maximum(change, 0), np.maximum(-change, 0), together])
    capacities = np.minimum(np.rint(capacities), MOST_CAPACITY).astype(np.int32)
    open_ = capacities > 0
    graph = csr_array((capacities[open_], (rows[open_], columns[open_])), shape=(n + 2, n + 2))
    residual = graph - maximum_flow(graph, source, sink).flow
    residual.data[residual.data < 0] = 0
    residual.eliminate_zeros()
    stays = np.zeros(n + 2, bool)
    stays[breadth_first_order(residual, source, return_predecessors=False)] = True
    changes = np.zeros(len(costs), bool)
    changes[nodes] = ~stays[:n]
    return changes

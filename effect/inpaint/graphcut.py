"""A choice for every pixel so that neighbours agree: alpha expansion by graph cuts.

Boykov, Veksler and Zabih, "Fast Approximate Energy Minimization via Graph Cuts", PAMI 2001.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from effect.compiled import compiled

SWEEPS = 2  # over all choices
MOST_CAPACITY = 2**28  # so dear that nothing dearer is ever cut

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
    number = np.zeros(len(costs), int)
    number[nodes] = np.arange(n)
    first, second = number[first], number[second]
    change = costs[nodes, choice] - costs[nodes, chosen[nodes]]
    of_first = np.where(only_second, 0, first_changes - neither)
    of_second = np.where(only_first, 0, np.where(only_second, second_changes - neither, -first_changes))
    change += np.bincount(first, of_first, n) + np.bincount(second, of_second, n)
    together = np.where(only_first | only_second, 0, np.maximum(0, first_changes + second_changes - neither))
    whole = lambda amounts: np.clip(np.rint(amounts), -MOST_CAPACITY, MOST_CAPACITY).astype(np.int64)
    capacities = whole(together)
    open_ = capacities > 0
    changes = np.zeros(len(costs), bool)
    changes[nodes] = ~source_side(whole(change), first[open_], second[open_], capacities[open_])
    return changes


@compiled
def source_side(supply, first, second, capacities):  # type: ignore[no-untyped-def]
    """The nodes on the source's side of the smallest cut, those that are left of it when all flows: bool (n,).

    supply: int64 (n,), what the source gives a node, or less than 0, what it hands to the sink; first, second,
    capacities: int64 (m,), arcs between nodes. Dinic, "Algorithm for solution of a problem of maximum flow in networks
    with power estimation", 1970.
    """
    n, arcs = len(supply), 2 * len(first)
    heads, free = np.empty(arcs, np.int64), np.zeros(arcs, np.int64)  # every arc is followed by its way back
    starts, leaving = np.zeros(n + 1, np.int64), np.empty(arcs, np.int64)
    for arc in range(len(first)):
        heads[2 * arc], heads[2 * arc + 1], free[2 * arc] = second[arc], first[arc], capacities[arc]
        starts[first[arc] + 1] += 1
        starts[second[arc] + 1] += 1
    starts = np.cumsum(starts)
    filled = starts[:-1].copy()
    for arc in range(arcs):
        tail = heads[arc ^ 1]
        leaving[filled[tail]] = arc
        filled[tail] += 1
    left, level, queue, path = (
        supply.copy(),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
    )
    while _set_levels(level, left, starts, leaving, heads, free, queue):
        upcoming = starts[:-1].copy()
        for origin in range(n):
            node, length = origin, 0
            while left[origin] > 0:
                if left[node] < 0:  # arrived
                    flow = min(left[origin], -left[node])
                    for arc in path[:length]:
                        flow = min(flow, free[arc])
                    for arc in path[:length]:
                        free[arc] -= flow
                        free[arc ^ 1] += flow
                    left[origin] -= flow
                    left[node] += flow
                    node, length = origin, 0
                elif upcoming[node] < starts[node + 1]:
                    arc = leaving[upcoming[node]]
                    if free[arc] > 0 and level[heads[arc]] == level[node] + 1:
                        path[length] = arc
                        node, length = heads[arc], length + 1
                    else:
                        upcoming[node] += 1
                elif length:  # a dead end: back, and never here again
                    length -= 1
                    node = heads[path[length] ^ 1]
                    upcoming[node] += 1
                else:
                    break
    return level >= 0


@compiled
def _set_levels(level, left, starts, leaving, heads, free, queue):  # type: ignore[no-untyped-def]
    """How many open arcs lie between the source and each node, -1 where no way leads; whether one leads to the sink."""
    level[:] = -1
    filled, arrives = 0, False
    for node in range(len(left)):
        if left[node] > 0:
            level[node] = 0
            queue[filled] = node
            filled += 1
    reached = 0
    while reached < filled:
        node = queue[reached]
        reached += 1
        arrives |= left[node] < 0
        for arc in leaving[starts[node] : starts[node + 1]]:
            head = heads[arc]
            if free[arc] > 0 and level[head] < 0:
                level[head] = level[node] + 1
                queue[filled] = head
                filled += 1
    return arrives

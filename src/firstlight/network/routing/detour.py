"""Shortest ways through what is left of any fabric, drawn link by link, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstlight.network.topology.walk import compiled, digit
from firstlight.twin.protocols import Hashes, Ints, Paths, Topology


def detours(topology: Topology, sources: Ints, targets: Ints, hashes: Hashes, down: NDArray[np.bool_]) -> Paths:
    """A shortest path for each pair without the directed links that are down; only -1 where none is left.

    Each node on the way draws evenly from its links that lead nearer to the target.
    """
    tails, heads = _arcs(topology)
    alive = np.flatnonzero(~down)
    nodes = topology.endpoints + sum(tier.switches for tier in topology.tiers)
    through = 0 if not topology.tiers else topology.endpoints
    leaving, entering = _by(tails, alive, nodes), _by(heads, alive, nodes)
    order = np.argsort(targets, kind="stable")
    paths = np.full((len(sources), _LONGEST), -1, np.int32)
    _detours(sources, targets, hashes, order, tails, heads, *leaving, *entering, through, paths)
    longest = int(np.count_nonzero(paths >= 0, axis=1).max(initial=1))
    return np.ascontiguousarray(paths[:, :longest])


_LONGEST = 256
"""Links of the longest path looked for."""


def _arcs(topology: Topology) -> tuple[Ints, Ints]:
    """Node that each directed link leaves and node that it enters: endpoints, then switches tier by tier."""
    first = np.cumsum([0, topology.endpoints, *(tier.switches for tier in topology.tiers)])
    lower, upper = list[Ints](), list[Ints]()
    for index, bundle in enumerate(topology.bundles):
        low, high = topology.ends(index, np.arange(bundle.count))
        lower.append(first[bundle.lower + 1] + low)
        upper.append(first[bundle.upper + 1] + high)
    return np.concatenate([*lower, *upper]), np.concatenate([*upper, *lower])


def _by(nodes: Ints, links: Ints, count: int) -> tuple[Ints, Ints]:
    """Links of each node: row starts and links."""
    order = links[np.argsort(nodes[links], kind="stable")]
    return np.searchsorted(nodes[order], np.arange(count + 1)), order


@compiled
def _detours(
    sources: Ints, targets: Ints, hashes: Hashes, order: Ints, tails: Ints, heads: Ints,
    leave: Ints, leaving: Ints, enter: Ints, entering: Ints, through: int, paths: Paths,
) -> None:  # fmt: skip
    """Fill `paths`: one search for each target, backwards; endpoints below `through` do not forward."""
    away, queue, last = np.empty(leave.size - 1, np.int32), np.empty(leave.size - 1, np.int64), -1
    for i in order:
        if targets[i] != last:
            last = targets[i]
            _measure(last, tails, enter, entering, through, away, queue)
        at, step = sources[i], 0
        if away[at] > paths.shape[1]:
            continue
        while at != last and away[at] >= 0:
            count = 0
            for link in leaving[leave[at] : leave[at + 1]]:
                count += away[heads[link]] == away[at] - 1
            chosen = digit(hashes[i], step, count)
            for link in leaving[leave[at] : leave[at + 1]]:
                if away[heads[link]] == away[at] - 1:
                    chosen -= 1
                    if chosen < 0:
                        paths[i, step] = link
                        break
            at, step = heads[paths[i, step]], step + 1


@compiled
def _measure(target: int, tails: Ints, enter: Ints, entering: Ints, through: int, away: Paths, queue: Ints) -> None:
    """Links from each node to the target, -1 where there is no way."""
    away[:] = -1
    away[target] = 0
    queue[0], head, tail = target, 0, 1
    while head < tail:
        node = queue[head]
        head += 1
        if node < through and node != target:
            continue
        for link in entering[enter[node] : enter[node + 1]]:
            if away[tails[link]] < 0:
                away[tails[link]] = away[node] + 1
                queue[tail] = tails[link]
                tail += 1

"""Equal-cost multipath with a seeded hash: each queue pair takes one path and keeps it, around links that are down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstlight.network.routing.failures import Failures, require_ways
from firstlight.network.topology.base import Switched
from firstlight.twin.protocols import Hashes, Ints, Paths, Topology

TRIES = 8
"""New hashes that a flow over a dead link is given, before its ways are searched."""


def hashes(chains: Ints, seed: int) -> Hashes:
    """A hash for each flow, the same for all of one chain: its queue pair keeps its path [like `chains`]."""
    base = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    x = (np.asarray(chains).astype(np.uint64) + base) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return x ^ (x >> np.uint64(32))


def route(topology: Topology, sources: Ints, targets: Ints, hashed: Hashes, failures: Failures) -> Paths:
    """One path for each pair, none over a link that is down: `Topology.routes` on what is left.

    Flows whose path is whole keep it. On folded Clos networks each switch draws evenly from its links that lead on to
    the target; elsewhere a flow is given new hashes, and then a shortest way through what is left, drawn link by link.

    Raises:
        UsageError: an endpoint does not exist, or two have no path left between them.
    """
    paths = topology.routes(sources, targets, hashed)
    if not failures.down.size:
        return paths
    sources, targets = topology.pairs(sources, targets)
    down = np.zeros(2 * topology.links, np.bool_)
    down[failures.down] = True
    rows = np.flatnonzero(_hit(paths, down))
    if isinstance(topology, Switched):
        left = topology.routes_left(sources[rows], targets[rows], hashed[rows], down)
    else:
        left = _search(topology, sources[rows], targets[rows], hashed[rows], down)
    require_ways(sources[rows], targets[rows], (left[:, 0] >= 0) | (sources[rows] == targets[rows]))
    if left.shape[1] > paths.shape[1]:
        wider = np.full((len(paths), left.shape[1]), -1, np.int32)
        wider[:, : paths.shape[1]] = paths
        paths = wider
    paths[rows] = -1
    paths[rows, : left.shape[1]] = left
    return paths


def reached(topology: Topology, sources: Ints, targets: Ints, down: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a way is left between each pair of endpoints without the directed links that are down [pairs]."""
    sources, targets = topology.pairs(sources, targets)
    hashed = hashes(np.arange(len(sources)), 0)
    paths = topology.routes(sources, targets, hashed)
    rows, found = np.flatnonzero(_hit(paths, down)), np.ones(len(sources), np.bool_)
    if isinstance(topology, Switched):
        left = topology.routes_left(sources[rows], targets[rows], hashed[rows], down)
    else:
        left = _search(topology, sources[rows], targets[rows], hashed[rows], down)
    found[rows] = left[:, 0] >= 0
    return found


def _hit(paths: Paths, down: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a path takes a link that is down."""
    return np.any((paths >= 0) & down[paths], axis=1)


def _search(topology: Topology, sources: Ints, targets: Ints, hashed: Hashes, down: NDArray[np.bool_]) -> Paths:
    from firstlight.network.routing import detour

    paths = topology.routes(sources, targets, hashed)
    for attempt in range(TRIES):
        rows = np.flatnonzero(_hit(paths, down))
        if not rows.size:
            return paths
        paths[rows] = topology.routes(sources[rows], targets[rows], hashes(hashed[rows].astype(np.int64), attempt))
    rows = np.flatnonzero(_hit(paths, down))
    found = detour.detours(topology, sources[rows], targets[rows], hashed[rows], down)
    wider = np.full((len(paths), max(found.shape[1], paths.shape[1])), -1, np.int32)
    wider[:, : paths.shape[1]] = paths
    wider[rows] = -1
    wider[rows, : found.shape[1]] = found
    return wider

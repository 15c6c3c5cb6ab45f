"""A topology as a graph of numbered nodes, and what every kind's routes must be: shortest walks that hang together."""

from __future__ import annotations

import numpy as np

from firstlight.twin.protocols import Ints, Paths, Topology


def arcs(topology: Topology) -> tuple[Ints, Ints]:
    """Node that each directed link leaves and node that it enters; endpoints first, then switches tier by tier."""
    first = np.cumsum([0, topology.endpoints, *(tier.switches for tier in topology.tiers)])
    lower, upper = list[Ints](), list[Ints]()
    for index, bundle in enumerate(topology.bundles):
        low, high = topology.ends(index, np.arange(bundle.count))
        lower.append(first[bundle.lower + 1] + low)
        upper.append(first[bundle.upper + 1] + high)
    up, down = np.concatenate(lower), np.concatenate(upper)
    return np.concatenate([up, down]), np.concatenate([down, up])


def assert_walks(topology: Topology, sources: Ints, targets: Ints, paths: Paths) -> None:
    """Each row starts at its source, each link begins where the last one ended, and the end is the target."""
    tails, heads = arcs(topology)
    at = np.array(sources)
    for column in paths.T:
        on = column >= 0
        assert np.array_equal(tails[column[on]], at[on])
        at[on] = heads[column[on]]
    assert np.array_equal(at, targets)
    assert np.all((paths[:, :-1] >= 0) | (paths[:, 1:] < 0))  # nothing behind the first gap


def lengths(paths: Paths) -> Ints:
    """Links of each path."""
    return np.count_nonzero(paths >= 0, axis=1)


def hashes(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)

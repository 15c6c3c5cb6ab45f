"""Pods: systems that share leaf switches; and where in them, or in the halls' cores, each switch stands."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from firstlight.errors import UsageError
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import System
from firstlight.twin.protocols import Floats, Ints, Topology

CHUNK = 1 << 21
"""Links looked at together."""


def endpoints_each(topology: Topology, systems: int) -> int:
    """Endpoints of one system.

    Raises:
        UsageError: the fabric was built for another number of systems.
    """
    if topology.endpoints % systems:
        raise UsageError(f"a fabric of {topology.endpoints:,} endpoints does not join {systems:,} whole systems")
    return topology.endpoints // systems


def pods(topology: Topology, system: System, systems: int, holds: int, a: Assumptions) -> Ints:
    """Offsets of each pod into the systems [pods + 1].

    A pod is a group of systems that begin on the same leaf; groups that are smaller than `twin.pod_accelerators` in
    whole racks share a pod. Where the fabric has no leaves (a torus) a pod is just so many.

    Args:
        topology: the fabric.
        system: what it joins.
        systems: how many.
        holds: systems that one rack takes.
        a: assumptions `twin.pod_accelerators`.
    """
    target = math.ceil(max(1, a.positive("twin.pod_accelerators") // system.accelerators) / holds) * holds
    starts = _leaf_groups(topology, systems) if topology.tiers else np.arange(systems)
    together = max(1, target // math.ceil(systems / len(starts)))
    return np.append(starts[::together], systems)


def _leaf_groups(topology: Topology, systems: int) -> Ints:
    """First system of each run of systems whose first endpoint is on the same leaf."""
    first = np.arange(systems) * endpoints_each(topology, systems)
    _, leaf = topology.ends(0, first)
    return np.append(0, np.flatnonzero(np.diff(leaf)) + 1)


def leaf_pods(topology: Topology, pod_systems: Ints) -> Ints:
    """Pod of each switch of the lowest tier, that of the first endpoint on it [leaves]; none on a torus."""
    if not topology.tiers:
        return np.zeros(0, np.int64)
    first = np.full(topology.tiers[0].switches, topology.endpoints - 1)
    for endpoint, leaf in _links(topology, 0):
        np.minimum.at(first, leaf, endpoint)
    system = first // endpoints_each(topology, int(pod_systems[-1]))
    return np.searchsorted(pod_systems, system, side="right") - 1


def upper_halls(topology: Topology, leaves: Ints) -> list[Ints]:
    """Hall of each switch of each tier above the leaves; arrays [switches].

    A switch whose lower switches are all in one hall stands there; those that join the same halls are shared out
    among these and the halls between them, as their lower switches are.

    Args:
        topology: the fabric.
        leaves: hall of each leaf [leaves].
    """
    found = [leaves]
    for tier in range(1, len(topology.tiers)):
        found.append(_above(topology, tier, found[-1]))
    return found[1:]


def _above(topology: Topology, tier: int, below: Ints) -> Ints:
    """Hall of each switch of a tier [switches], from the halls of the tier below it."""
    count = topology.tiers[tier].switches
    low, high = np.full(count, len(below)), np.full(count, -1)
    for index, bundle in enumerate(topology.bundles):
        if (bundle.lower, bundle.upper) == (tier - 1, tier):
            for lower, upper in _links(topology, index):
                np.minimum.at(low, upper, lower)
                np.maximum.at(high, upper, lower)
    share = _shares(below[low] * (below.max() + 1) + below[high])
    return below[low + (share * (high - low + 1)).astype(np.int64)]


def _shares(groups: Ints) -> Floats:
    """Share of its group that comes before each member, from 0 to below 1; like `groups`."""
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rank = np.empty(len(groups), np.int64)
    rank[np.argsort(group, kind="stable")] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank / sizes[group]


def _links(topology: Topology, bundle: int) -> Iterator[tuple[Ints, Ints]]:
    """Both ends of all links of a bundle, a chunk at a time."""
    count = topology.bundles[bundle].count
    for first in range(0, count, CHUNK):
        yield topology.ends(bundle, np.arange(first, min(first + CHUNK, count)))

"""Sprayed traffic on what is left: trunks with the capacity that packets spread over their links can use."""

from __future__ import annotations

import numpy as np

from firstlight.network.routing.failures import Failures, require_ways
from firstlight.network.topology.base import Switched
from firstlight.twin.protocols import Floats, Ints, Paths


def spray(topology: Switched, sources: Ints, targets: Ints, failures: Failures, adaptive: bool) -> tuple[Paths, Floats]:
    """Trunks of each pair [pairs, longest], and what each trunk carries at most [trunks] [B/s].

    Packets avoid links that are down. Adaptive packets fill slow links as far as these go. Oblivious ones do not know
    of them and load all links alike, so that the slowest sets the pace of its trunk.

    Raises:
        UsageError: an endpoint does not exist, or two have no path left between them.
    """
    paths, _ = topology.trunks(sources, targets)
    capacity = trunk_capacity(topology, failures, adaptive)
    require_ways(sources, targets, np.all((paths < 0) | (capacity[paths] > 0), axis=1))
    return paths, capacity


def trunk_capacity(topology: Switched, failures: Failures, adaptive: bool) -> Floats:
    """What each trunk carries at most [trunks] [B/s]; see `spray`."""
    _, healthy = topology.trunks(np.zeros(1, np.int64), np.zeros(1, np.int64))
    if not failures.links.size:
        return healthy
    of, left = trunk_of(topology, len(healthy)), topology.capacity() * failures.shares(topology)
    if adaptive:
        return np.bincount(of, left, len(healthy)).astype(np.float64)
    slowest = np.full(len(healthy), np.inf)
    np.minimum.at(slowest, of[left > 0], left[left > 0])
    alive = np.bincount(of[left > 0], minlength=len(healthy))
    return np.where(alive > 0, alive * np.where(np.isfinite(slowest), slowest, 0.0), 0.0)


def trunk_of(topology: Switched, trunks: int) -> Ints:
    """Trunk of each directed link."""
    up = np.concatenate([topology.trunk(i, np.arange(bundle.count)) for i, bundle in enumerate(topology.bundles)])
    return np.concatenate([up, up + trunks // 2])

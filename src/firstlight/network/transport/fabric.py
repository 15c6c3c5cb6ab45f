"""One plane of a switched fabric as packets see it: arrays of rates, latencies and queues."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.topology.base import Switched
from firstlight.network.transport.protocol import Protocol
from firstlight.twin.protocols import Floats, Ints, Topology


class Latency(NamedTuple):
    """Unloaded latencies, one way [s]: of a link of each bundle, of a switch of each tier."""

    links: Floats
    switches: Floats


class Plane(NamedTuple):
    """One plane of a fabric.

    Attributes:
        stages: see `walk.stages`, links counted in this plane [stages, 7].
        leaf: of each endpoint, over all rails [endpoints].
        links: of this plane.
        rate: of each directed link, 0 where it is down [2 * links] [B/s].
        limit, low, high: queue in front of each, and where marking starts and is certain [2 * links] [B].
        wire, cross: latency of a link of each bundle, of a switch of each tier [s].
        nic: rate of an endpoint [B/s].
        trip: longest unloaded round trip [s].
        broken: some link is down.
        stack: room for the search of ways that are left [4, tiers + 1]; each thread needs its own.
    """

    stages: Ints
    leaf: Ints
    links: int
    rate: Floats
    limit: Floats
    low: Floats
    high: Floats
    wire: Floats
    cross: Floats
    nic: float
    trip: float
    broken: bool
    stack: Ints

    def for_one_thread(self) -> Plane:
        """The same plane with a stack of its own."""
        return self._replace(stack=np.zeros_like(self.stack))


def plane(topology: Switched, latency: Latency, share: Floats, number: int, protocol: Protocol) -> Plane:
    """One plane of a fabric.

    A slow link has a shallower queue in the same proportion: it holds as many seconds.

    Args:
        topology: whole fabric.
        latency: of its links and switches.
        share: of its capacity that each directed link has left [2 * links].
        number: of the plane.
        protocol: what sets the queues.
    """
    from firstlight.network.topology import walk

    counts = [bundle.count // topology.planes for bundle in topology.bundles]
    firsts = np.cumsum([0, *counts])
    own = np.concatenate([
        side + start + number * count + np.arange(count)
        for side in (0, topology.links)
        for start, count in zip(topology.offsets, counts, strict=True)
    ])  # fmt: skip
    left = share[own]
    nic, trip = topology.bundles[0].bandwidth, round_trip(latency, topology.bundles[0].bandwidth, protocol)
    packets = math.ceil(trip * nic / protocol.packet - 1e-9)

    def depth(part: float) -> Floats:
        return protocol.packet * math.ceil(packets * part) * left

    rail, leaf, _ = topology.attach(np.arange(topology.endpoints))
    return Plane(
        walk.stages(topology.shape, tuple(int(first) for first in firsts)),
        rail * topology.shape.leaves + leaf,
        int(firsts[-1]),
        topology.capacity()[own] * left,
        depth(protocol.queue),
        depth(protocol.mark_low),
        depth(protocol.mark_high),
        latency.links,
        latency.switches,
        nic,
        trip,
        bool(np.any(left <= 0)),
        np.zeros((4, len(topology.tiers) + 1), np.int64),
    )


def round_trip(latency: Latency, nic: float, protocol: Protocol) -> float:
    """Longest unloaded round trip [s]: latencies both ways, one packet there and one acknowledgement back each hop."""
    hops = 2 * len(latency.links)
    there = 2 * math.fsum(latency.links) + 2 * math.fsum(latency.switches) - latency.switches[-1]
    return 2 * there + hops * (protocol.packet + protocol.acknowledgement) / nic


def check(latency: Latency, topology: Topology) -> None:
    """Refuse latencies that are not of this fabric.

    Raises:
        UsageError: a wrong number of them, or a negative one.
    """
    wanted = len(topology.bundles), len(topology.tiers)
    given = len(latency.links), len(latency.switches)
    if wanted != given:
        raise UsageError(
            f"a fabric of {wanted[0]} bundles of links and {wanted[1]} tiers needs as many latencies, not {given}"
        )
    if min([*latency.links, *latency.switches]) < 0:
        raise UsageError("latencies are negative; write them as 0 or more")

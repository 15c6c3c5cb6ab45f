"""The paths that hashes give to flows, and what max-min fairness makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstlight.network.flows.compiled import kernel
from firstlight.network.flows.traffic import Traffic
from firstlight.network.transport import switch
from firstlight.network.transport.fabric import Plane
from firstlight.network.transport.packets import SWITCH
from firstlight.network.transport.protocol import Protocol
from firstlight.network.transport.state import PACKET, climbs, flow_records
from firstlight.twin.protocols import Floats, Paths


def hashed(plane: Plane, flows: Traffic, seed: int, p: Protocol) -> Paths:
    """The directed links of the plane that each flow takes under hashing; the same as in a packet simulation with this
    seed, and -1 behind the last [flows, longest]."""
    records = flow_records(plane, flows, p)
    paths = np.full((len(flows), 2 * len(plane.stages) + 2), -1, np.int32)
    _walk(plane.for_one_thread(), records, np.zeros(1, PACKET), seed, paths)
    return paths


@kernel
def _walk(plane: Any, flows: Any, packets: Any, seed: int, paths: Any) -> None:
    packet = packets[0]
    for number in range(flows.size):
        flow = flows[number]
        packet.flow, packet.entropy, packet.tier = number, 0, 0
        packet.switch, packet.kind, packet.down = plane.leaf[flow.source], SWITCH, flow.climb == 0
        paths[number, 0] = flow.source
        for hop in range(2 * flow.climb + 1):
            if packet.down and packet.tier == 0:
                packet.queue = plane.links + flow.target
            else:
                packet.queue = switch.hashed(plane, packet, flow, switch.candidates(plane, packet, flow), seed)
            if packet.queue < 0:
                break
            paths[number, hop + 1] = packet.queue
            switch.move(plane, packet, flow)


def reached(plane: Plane, flows: Traffic) -> NDArray[np.bool_]:
    """Whether each flow has a way on what is left of the plane [flows]."""
    found = np.zeros(len(flows), np.bool_)
    ends = flows.source.astype(np.int64), flows.target.astype(np.int64)
    _reach(plane.for_one_thread(), *ends, climbs(plane, flows.source, flows.target), found)
    return found


@kernel
def _reach(plane: Any, sources: Any, targets: Any, climb: Any, found: Any) -> None:
    for i in range(sources.size):
        source, target = sources[i], targets[i]
        way = plane.rate[source] > 0 and switch.climbs_to(
            plane, 0, plane.leaf[source], climb[i], plane.leaf[target], target
        )
        found[i] = source == target or way


def trips(plane: Plane, flows: Traffic, p: Protocol) -> Floats:
    """From the last byte's leaving to its acknowledgement, without queues [flows] [s]."""
    climb = climbs(plane, flows.source, flows.target)
    ways = np.array([_way(plane, int(c)) for c in range(len(plane.stages) + 1)])
    hops = 2 * climb + 1
    return 2 * ways[climb] + (hops * p.packet + (hops + 1) * p.acknowledgement) / plane.nic


def _way(plane: Plane, climb: int) -> float:
    inside = 2 * plane.wire[: climb + 1].sum() + 2 * plane.cross[: climb + 1].sum() - plane.cross[climb]
    return float(inside)


def loads(plane: Plane, paths: Paths, size: Floats) -> Floats:
    """Seconds that each directed link needs for what is sent over it [2 * links]; 0 where it is down."""
    on = paths >= 0
    sizes = np.broadcast_to(size[:, None], paths.shape)[on]
    return np.bincount(paths[on], sizes, 2 * plane.links) / np.where(plane.rate > 0, plane.rate, np.inf)


def uniform(flows: Traffic) -> bool:
    """All flows are equally large, start together, and wait for none: the busiest link alone says when they end."""
    alike = np.ptp(flows.size) == 0 and np.ptp(flows.start) == 0
    return bool(alike) and not len(flows.after.indices)


def fluid(plane: Plane, flows: Traffic, paths: Paths, p: Protocol) -> Floats:
    """When each flow ends if links are shared max-min fairly [flows] [s]; sizes are on the wire."""
    trip = trips(plane, flows, p)
    if uniform(flows):
        load = loads(plane, paths, flows.size)
        return flows.start + np.where(paths >= 0, load[paths], 0.0).max(1) + trip
    from firstlight.network.flows.simulate import finish

    return finish(paths, plane.rate, flows, trip)

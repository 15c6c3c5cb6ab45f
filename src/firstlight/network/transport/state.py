"""What a packet simulation remembers: one record for each packet in flight, flow, directed link and endpoint."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firstlight.network.flows.traffic import Traffic, successors
from firstlight.network.transport.fabric import Plane
from firstlight.network.transport.protocol import Protocol
from firstlight.twin.protocols import Ints

Records = NDArray[Any]

START, NIC, SWITCH, DEPART, ARRIVE, ACKNOWLEDGE, NOTICE, TIMER, FREE = range(9)
"""What happens next to a record: a flow starts, an endpoint may send, a packet reaches a switch, leaves its queue,
reaches the receiver; an acknowledgement, or the notice of a trimmed packet, reaches the sender; the sender has waited
too long for an acknowledgement; nothing."""

PACKET = np.dtype(
    [
        ("time", "f8"), ("sent", "f8"), ("size", "f8"), ("total", "f8"), ("flow", "i4"), ("queue", "i4"),
        ("switch", "i4"), ("entropy", "i4"), ("next", "i4"), ("tier", "i2"), ("kind", "u1"), ("down", "u1"),
        ("marked", "u1"), ("asks", "u1"), ("again", "u1"),
    ],
    align=True,
)  # fmt: skip
"""`total`: bytes received so far, in an acknowledgement; `asks`: for one at once; `again`: sent before (2: twice)."""

FLOW = np.dtype(
    [
        ("source", "i4"), ("target", "i4"), ("climb", "i4"), ("wait", "i4"), ("next", "i4"), ("again", "i4"),
        ("chain", "i4"), ("index", "i4"), ("turn", "i4"), ("waits", "u1"), ("fresh", "u1"), ("rises", "u1"),
        ("adapt", "u1"), ("timed", "u1"), ("size", "f8"), ("start", "f8"), ("end", "f8"), ("left", "f8"),
        ("again_bytes", "f8"), ("flight", "f8"), ("window", "f8"), ("most", "f8"), ("trip", "f8"), ("received", "f8"),
        ("unsaid", "f8"), ("known", "f8"), ("achieved", "f8"), ("counted", "f8"), ("ignored", "f8"), ("ignore", "f8"),
        ("adapt_end", "f8"), ("gain", "f8"), ("delay", "f8"), ("cut", "f8"), ("adjusted", "f8"), ("calm", "f8"),
        ("oldest", "f8"),
    ],
    align=True,
)  # fmt: skip
"""Flows: `wait`: others that must end first; `again`, `again_bytes`: packets to send once more; `left`: never sent;
`flight`: sent and not acknowledged; `received`, `unsaid`: by the receiver, and not acknowledged; `oldest`: when the
first of these was sent; `known`: acknowledged. The rest is the sender's: see `sender`."""

QUEUE = np.dtype(
    [("free", "f8"), ("rate", "f8"), ("limit", "f8"), ("low", "f8"), ("high", "f8"), ("looked", "f8"), ("level", "f8"),
     ("trimmed", "f8")]
)  # fmt: skip
"""`free`: when everything that is queued will have left; `level`: as adaptive routing last saw it."""

HOST = np.dtype([("owed", "f8"), ("first", "i4"), ("last", "i4"), ("busy", "u1")], align=True)
"""`owed`: time that acknowledgements take from the endpoint's link; `first`, `last`: flows that wait to send."""


class State(NamedTuple):
    """All records, and the wheel of time slots that they wait in.

    Attributes:
        packets: the first of them stand for the endpoints, the others are lent out.
        idle: numbers of packets that are free; count: [0] how many of them.
        first, last: packets of each slot of the wheel.
        ring: entropies that REPS keeps for each flow, fresh: which of them are new, head: [flows, 3] place of the
            next one, new ones, all.
        dice: [0] of the draws.
        chain, successors: index pointers and indices of the flows that wait for each flow.
    """

    packets: Records
    flows: Records
    queues: Records
    hosts: Records
    idle: Ints
    count: Ints
    first: Ints
    last: Ints
    ring: Ints
    fresh: Ints
    head: Ints
    dice: NDArray[np.uint64]
    chain: Ints
    successors: Ints


def state(plane: Plane, traffic: Traffic, slots: int, reps: bool, p: Protocol) -> State:
    """Everything at rest.

    Args:
        plane: of the fabric.
        traffic: sizes are on the wire.
        slots: of the wheel.
        reps: entropies are recycled.
        p: protocol.
    """
    flows = flow_records(plane, traffic, p)
    each = np.minimum(np.ceil(flows["size"] / p.packet), 2 * np.ceil(p.window * plane.trip * plane.nic / p.packet)) + 4
    total = len(plane.leaf) + int(each.sum())
    packets = np.zeros(total, PACKET)
    packets["next"] = -1
    kept = len(flows) if reps else 1
    then = successors(traffic.after)
    return State(
        packets, flows, _queues(plane), _hosts(len(plane.leaf)), np.arange(total - 1, -1, -1, dtype=np.int64),
        np.array([total - len(plane.leaf)]), np.full(slots, -1, np.int64), np.full(slots, -1, np.int64),
        np.zeros((kept, int(p.recycled)), np.int64), np.zeros((kept, int(p.recycled)), np.int64),
        np.zeros((kept, 3), np.int64), np.zeros(1, np.uint64), then.indptr, then.indices.astype(np.int64),
    )  # fmt: skip


def flow_records(plane: Plane, traffic: Traffic, p: Protocol) -> Records:
    """A record of each flow before it starts."""
    flows = np.zeros(len(traffic), FLOW)
    flows["source"], flows["target"], flows["start"] = traffic.source, traffic.target, traffic.start
    flows["size"] = flows["left"] = traffic.size
    flows["chain"] = traffic.chain
    flows["climb"] = climbs(plane, traffic.source, traffic.target)
    flows["wait"] = np.diff(traffic.after.indptr)
    flows["fresh"], flows["end"], flows["next"] = 1, -1, -1
    flows["trip"] = plane.trip
    flows["window"] = flows["most"] = p.window * plane.trip * plane.nic
    return flows


def climbs(plane: Plane, source: NDArray[np.int32], target: NDArray[np.int32]) -> Ints:
    """Stages that each flow climbs: 0 under one leaf; like `source`."""
    from firstlight.network.topology.walk import BELOW

    apart = (plane.leaf[source] // below != plane.leaf[target] // below for below in plane.stages[:, BELOW])
    return sum((one.astype(np.int64) for one in apart), np.zeros(len(source), np.int64))


def _queues(plane: Plane) -> Records:
    queues = np.zeros(2 * plane.links, QUEUE)
    for name in ("rate", "limit", "low", "high"):
        queues[name] = getattr(plane, name)
    queues["looked"] = -1
    return queues


def _hosts(count: int) -> Records:
    hosts = np.zeros(count, HOST)
    hosts["first"] = hosts["last"] = -1
    return hosts

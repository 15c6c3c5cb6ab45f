"""Packets through a switched fabric, one by one, compiled.

Endpoints send as their windows allow; each directed link has one queue, first in, first out; a packet that finds it
full is trimmed to its header, which travels ahead of all queues, and is sent again. Acknowledgements travel ahead of
the queues too; what they take from the links is counted when they start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from firstlight.errors import SolverError
from firstlight.network.flows.compiled import kernel
from firstlight.network.flows.traffic import Traffic
from firstlight.network.transport import entropy, sender, switch
from firstlight.network.transport.dice import one_of
from firstlight.network.transport.fabric import Plane
from firstlight.network.transport.protocol import Protocol
from firstlight.network.transport.state import (
    ACKNOWLEDGE,
    ARRIVE,
    DEPART,
    FREE,
    NIC,
    NOTICE,
    START,
    SWITCH,
    TIMER,
    state,
)  # fmt: skip
from firstlight.network.transport.wheel import put, take
from firstlight.twin.protocols import Floats

ROUTINGS = {"spray": switch.OBLIVIOUS, "reps": switch.REPS, "adaptive": switch.ADAPTIVE, "ecmp": switch.HASHED}
SLOTS_EACH = 8
"""Time slots that a packet takes on an endpoint's link: events within a slot come in the order they were foreseen."""
LEAST_SLOTS = 1 << 14


@dataclass(frozen=True)
class Run:
    """What came of a simulation: `end` of each flow [flows] [s], packets trimmed in front of each link [2 * links]."""

    end: Floats
    trimmed: Floats


def run(plane: Plane, traffic: Traffic, routing: str, seed: int, p: Protocol) -> Run:
    """Simulate one plane.

    Args:
        plane: of the fabric.
        traffic: sizes are on the wire.
        routing: one of `ROUTINGS`.
        seed: of hashes and draws.
        p: protocol.

    Raises:
        SolverError: a flow has no way to its target (see `paths.reached`).
    """
    width = p.packet / plane.nic / SLOTS_EACH
    longest = plane.trip + 2 * float(np.max(plane.limit / np.maximum(plane.rate, 1.0)))
    slots = max(LEAST_SLOTS, 1 << math.ceil(math.log2(longest / width + 1)))
    all_of_it = state(plane, traffic, slots, routing == "reps", p)
    left = _run(plane.for_one_thread(), all_of_it, ROUTINGS[routing], seed, width, p)
    if left:
        raise SolverError(f"{left:,} of {len(traffic):,} flows never ended, one of them for want of a way")
    return Run(all_of_it.flows["end"], all_of_it.queues["trimmed"])


@kernel
def _next_size(flow: Any, p: Any) -> float:
    """Bytes of the packet that a flow would send next; 0 where nothing is left."""
    return flow.again_bytes / flow.again if flow.again > 0 else min(flow.left, p.packet)


@kernel
def _may_send(flow: Any, p: Any) -> bool:
    size = _next_size(flow, p)
    return size > 0 and flow.window >= flow.flight + size


@kernel
def _queue_up(state: Any, number: int, p: Any) -> None:
    """A flow that may send waits for its endpoint's link, behind the others."""
    flow = state.flows[number]
    if flow.waits or not _may_send(flow, p):
        return
    host = state.hosts[flow.source]
    flow.waits, flow.next = 1, -1
    if host.last >= 0:
        state.flows[host.last].next = number
    else:
        host.first = number
    host.last = number


@kernel
def _wake(state: Any, number: int, now: float, slot: int, width: float, p: Any) -> None:
    """Let a flow send if it may, and its endpoint if it is idle."""
    _queue_up(state, number, p)
    source = state.flows[number].source
    host = state.hosts[source]
    if host.first >= 0 and not host.busy:
        host.busy = 1
        state.packets[source].kind = NIC
        put(state, source, now, slot, width)


@kernel
def _first_sender(state: Any, host: Any, p: Any) -> int:
    """The first waiting flow of an endpoint that still may send; -1 where there is none."""
    while host.first >= 0:
        number = host.first
        flow = state.flows[number]
        host.first = flow.next
        if host.first < 0:
            host.last = -1
        flow.waits = 0
        if _may_send(flow, p):
            return number
    return -1


@kernel
def _entropy(state: Any, number: int, routing: int, p: Any) -> int:
    if routing == switch.OBLIVIOUS:
        return entropy.in_turn(state.flows[number], int(p.entropies), state.dice)
    return entropy.recycled(state, number, int(p.entropies)) if routing == switch.REPS else 0


@kernel
def _send(plane: Any, state: Any, number: int, routing: int, now: float, slot: int, width: float, p: Any) -> float:
    """Send a packet of a flow; how long it takes the endpoint's link [s]."""
    flow = state.flows[number]
    state.count[0] -= 1
    lent = state.idle[state.count[0]]
    packet = state.packets[lent]
    packet.size, packet.again = _next_size(flow, p), flow.again > 0
    if packet.again:
        flow.again -= 1
        flow.again_bytes -= packet.size
    else:
        flow.left -= packet.size
    flow.flight += packet.size
    packet.flow, packet.sent, packet.entropy = number, now, _entropy(state, number, routing, p)
    packet.asks = packet.again or flow.left <= 0 or flow.flight + packet.size >= flow.window
    packet.marked, packet.tier, packet.switch = 0, 0, plane.leaf[flow.source]
    packet.kind, packet.down = SWITCH, flow.climb == 0
    takes = packet.size / plane.rate[flow.source]
    put(state, lent, now + takes + plane.wire[0] + plane.cross[0], slot, width)
    _queue_up(state, number, p)
    return takes


@kernel
def _serve(plane: Any, state: Any, number: int, routing: int, now: float, slot: int, width: float, p: Any) -> None:
    """An endpoint's link is free: first what its acknowledgements take, then a packet of the flow whose turn it is."""
    host = state.hosts[number]
    takes = host.owed
    if takes > 0:
        host.owed = 0.0
    else:
        flow = _first_sender(state, host, p)
        if flow < 0:
            host.busy = 0
            return
        takes = _send(plane, state, flow, routing, now, slot, width, p)
    put(state, number, now + takes, slot, width)


@kernel
def _at_switch(plane: Any, state: Any, number: int, routing: int, seed: int, now: float, p: Any) -> float:
    """A packet is at a switch: into a queue, or trimmed; when it is heard of again [s], -1 where there is no way."""
    packet = state.packets[number]
    flow = state.flows[packet.flow]
    link = switch.choose(plane, state, packet, flow, routing, seed, now, p)
    if link < 0 or plane.rate[link] <= 0:
        return -1.0
    leaves = switch.enqueue(state.queues[link], packet, now)
    if leaves >= 0:
        packet.queue, packet.kind = link, DEPART
        return leaves
    packet.kind = NOTICE
    whole = switch.one_way(plane, flow.climb)
    headers = 4 * (flow.climb + 1) * p.acknowledgement / plane.nic
    return now + 2 * whole - switch.passed(plane, packet, flow.climb) + headers


@kernel
def _burden(queue: Any, now: float, p: Any) -> float:
    """An acknowledgement passes a link ahead of its queue; it waits for half a packet where the link is busy [s]."""
    if queue.free <= now:
        return 0.0
    queue.free += p.acknowledgement / queue.rate
    return p.packet / queue.rate / 2


@kernel
def _back(plane: Any, state: Any, flow: Any, now: float, p: Any) -> float:
    """How long an acknowledgement takes to the sender [s]; links upwards are taken at random."""
    stages, switched = plane.stages, plane.leaf[flow.target]
    late = 0.0
    for tier in range(flow.climb):
        up = stages[tier, switch.UP]
        link = switched * up + one_of(state.dice, up)
        late += _burden(state.queues[stages[tier, switch.FIRST] + link], now, p)
        switched = switch.above(stages, tier, link)
    for tier in range(flow.climb - 1, -1, -1):
        link, _, _ = switch.below(stages, tier, switched, plane.leaf[flow.source])
        late += _burden(state.queues[plane.links + link], now, p)
        switched = (link - stages[tier, switch.FIRST]) // stages[tier, switch.UP]
    late += _burden(state.queues[plane.links + flow.source], now, p)
    return switch.one_way(plane, flow.climb) + 2 * (flow.climb + 1) * p.acknowledgement / plane.nic + late


@kernel
def _received(plane: Any, state: Any, packet: Any, now: float, p: Any) -> float:
    """A packet has arrived: when its acknowledgement reaches the sender [s]; -1 where none is due yet."""
    flow = state.flows[packet.flow]
    if flow.unsaid == 0:
        flow.oldest = packet.sent
    flow.received += packet.size
    flow.unsaid += packet.size
    due = packet.asks or packet.marked or flow.fresh or flow.unsaid >= p.coalesced
    flow.fresh = 0
    if not due and flow.received < flow.size - 0.5:
        return _timed(plane, packet, flow, p)
    flow.unsaid = 0.0
    packet.total, packet.kind = flow.received, ACKNOWLEDGE
    host = state.hosts[flow.target]
    if host.busy:
        host.owed += p.acknowledgement / plane.nic
    return now + _back(plane, state, flow, now, p)


@kernel
def _timed(plane: Any, packet: Any, flow: Any, p: Any) -> float:
    """No acknowledgement is due: the sender waits so long for one [s]; -1 where it is waiting already."""
    if flow.timed:
        return -1.0
    flow.timed, packet.kind, packet.total = 1, TIMER, flow.received
    return packet.sent + p.timeout + p.timeout_trips * plane.trip


@kernel
def _waited(plane: Any, packet: Any, flow: Any, now: float, p: Any) -> float:
    """The sender has waited: what is not acknowledged is sent again, and that is acknowledged at once.

    The window of a flow can shrink below what is on its way, so that the receiver gathers what never becomes enough.
    """
    if packet.total > flow.known:
        flow.window = max(flow.window - p.packet, p.packet)
        packet.kind, packet.total, packet.again, packet.marked = ACKNOWLEDGE, flow.received, 2, 0
        flow.timed, flow.unsaid = 0, 0.0
        return now + 2 * switch.one_way(plane, flow.climb) + 2 * (flow.climb + 1) * p.packet / plane.nic
    if flow.unsaid > 0:
        packet.total = flow.received
        return max(now, flow.oldest + p.timeout + p.timeout_trips * plane.trip)
    flow.timed, packet.kind = 0, FREE
    return -1.0


@kernel
def _ended(state: Any, number: int, now: float, slot: int, width: float) -> None:
    """A flow is done: start those that waited for it alone."""
    state.flows[number].end = now
    for k in range(state.chain[number], state.chain[number + 1]):
        waiting = state.successors[k]
        state.flows[waiting].wait -= 1
        if state.flows[waiting].wait == 0:
            _begin(state, waiting, max(now, state.flows[waiting].start), slot, width)


@kernel
def _begin(state: Any, number: int, time: float, slot: int, width: float) -> None:
    state.count[0] -= 1
    lent = state.idle[state.count[0]]
    state.packets[lent].kind, state.packets[lent].flow = START, number
    put(state, lent, time, slot, width)


@kernel
def _step(plane: Any, state: Any, number: int, routing: int, seed: int, now: float, p: Any) -> float:
    """What happens to a packet on its way; when next [s], -1 where its record is free again."""
    packet = state.packets[number]
    flow = state.flows[packet.flow]
    if packet.kind == SWITCH:
        return _at_switch(plane, state, number, routing, seed, now, p)
    if packet.kind == DEPART:
        switch.mark(state.queues[packet.queue], packet, now, state.dice)
        packet.kind = ARRIVE if packet.down and packet.tier == 0 else SWITCH
        return now + switch.move(plane, packet, flow)
    if packet.kind == ARRIVE:
        return _received(plane, state, packet, now, p)
    if packet.kind == TIMER:
        return _waited(plane, packet, flow, now, p)
    if packet.kind == ACKNOWLEDGE:
        sender.acknowledged(plane, flow, packet, now, p)
        if routing == switch.REPS and not packet.marked:
            entropy.recycle(state, packet.flow, packet.entropy)
    elif packet.kind == NOTICE:
        sender.noticed(plane, flow, packet, now, p)
    packet.kind = FREE
    return -1.0


@kernel
def _start(state: Any, width: float, p: Any) -> None:
    for number in range(state.flows.size):
        state.flows[number].turn = one_of(state.dice, int(p.entropies))
        if state.flows[number].wait == 0:
            _begin(state, number, state.flows[number].start, 0, width)


@kernel
def _run(plane: Any, state: Any, routing: int, seed: int, width: float, p: Any) -> int:
    """Run until all flows have ended; how many never will."""
    state.dice[0] = seed
    _start(state, width, p)
    slot, left, empty = 0, state.flows.size, 0
    while left > 0 and empty <= state.first.size:
        number = take(state, slot)
        if number < 0:
            slot, empty = slot + 1, empty + 1
            continue
        empty = 0
        packet = state.packets[number]
        now = packet.time
        if int(now / width) > slot:
            put(state, number, now, slot, width)
            continue
        if packet.kind == NIC:
            _serve(plane, state, number, routing, now, slot, width, p)
            continue
        again = -1.0
        if packet.kind != START:
            again = _step(plane, state, number, routing, seed, now, p)
            if again < 0 and packet.kind == SWITCH:
                return left
        if again >= 0:
            put(state, number, again, slot, width)
            continue
        state.idle[state.count[0]] = number
        state.count[0] += 1
        flow = state.flows[packet.flow]
        if packet.kind == ARRIVE or flow.end >= 0:
            continue
        if flow.known >= flow.size - 0.5:
            left -= 1
            _ended(state, packet.flow, now, slot, width)
        else:
            _wake(state, packet.flow, now, slot, width, p)
    return left

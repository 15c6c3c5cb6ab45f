"""The sender's window, compiled: Ultra Ethernet's NSCC (UET 1.0, section on congestion control).

Marks and delays are read together: no mark and little delay raises the window in proportion to what is left to the
target, no mark and much delay raises it by a fair share, a mark with much delay cuts it by the excess of the mean
delay; each trimmed packet takes its own size off. Where little arrived in a round trip, the window is set to that.
"""

from __future__ import annotations

from typing import Any

from firstlight.network.flows.compiled import kernel


@kernel
def target(plane: Any, p: Any) -> float:
    """Queueing delay that senders aim at [s]."""
    return p.target * plane.trip


@kernel
def scale(plane: Any, p: Any) -> float:
    """The network's bandwidth times round trip over the reference network's."""
    return plane.trip * plane.nic / (p.reference_rate * p.reference_trip)


@kernel
def bounded(flow: Any, p: Any) -> None:
    """Keep the window between one packet and the largest."""
    flow.window = min(max(flow.window, p.packet), flow.most)


@kernel
def shortest(plane: Any, flow: Any, trip: float, p: Any) -> None:
    """A round trip [s] shorter than any before is the unloaded one, and sets the largest window."""
    if trip < flow.trip:
        flow.trip, flow.most = trip, p.window * trip * plane.nic


@kernel
def sampled(plane: Any, flow: Any, packet: Any, now: float, p: Any) -> float:
    """Queueing delay of an acknowledged packet [s]; where the sender waited too long, its copies tell none."""
    if packet.again > 1:
        return flow.delay
    trip = now - packet.sent
    shortest(plane, flow, trip, p)
    delay = trip - flow.trip
    new = delay
    if not packet.marked and delay > target(plane, p):
        new = flow.trip / 4
    flow.delay += p.smoothing * (new - flow.delay)
    return delay


@kernel
def adapts(plane: Any, flow: Any, lost: bool, marked: bool, delay: float, now: float, p: Any) -> bool:
    """Quick adapt: once a round trip, where packets were lost or are very late and little arrived."""
    if flow.ignored < flow.ignore and marked:
        return True
    if now <= flow.adapt_end:
        return False
    late = lost or flow.adapt or delay > p.adapt_delay * target(plane, p)
    done = flow.adapt_end != 0 and late and flow.achieved < p.adapt_share * flow.most
    if done:
        flow.window = max(flow.achieved, p.packet)
        flow.ignore, flow.ignored, flow.adapt = flow.flight, 0.0, 0
    flow.achieved, flow.adapt_end = 0.0, now + flow.trip + target(plane, p)
    return done


@kernel
def raised(plane: Any, flow: Any, received: float, delay: float, p: Any) -> None:
    """An acknowledgement without a mark: gather what the window is to gain."""
    payload, factor = p.packet - p.header, scale(plane, p)
    if delay >= target(plane, p):
        flow.gain += p.fair * payload * factor * received
        return
    flow.calm = flow.calm + received if delay < p.no_delay else 0.0
    flow.rises = delay < p.no_delay and (flow.calm > flow.window or flow.rises != 0)
    if flow.rises:
        flow.window += p.fast * factor * received
    else:
        share = (target(plane, p) - delay) / p.reference_trip
        flow.gain += p.proportional * payload * factor * share * received


@kernel
def cut(plane: Any, flow: Any, now: float, p: Any) -> None:
    """A mark with much delay: take off a share of the mean excess, once a round trip."""
    flow.rises, flow.calm = 0, 0.0
    if flow.delay > target(plane, p) and now - flow.cut > flow.trip:
        flow.window *= max(1 - p.decrease * (flow.delay - target(plane, p)) / flow.delay, p.deepest)
        flow.cut = now


@kernel
def acknowledged(plane: Any, flow: Any, packet: Any, now: float, p: Any) -> None:
    """An acknowledgement reaches the sender."""
    received = max(packet.total - flow.known, 0.0)
    flow.known += received
    flow.achieved += received
    flow.counted += received
    flow.ignored += received
    flow.flight -= received
    delay = sampled(plane, flow, packet, now, p)
    if adapts(plane, flow, False, packet.marked != 0, delay, now, p):
        flow.gain, flow.counted = 0.0, 0.0
        return
    if not packet.marked:
        raised(plane, flow, received, delay, p)
    elif delay >= target(plane, p):
        cut(plane, flow, now, p)
    bounded(flow, p)
    if flow.counted > p.adjust * p.packet or now - flow.adjusted > plane.trip:
        flow.window += flow.gain / flow.window
        if now - flow.adjusted >= plane.trip:
            flow.window += p.steady * (p.packet - p.header) * scale(plane, p)
            flow.adjusted = now
        flow.gain, flow.counted = 0.0, 0.0
        bounded(flow, p)


@kernel
def noticed(plane: Any, flow: Any, packet: Any, now: float, p: Any) -> None:
    """The notice of a trimmed packet reaches the sender: it is sent again, and the window is smaller by it."""
    shortest(plane, flow, now - packet.sent, p)
    flow.ignored += packet.size
    flow.delay += p.smoothing * (plane.trip - flow.delay)
    flow.adapt = 1
    if adapts(plane, flow, True, True, 0.0, now, p):
        flow.gain, flow.counted = 0.0, 0.0
    else:
        flow.window -= packet.size
        bounded(flow, p)
    flow.flight -= packet.size
    flow.again += 1
    flow.again_bytes += packet.size

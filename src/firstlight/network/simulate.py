"""Traffic on a fabric: when each flow ends, and how far the answer can be off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.flow_result import FlowResult, LinkLoad
from firstlight.network.flows.traffic import Traffic
from firstlight.network.routing.failures import require_ways
from firstlight.network.topology.base import Switched
from firstlight.network.transport import bands, paths
from firstlight.network.transport.case import Answer, Case
from firstlight.network.transport.fabric import Latency, Plane, check, plane
from firstlight.network.transport.pattern import pattern
from firstlight.network.transport.protocol import Protocol, latency, protocol
from firstlight.spec import near
from firstlight.twin.protocols import Floats, Topology
from firstlight.twin.result import Prediction

ROUTINGS = ("spray", "reps", "adaptive", "ecmp", "roce-ecmp")
MOST_EVENTS = 4e7
"""Events of one packet simulation at the most (about ten seconds); larger cases are shortened or estimated."""
ALL_EVENTS = 1.2e7
"""Events over which the seeds of a case are spent."""
LEAST_RUNS, MOST_RUNS = 3, 5
"""Seeds: now and then one flow is cut to a packet at the end and waits, so that one seed alone can mislead."""
LEAST_PACKETS = 512
"""Packets of the smallest flow below which messages are not shortened."""
BUSIEST = 5
RANGE = 54, 512
"""Endpoints of the fabrics that answers were compared with packet-level runs on."""


def simulate(
    topology: Topology,
    traffic: Traffic,
    routing: str = "spray",
    share: Floats | None = None,
    seed: int = 0,
    latencies: Latency | None = None,
) -> FlowResult:
    """Traffic on a fabric.

    Clos and rail fabrics are simulated packet by packet where that takes seconds; the protocol is Ultra Ethernet's
    sender-driven congestion control (UET 1.0), whose constants are published and not fitted. Larger cases have the time
    of the busiest trunk and a formula for the rest; other fabrics max-min fair rates (Bertsekas and Gallager, Data
    Networks, 1992). On several planes each message is split evenly.

    Args:
        topology: fabric.
        traffic: flows between its endpoints.
        routing: one of `ROUTINGS`.
        share: of its capacity that each directed link has left, 0 where it is down; routing avoids links that are
            down and does not know of slow ones [2 * links].
        seed: of hashes and draws: the same seed gives the same answer.
        latencies: of links and switches, one way; None: 500 ns and 300 ns.

    Raises:
        UsageError: an unknown routing, an endpoint that does not exist, or flows to which links that are down leave
            no way.
    """
    if routing not in ROUTINGS:
        known = f"Known are {', '.join(ROUTINGS)}."
        raise UsageError(f'unknown routing "{routing}". {near.hint(routing, ROUTINGS, known)}')
    topology.pairs(traffic.source, traffic.target)
    share = np.ones(2 * topology.links) if share is None else share
    if latencies is None:
        links, switches = latency(len(topology.bundles), len(topology.tiers))
        latencies = Latency(np.array(links), np.array(switches))
    check(latencies, topology)
    if not isinstance(topology, Switched) or (not topology.shape.stages and topology.rails > 1):
        from firstlight.network.fluid import fluid

        return fluid(topology, traffic, routing, share, seed, latencies)
    cases = planes(topology, traffic, routing, share, seed, latencies)
    answers = [_answer(case) for case in cases]
    worst = max(range(len(cases)), key=lambda i: float(np.median(answers[i][1].makespans)))
    ends = np.max([answer.end for _, answer in answers], axis=0)
    return _result(topology, traffic, cases[worst], *answers[worst], ends)


def wire(traffic: Traffic, part: Floats, p: Protocol) -> Traffic:
    """The flows of one plane with the bytes that they take on the wire; what stays on an endpoint takes none.

    Args:
        traffic: on all planes.
        part: of each flow that takes this plane [flows].
        p: protocol.
    """
    size = traffic.size * part
    size = np.where(traffic.source == traffic.target, 0.0, size + p.header * np.ceil(size / p.payload))
    return replace(traffic, size=size)


def planes(
    topology: Switched, traffic: Traffic, routing: str, share: Floats, seed: int, latencies: Latency
) -> list[Case]:
    """A case for each plane that is unlike the others.

    A message is split over the planes that have a way for it, by what its two NICs have left on each.

    Raises:
        UsageError: a flow has no way on any plane.
    """
    p, cases = protocol(), list[Case]()
    all_of_them = [plane(topology, latencies, share, number, p) for number in range(topology.planes)]
    room = np.array([_room(one, traffic) for one in all_of_them])
    require_ways(*topology.pairs(traffic.source, traffic.target), np.any(room > 0, axis=0))
    part = room / room.sum(axis=0)
    for number, one in enumerate(all_of_them):
        if not any(np.array_equal(one.rate, other.plane.rate) for other in cases):
            cases.append(Case(one, wire(traffic, part[number], p), routing, seed, p))
    return cases


def _room(one: Plane, traffic: Traffic) -> Floats:
    """What both NICs of each flow can carry on a plane, 0 where it has no way there [flows] [B/s]."""
    room = np.minimum(one.rate[traffic.source], one.rate[one.links + traffic.target])
    room = np.where(traffic.source == traffic.target, one.nic, room)
    return np.where(paths.reached(one, traffic), room, 0.0) if one.broken else room


def _answer(case: Case) -> tuple[str, Answer]:
    """How a case was answered, and the answer."""
    from firstlight.network.transport import estimate, hashed, sprayed

    events, flows = case.events, case.flows
    if case.routing == "roce-ecmp":
        return "fluid", estimate.answer(case)
    if events <= MOST_EVENTS:
        scatter = bands.scatter(case.routing, pattern(flows), "packets")
        runs = int(min(max(ALL_EVENTS // max(events, 1), LEAST_RUNS), MOST_RUNS))
        return "packets", hashed.answer(case, runs, scatter) if case.routing == "ecmp" else sprayed.answer(case, runs)
    factor = MOST_EVENTS / events / sprayed.SHORT
    least = float(flows.size[flows.size > 0].min(initial=np.inf)) / case.protocol.packet
    if case.routing == "ecmp" or len(flows.after.indices) or least * factor < LEAST_PACKETS:
        return "fluid", estimate.answer(case)
    return "packets", sprayed.shortened(case, factor)


def _result(topology: Switched, traffic: Traffic, case: Case, method: str, answer: Answer, ends: Floats) -> FlowResult:
    inside = RANGE[0] <= topology.endpoints <= RANGE[1]
    return FlowResult(
        kind=topology.kind,
        endpoints=topology.endpoints,
        flows=len(traffic),
        routing=case.routing,
        method=method,
        makespan=_band(case, method, answer, inside),
        completion=ends,
        worst=_worst(topology, case, answer),
        notes=(*answer.told, *_notes(topology, case, inside)),
    )


def _band(case: Case, method: str, answer: Answer, inside: bool) -> Prediction:
    if case.routing in ("ecmp", "roce-ecmp"):
        return bands.drawn(answer, inside)
    return bands.band(answer, bands.scatter(case.routing, pattern(case.flows), method), inside)


def _notes(topology: Switched, case: Case, inside: bool) -> list[str]:
    notes = [f"interval: residuals of {case.routing} with {pattern(case.flows)} against packet-level runs"]
    if not inside:
        compared = f"compared with packet-level runs of {RANGE[0]} to {RANGE[1]} endpoints"
        notes.append(f"{compared}, and this has {topology.endpoints:,}")
    if topology.planes > 1:
        notes.append(
            f"{topology.planes} planes: each message split by what its NICs have left on each; the slowest counts"
        )
    return notes


def _worst(topology: Switched, case: Case, answer: Answer) -> tuple[LinkLoad, ...]:
    """The links that trimmed most."""
    first = np.cumsum([0, *(bundle.count // topology.planes for bundle in topology.bundles)])
    links, found = case.plane.links, list[LinkLoad]()
    for directed in np.argsort(-answer.trimmed, kind="stable")[:BUSIEST].tolist():
        count, link = int(answer.trimmed[directed]), directed % links
        if count:
            bundle = int(np.searchsorted(first, link, side="right")) - 1
            name, place = topology.bundles[bundle].name, link - int(first[bundle])
            found.append(LinkLoad(name, place, directed < links, count))
    return tuple(found)

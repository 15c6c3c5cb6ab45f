"""Cases too large for packets: the busiest trunk, and what queues, windows and tails add to it.

A sprayed flow uses all parallel links of a stage as one trunk; with equal sizes and a common start the busiest trunk or
endpoint says when the last flow ends. What packets add is an excess over it: a random walk of queues for adaptive
routing and REPS, the overload of the luckless link for oblivious spraying (256 values thrown once, not for each
packet), a drain tail where a trunk is narrower than the endpoints below it, and the recovery of incasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firstlight.network.topology.walk import BELOW, FIRST
from firstlight.network.transport import hashed, paths
from firstlight.network.transport.case import Answer, Case
from firstlight.network.transport.protocol import data
from firstlight.twin.protocols import Floats, Paths


@dataclass(frozen=True)
class Load:
    """What the excess depends on.

    Attributes:
        nic, trunk: time of the busiest endpoint, of the busiest trunk [s]; stages: that the flows pass, both ways.
        trip: longest round trip of a flow [s]; packet: time of one [s]; packets: of the largest flow.
        chain: flows that wait for each other, the longest row of them; row: its time without others [s].
        fan: flows into the busiest endpoint at once; links: loaded; parallel: links of one trunk.
    """

    nic: float
    trunk: float
    stages: int
    trip: float
    packet: float
    packets: float
    chain: int
    row: float
    fan: float
    links: int
    parallel: float


def constants() -> dict[str, float]:
    """The fitted constants, by name."""
    return {name: float(raw["value"]) for name, raw in data()["excess"].items()}


def answer(case: Case) -> Answer:
    """The makespan of a case without simulating packets."""
    if case.routing in ("ecmp", "roce-ecmp"):
        spans, end = _hashed(case)
        told = f"{len(spans) // hashed.NOISES} hashes drawn with max-min fair rates; what packets add is a formula"
    else:
        added = excess(case.routing, measure(case), constants(), int(case.protocol.entropies))
        end = ends(case)
        spans = np.array([base(case, end) + added])
        told = "the busiest trunk or endpoint; what packets add is a formula, as the case is too large for packets"
    return Answer(spans, end * (np.median(spans) / end.max()), np.zeros(2 * case.plane.links), (told,))


def base(case: Case, end: Floats) -> float:
    """The makespan where trunks are shared max-min fairly, of when flows end (see `ends`) [s]."""
    load = measure(case)
    if paths.uniform(case.flows):
        return max(load.nic, load.trunk, load.row - load.trip) + load.trip
    return float(end.max())


def ends(case: Case) -> Floats:
    """When each flow ends where trunks are shared max-min fairly [flows] [s]."""
    flows, (routes, capacity) = case.flows, trunks(case)
    trip = paths.trips(case.plane, flows, case.protocol)
    if paths.uniform(flows):
        on = routes >= 0
        sizes = np.broadcast_to(flows.size[:, None], routes.shape)[on]
        busy = np.bincount(routes[on], sizes, len(capacity)) / capacity
        return flows.start + np.where(on, busy[routes], 0.0).max(1) + trip
    from firstlight.network.flows.simulate import finish

    return finish(routes, capacity, flows, trip)


def trunks(case: Case) -> tuple[Paths, Floats]:
    """Trunks that each flow passes, -1 behind the last, and the capacity of each: endpoints, then the parts that each
    stage joins, upwards and then the same downwards [flows, longest], [trunks] [B/s]."""
    plane, climb, flows = case.plane, case.climb, case.flows
    counts = [len(plane.leaf), *(_parts(case, stage)[0] for stage in range(len(plane.stages)))]
    first, half = np.cumsum([0, *counts]), sum(counts)
    routes = np.full((len(flows), 2 * len(counts)), -1, np.int32)
    routes[:, 0], routes[:, 1] = flows.source, half + flows.target
    capacity = np.zeros(2 * half)
    for side, links in ((0, 0), (half, plane.links)):
        capacity[side : side + counts[0]] = plane.rate[links : links + counts[0]]
        for stage in range(len(plane.stages)):
            capacity[side + first[stage + 1] : side + first[stage + 2]] = _room(case, stage, links)
    for stage, below in enumerate(plane.stages[:, BELOW].tolist()):
        rows = np.flatnonzero(climb > stage)
        routes[rows, 2 + 2 * stage] = first[stage + 1] + plane.leaf[flows.source[rows]] // below
        routes[rows, 3 + 2 * stage] = half + first[stage + 1] + plane.leaf[flows.target[rows]] // below
    return routes, np.maximum(capacity, 1.0)


def measure(case: Case) -> Load:
    """Loads, rows and counts of a case."""
    flows, plane = case.flows, case.plane
    sent, got = (np.bincount(ends, flows.size, len(plane.leaf)) / plane.nic for ends in (flows.source, flows.target))
    chain, row = _rows(case)
    trunks = [_trunk(case, stage) for stage in range(len(plane.stages))]
    busiest = int(np.argmax(got))
    return Load(
        float(max(sent.max(), got.max())), max([time for time, _, _ in trunks], default=0.0),
        2 * int(case.climb.max()), float(paths.trips(plane, flows, case.protocol).max()),
        case.protocol.packet / plane.nic, float(np.ceil(flows.size.max() / case.protocol.packet)), chain, row,
        float(np.count_nonzero(flows.target == busiest)) / chain if got.max() >= sent.max() else 1.0,
        sum(links for _, links, _ in trunks), max([each for _, _, each in trunks], default=1.0),
    )  # fmt: skip


def _parts(case: Case, stage: int) -> tuple[int, int]:
    """Parts that a stage joins, and links of each."""
    plane = case.plane
    parts = (int(plane.leaf.max()) + 1) // int(plane.stages[stage, BELOW])
    last = plane.stages[stage + 1, FIRST] if stage + 1 < len(plane.stages) else plane.links
    return parts, int(last - plane.stages[stage, FIRST]) // parts


def _room(case: Case, stage: int, side: int) -> Floats:
    """Bandwidth of each part of a stage, upwards (side 0) or downwards (`plane.links`) [parts] [B/s]."""
    parts, each = _parts(case, stage)
    first = side + int(case.plane.stages[stage, FIRST])
    return case.plane.rate[first : first + parts * each].reshape(parts, each).sum(1)


def _trunk(case: Case, stage: int) -> tuple[float, int, float]:
    """Time of the busiest trunk of a stage [s], links of the stage, links of one trunk."""
    plane, flows = case.plane, case.flows
    rows, below = np.flatnonzero(case.climb > stage), plane.stages[stage, BELOW]
    parts, each = _parts(case, stage)
    worst = 0.0
    for side, ends in ((0, flows.source), (plane.links, flows.target)):
        sent = np.bincount(plane.leaf[ends[rows]] // below, flows.size[rows], parts)
        worst = max(worst, float((sent / np.maximum(_room(case, stage, side), 1.0)).max()))
    return worst, parts * each if len(rows) else 0, float(each)


def _rows(case: Case) -> tuple[int, float]:
    """The longest row of flows that wait for each other, and the longest time of one at full speed [s]."""
    flows = case.flows
    trip = paths.trips(case.plane, flows, case.protocol)
    length, time = np.ones(len(flows), np.int64), flows.start + flows.size / case.plane.nic + trip
    own, (indptr, indices) = time - flows.start, flows.after
    waiting = np.repeat(np.arange(len(flows)), np.diff(indptr))
    while True:
        longer = length.copy()
        np.maximum.at(longer, waiting, length[indices] + 1)
        if np.array_equal(longer, length):
            break
        length = longer
        ready = np.zeros(len(flows))
        np.maximum.at(ready, waiting, time[indices])
        time = np.maximum(flows.start, ready) + own
    return int(length.max()), float(time.max())


def excess(routing: str, q: Load, k: dict[str, float], entropies: int) -> float:
    """What packets add to the busiest trunk or endpoint [s].

    Args:
        routing: "spray", "reps" or "adaptive".
        q: what it depends on.
        k: constants.
        entropies: values that a sprayer cycles through.
    """
    ratio = q.trunk / q.nic if q.nic else 0.0
    ramp = min(max((ratio - 1) / k["ramp"], 0.0), 1.0)
    walk = math.sqrt(q.trunk / q.chain / q.packet) * q.packet if q.trunk else 0.0
    if routing == "spray":
        own = _overload(q, k, entropies)
    else:
        own = k[f"walk_{routing}"] * walk + (k["lasting"] * q.stages * q.trunk / q.chain if routing == "reps" else 0.0)
    filled = (ratio - 1) * min(q.nic / q.chain / q.trip, k["window"]) - k["room"]
    tail = k[f"tail_{routing}"] * q.nic + k["overflow"] * q.trip * q.chain * max(0.0, filled)
    fabric = q.trunk + own * (1 - ramp) + tail * ramp
    incast = q.nic + (k["incast"] * q.nic + k["fan"] * q.trip * math.log2(q.fan) if q.fan > 1 else 0.0)
    rows = k["row"] * q.chain * math.sqrt(q.packets) * q.packet if q.chain > 1 else 0.0
    return max(max(fabric, incast) - max(q.trunk, q.nic), 0.0) + rows


def _overload(q: Load, k: dict[str, float], entropies: int) -> float:
    """Excess of the luckless link where each flow throws its entropies once [s]."""
    if q.links == 0 or q.parallel <= 1:
        return 0.0
    thrown = max(q.trunk / q.chain / q.packet * min(1.0, entropies / q.packets), 1.0)
    over = _highest(2 * q.links) * math.sqrt((1 - 1 / q.parallel) / thrown) * q.trunk / q.chain
    lost = min(max((over - q.trip) / (k["lost"] * q.trip), 0.0), 1.0)
    return over * (1 + k["overload"] * lost * q.stages / 4)


def _highest(count: int) -> float:
    """Expected largest of so many standard normals (David and Nagaraja, Order Statistics, 2003, section 10.5)."""
    root = math.sqrt(2 * math.log(max(count, 3)))
    return root - (math.log(math.log(max(count, 3))) + math.log(4 * math.pi)) / (2 * root)


def _hashed(case: Case) -> tuple[Floats, Floats]:
    """Makespans of hash draws with what packets add [s], and when each flow ends in a middling draw [flows] [s]."""
    k, load = constants(), measure(case)
    seeds = hashed.draws(case)[: hashed.FEWER_DRAWS]
    spans = hashed.fluid(case, seeds)
    middle = seeds[int(np.argsort(spans)[(len(spans) - 1) // 2])]
    route = paths.hashed(case.plane, case.flows, middle, case.protocol)
    end = paths.fluid(case.plane, case.flows, route, case.protocol)
    if case.routing == "roce-ecmp":
        spans = np.where(spans > k["pause_from"] * (load.nic + load.trip), spans * (1 + k["pause"]), spans)
    else:
        more = k["hash_trip"] * load.trip * load.chain ** k["hash_row"]
        spans = spans * (1 + k["hash"]) + more * min(1.0, math.log2(1 + load.packets / k["hash_packets"]))
    return hashed.noisy(spans, 0.0, 0.045, case.seed), end

"""Traffic on fabrics that are not simulated packet by packet: max-min fair rates, and nothing that packets add."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight.network.flow_result import FlowResult
from firstlight.network.flows.traffic import After, Traffic
from firstlight.network.routing.failures import Failures
from firstlight.network.routing.hashed import hashes, route
from firstlight.network.transport.fabric import Latency
from firstlight.network.transport.protocol import protocol
from firstlight.twin.protocols import Floats, Topology
from firstlight.twin.result import Prediction

PARTS = 8
"""Equal parts that a sprayed message is cut into where a fabric has no parallel links."""
DRAWS = 16
UNKNOWN = 0.3
"""Half width of an interval that no packet-level run stands behind, in the logarithm: queues and tails add up to a
third where they were measured (measurements/network)."""


def fluid(
    topology: Topology, traffic: Traffic, routing: str, share: Floats, seed: int, latencies: Latency
) -> FlowResult:
    """The traffic with max-min fair rates; sprayed messages are cut into equal parts on paths of their own."""
    hashed = routing in ("ecmp", "roce-ecmp")
    p = protocol()
    size = traffic.size + p.header * np.ceil(traffic.size / p.payload)
    flows = replace(traffic, size=size) if hashed else parts(replace(traffic, size=size))
    late = delays(topology, latencies)
    seeds = np.random.SeedSequence(seed).spawn(DRAWS if hashed else 1)
    ends = [_draw(topology, flows, share, late, one) for one in seeds]
    spans = np.array([end.max() for end in ends])
    middle = ends[int(np.argsort(spans)[(len(spans) - 1) // 2])]
    low, mid, high = np.quantile(spans, (0.1, 0.5, 0.9))
    band = Prediction(low, mid, high * np.exp(UNKNOWN), False, "no packet-level run of such a fabric")
    return FlowResult(
        kind=topology.kind, endpoints=topology.endpoints, flows=len(traffic), routing=routing, method="fluid",
        makespan=band, completion=middle.reshape(-1, len(traffic)).max(0), worst=(),
        notes=("max-min fair rates; queues and windows are not counted, and can add a third", _ways(hashed)),
    )  # fmt: skip


def delays(topology: Topology, latencies: Latency) -> Floats:
    """Latency of each directed link and of the switch behind it [2 * links] [s]."""
    up, down = list[Floats](), list[Floats]()
    for bundle, link in zip(topology.bundles, latencies.links, strict=True):
        for side, tier in ((up, bundle.upper), (down, bundle.lower)):
            side.append(np.full(bundle.count, link + (latencies.switches[tier] if tier >= 0 else 0.0)))
    return np.concatenate([*up, *down])


def parts(flows: Traffic) -> Traffic:
    """Each message in `PARTS` equal parts; what waits for a message waits for all of its parts."""
    count = len(flows)
    indptr, indices = flows.after
    many = np.concatenate([np.repeat(indices[None], PARTS, 0) + (np.arange(PARTS) * count)[:, None]]).T.ravel()
    steps = np.tile(np.diff(indptr) * PARTS, PARTS)
    after = After(np.concatenate([[0], np.cumsum(steps)]), np.tile(many, PARTS).astype(np.int32))
    tile = (np.tile(getattr(flows, name), PARTS) for name in ("source", "target", "size", "start"))
    source, target, size, start = tile
    return Traffic(source, target, size / PARTS, start, after, np.arange(count * PARTS, dtype=np.int32))


def _ways(hashed: bool) -> str:
    if hashed:
        return "each flow keeps one shortest path, drawn by its hash"
    return f"each message goes in {PARTS} equal parts on shortest paths: spray, reps and adaptive are the same here"


def _draw(topology: Topology, flows: Traffic, share: Floats, late: Floats, seed: np.random.SeedSequence) -> Floats:
    from firstlight.network.flows.simulate import finish

    slow = np.flatnonzero(share < 1)
    ends = topology.pairs(flows.source, flows.target)
    drawn = hashes(flows.chain.astype(np.int64), int(seed.generate_state(1)[0]))
    routes = route(topology, *ends, drawn, Failures(slow, share[slow]))
    delay = 2 * np.where(routes >= 0, late[routes], 0.0).sum(1)
    return finish(routes, topology.capacity() * share, flows, delay)

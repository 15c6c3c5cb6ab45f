"""The fabric of one factory in numbers."""

from __future__ import annotations

import math

import numpy as np

from firstlight.network.cables import CablePlan
from firstlight.network.collectives import bus_bandwidth
from firstlight.network.result import CollectivePoint, NetworkResult
from firstlight.network.topology import slice_size
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Switch
from firstlight.twin.factory import Factory
from firstlight.twin.protocols import CollectiveTime, Operation, Topology

SIZES = 10.0 ** np.arange(3, 11)
"""1 KB to 10 GB [B]."""

_OPERATIONS: tuple[Operation, ...] = ("all_reduce", "all_to_all")


def describe(
    factory: Factory, plan: CablePlan, time: CollectiveTime, catalog: Catalog, a: Assumptions
) -> NetworkResult:
    """Counts, bandwidths, latency, power and cost of a factory's fabric.

    Args:
        factory: assembled.
        plan: its cables.
        time: of its collectives.
        catalog: with the fabric's switches.
        a: assumptions.

    Returns:
        The result; costs are NaN where a switch states no price.
    """
    topology = factory.topology
    switches = [catalog.part(Switch, tier.switch) for tier in topology.tiers]
    counts = [tier.switches for tier in topology.tiers]
    return NetworkResult(
        kind=topology.kind,
        endpoints=topology.endpoints,
        link=topology.injection if topology.tiers else topology.bundles[0].bandwidth,
        planes=topology.planes,
        tiers=tuple((tier.name, tier.switch, tier.switches) for tier in topology.tiers),
        links=tuple((bundle.name, bundle.count, bundle.bandwidth) for bundle in topology.bundles),
        bisection=topology.bisection(),
        hops=topology.hops(),
        latency=_latency(topology, switches, plan, a),
        switch_power=math.fsum(n * switch.power for n, switch in zip(counts, switches, strict=True)),
        optics_power=math.fsum(line.power for line in plan.lines),
        cables=plan.lines,
        switch_cost=math.fsum(
            n * (math.nan if switch.price is None else switch.price) for n, switch in zip(counts, switches, strict=True)
        ),
        cable_cost=math.fsum(line.cost for line in plan.lines),
        collectives=_collectives(factory, time),
    )


def _latency(topology: Topology, switches: list[Switch], plan: CablePlan, a: Assumptions) -> float:
    """Unloaded latency of the longest shortest path, one way [s]: NICs, switches, and light in the cables.

    Through tiers of switches a path climbs to the top and comes down again, over the longest link of each bundle either
    way; between switches of one tier it takes the longest of their links; on a torus mean links.
    """
    light = a.positive("network.light_speed")
    if not switches:
        link = float(np.mean(plan.length)) if len(plan) else 0.0
        return topology.hops() * (a["network.torus_hop"] + link / light)
    longest = [max(line.length for line in plan.lines if line.bundle == name) for name in plan.bundle_names]
    if len(topology.tiers) < len(topology.bundles):  # from switch to switch of one tier
        inside = topology.hops() * switches[0].latency
        cables = 2 * longest[0] + (topology.hops() - 1) * max(longest[1:])
        return a["network.nic_latency"] + inside + cables / light
    inside = 2 * math.fsum(switch.latency for switch in switches) - switches[-1].latency
    return a["network.nic_latency"] + inside + 2 * math.fsum(longest) / light


def _collectives(factory: Factory, time: CollectiveTime) -> tuple[CollectivePoint, ...]:
    """All-reduce and all-to-all over all accelerators, by size; none where there is one accelerator."""
    group = _largest_group(factory)
    members = math.prod(group)
    if members == 1:
        return ()
    points = list[CollectivePoint]()
    for operation in _OPERATIONS:
        seconds = time(operation, SIZES, group)
        buses = bus_bandwidth(operation, SIZES, members, seconds)
        points += [
            CollectivePoint(operation, group, float(size), float(second), float(bus))
            for size, second, bus in zip(SIZES, seconds, buses, strict=True)
        ]
    return tuple(points)


def _largest_group(factory: Factory) -> tuple[int, int]:
    """(members of a scale-up domain, domains) of all accelerators; a torus is one level, of its largest slice."""
    if not factory.topology.tiers:
        return slice_size(factory.topology), 1
    domain = min(factory.system.scale_up_domain, factory.accelerators)
    return domain, math.ceil(factory.accelerators / domain)

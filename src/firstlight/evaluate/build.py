"""Design -> factory: the parts, the fabric, the assembled twin and the time of its collectives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.network.collectives import Congestion, FabricTime, fabric_time
from firstlight.network.transport.fabric import Latency
from firstlight.network.transport.protocol import latency
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design, FabricDesign
from firstlight.spec.parts import Accelerator, Host, Nic, Switch, System
from firstlight.spec.plan import Plan
from firstlight.twin.assemble import assemble
from firstlight.twin.factory import Factory
from firstlight.twin.protocols import Topology


@dataclass(frozen=True)
class Parts:
    """The catalogue parts that a system is made of, and the fabric's switch (None on a torus); `spine` above the leaves
    where that is another one."""

    system: System
    accelerator: Accelerator
    host: Host
    nic: Nic | None
    switch: Switch | None
    spine: Switch | None = None

    def endpoints(self, accelerators: int) -> int:
        """Fabric ports that so many accelerators bring: their NICs, or themselves on a torus."""
        systems = -(-accelerators // self.system.accelerators)
        return systems * (self.system.nics if self.nic else self.system.accelerators)

    def whole(self, accelerators: int, *, up: bool) -> int:
        """The next number of accelerators, up or down, that whole systems and a compact torus have; 0 where none is."""
        each = self.system.accelerators
        count = -(-accelerators // each) * each if up else accelerators // each * each
        return count if self.nic else topology.compact(count, each if up else -each)

    @property
    def endpoints_per_node(self) -> int:
        """Fabric ports of one host."""
        return (self.system.nics if self.nic else self.system.accelerators) // self.system.nodes


@dataclass(frozen=True)
class Built:
    """A factory that stands, with its parts and the time of its collectives."""

    parts: Parts
    factory: Factory
    time: FabricTime


def parts(design: Design, catalog: Catalog) -> Parts:
    """The parts that a design names.

    Raises:
        UsageError: an id that the catalogue does not have.
    """
    if design.system is None:
        raise ValueError("parts() needs a design with its system resolved")
    system = catalog.part(System, design.system)
    switch, spine = design.fabric.switch, design.fabric.spine_switch
    return Parts(
        system=system,
        accelerator=catalog.part(Accelerator, system.accelerator),
        host=catalog.part(Host, system.host),
        nic=catalog.part(Nic, system.nic) if system.nic else None,
        switch=catalog.part(Switch, switch) if switch else None,
        spine=catalog.part(Switch, spine) if spine else None,
    )


def fabric(
    design: FabricDesign,
    made_of: Parts,
    accelerators: int,
    a: Assumptions,
    *,
    reduces: bool = False,
    queue_pairs: int | None = None,
    congestion: Congestion | None = None,
) -> tuple[Topology, FabricTime]:
    """The fabric that joins so many accelerators, and the time of its collectives (see `fabric_time`)."""
    endpoints, each = made_of.endpoints(accelerators), made_of.endpoints_per_node
    net = topology.build(design, endpoints, each, made_of.switch, made_of.spine)
    link = design.link or 0.0
    time = fabric_time(
        net, made_of.system, made_of.accelerator, made_of.nic, link, a, fitted=True, reduces=reduces,
        queue_pairs=queue_pairs, congestion=congestion,
    )  # fmt: skip
    return net, time


def latencies(net: Topology, catalog: Catalog, a: Assumptions) -> Latency:
    """Latencies of a fabric.

    Switches have the latency that the catalogue states; a link has that of a packet-level run, one whose length the
    fabric states that of its light, and the one at the endpoint the NIC's besides; a hop of a torus has
    its own.
    """
    bare, _ = latency(len(net.bundles), 0)
    light = a.positive("network.light_speed")
    links = [one + (bundle.length or 0.0) / light for one, bundle in zip(bare, net.bundles, strict=True)]
    links[0] = links[0] + a["network.nic_latency"] if net.tiers else a["network.torus_hop"]
    return Latency(np.array(links), np.array([catalog.part(Switch, tier.switch).latency for tier in net.tiers]))


def build(plan: Plan, catalog: Catalog, a: Assumptions) -> Built:
    """Assemble the factory of a plan whose design is resolved.

    Raises:
        UsageError: the fabric cannot be built so, or is of several sites; InfeasibleError: the site cannot hold it.
    """
    design = plan.design
    if design.fabric.sites is not None:
        raise UsageError(
            f"a plan lays out one site, and design.fabric.sites joins {design.fabric.sites.count}; leave sites out, "
            "and give each site a plan of its own (train, serve, network simulate and network collective take several)"
        )
    made_of = parts(design, catalog)
    net, time = fabric(design.fabric, made_of, design.accelerators or 0, a)
    return Built(made_of, assemble(plan.name, design, plan.site, catalog, net, a), time)

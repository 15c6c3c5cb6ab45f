"""A made-up floor for real parts: rows of racks, switches in racks of their own, without the twin's assembler."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from firstlight.network import topology
from firstlight.spec import catalog as shelf
from firstlight.spec.assumptions import Assumptions, shipped, with_overrides
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Accelerator, Host, Nic, Switch, System
from firstlight.twin.factory import Factory, Halls, RackKind, Racks
from firstlight.twin.protocols import Topology

ROW = 20
"""Racks in a row."""
SWITCHES = 8
"""Switches in a network rack."""


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return shelf.shipped()


@pytest.fixture
def a() -> Assumptions:
    return with_overrides(shipped(), {})


@pytest.fixture(scope="session")
def factory(catalog: Catalog) -> Callable[..., Factory]:
    """`factory("hgx-h100", 64, switch="nvidia-sn5600", kind=..., link=...)`: so many systems on such a fabric."""

    def build(name: str, systems: int, **fabric: object) -> Factory:
        system = catalog.part(System, name)
        net = _fabric(catalog, system, systems, FabricDesign.model_validate(fabric))
        racks, homes = _floor(system, systems, net)
        return Factory(
            name="made up",
            system=system,
            accelerator=catalog.part(Accelerator, system.accelerator),
            host=catalog.part(Host, system.host),
            nic=catalog.part(Nic, system.nic) if system.nic else None,
            topology=net,
            systems=systems,
            halls=Halls(*(np.array(v) for v in ([0], [0.0], [0.0], [100.0], [100.0], [0, 1]))),
            pods=np.array([0, len(racks)]),
            racks=racks,
            switch_rack=homes,
            feed_power=np.array([racks.power.sum()]),
            loop_power=np.zeros(0),
            site_width=100.0,
            site_depth=100.0,
        )

    return build


def _fabric(catalog: Catalog, system: System, systems: int, design: FabricDesign) -> Topology:
    each = system.nics or system.accelerators
    switch = catalog.part(Switch, design.switch) if design.switch else None
    return topology.build(design, systems * each, each // system.nodes, switch)


def _floor(system: System, systems: int, net: Topology) -> tuple[Racks, tuple[np.ndarray, ...]]:
    """Racks of systems, then racks of switches, in rows of `ROW` 2 m apart."""
    compute = -(-systems // system.per_rack)
    network = [-(-tier.switches // SWITCHES) for tier in net.tiers]
    count = compute + sum(network)
    held = np.minimum(np.arange(count + 1) * system.per_rack, systems)
    number = np.arange(count)
    racks = Racks(
        kind=np.where(number < compute, RackKind.COMPUTE, RackKind.NETWORK).astype(np.uint8),
        x=number % ROW * 0.6,
        y=number // ROW * 2.0,
        row=(number // ROW).astype(np.int32),
        power=np.diff(held) * system.power,
        idle_power=np.diff(held) * system.idle_power,
        liquid=np.zeros(count),
        mass=np.diff(held) * system.mass,
        systems=held,
        feed=np.zeros(count, np.int32),
        loop=np.full(count, -1, np.int32),
    )
    first = compute + np.concatenate([[0], np.cumsum(network)])
    homes = tuple(
        (start + np.arange(tier.switches) // SWITCHES).astype(np.int32)
        for start, tier in zip(first, net.tiers, strict=False)
    )
    return racks, homes

"""The fabric in numbers."""

import math

import pytest

from firstlight.network import cables
from firstlight.network.collectives import fabric_time
from firstlight.network.describe import describe
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Part, Switch
from firstlight.twin.result import plain


@pytest.fixture
def described(factory, catalog, a):
    def build(system, count, shelf=catalog, **fabric):
        made = factory(system, count, **fabric)
        link = made.topology.bundles[0].bandwidth * made.topology.planes
        time = fabric_time(made.topology, made.system, made.accelerator, made.nic, link, a)
        plan = cables.plan(made, shelf, a)
        return made, plan, describe(made, plan, time, shelf, a)

    return build


def test_superpod(described, catalog, a):
    _, plan, net = described("hgx-h100", 127, kind="rail-optimised", link="400 Gb/s", switch="nvidia-qm9700")
    switch = catalog.part(Switch, "nvidia-qm9700")
    assert (net.kind, net.endpoints, net.planes, net.link) == ("rail-optimised", 1016, 1, 50e9)
    assert net.tiers == (("leaf", switch.id, 32), ("spine", switch.id, 16))
    assert net.links == (("node-leaf", 1016, 50e9), ("leaf-spine", 1024, 50e9))
    assert net.bisection == 508 * 50e9
    assert net.switch_power == 48 * switch.power
    assert net.switch_cost == 48 * switch.price
    assert net.cable_cost == pytest.approx(sum(line.cost for line in plan.lines))
    assert net.optics_power == pytest.approx(sum(line.power for line in plan.lines))
    assert net.cables is plan.lines
    longest = [max(line.length for line in plan.lines if line.bundle == name) for name in plan.bundle_names]
    assert net.latency == pytest.approx(a["network.nic_latency"] + 3 * switch.latency + 2 * sum(longest) / 2e8)


def test_collectives_of_the_whole_factory(described):
    made, _, net = described("gb200-nvl72", 16, kind="clos", link="400 Gb/s", switch="nvidia-qm9700")
    assert {point.operation for point in net.collectives} == {"all_reduce", "all_to_all"}
    assert {point.group for point in net.collectives} == {(72, 16)}
    members = made.accelerators
    for point in net.collectives:
        share = (members - 1) / members * (2 if point.operation == "all_reduce" else 1)
        assert point.bus_bandwidth == pytest.approx(point.size * share / point.time)


def test_torus(described, a):
    _, plan, net = described("tpu-v5p-cube", 8, kind="torus", link="800 Gb/s")
    assert (net.tiers, net.switch_power, net.switch_cost, net.hops) == ((), 0, 0, 12)
    assert {point.group for point in net.collectives} == {(512, 1)}
    assert net.latency == pytest.approx(12 * (a["network.torus_hop"] + plan.length.mean() / 2e8))


@pytest.mark.parametrize("system", ["tpu-v5p-cube", "tpu-v5e-8"])
def test_least_torus(described, system):
    _, _, net = described(system, 1, kind="torus", link="800 Gb/s")
    assert all(point.time > 0 for point in net.collectives)


def test_one_accelerator_has_no_collectives(described):
    _, _, net = described("gh200-server", 1, kind="clos", link="400 Gb/s", switch="nvidia-qm9700")
    assert net.collectives == ()
    assert (net.hops, net.links) == (1, (("node-leaf", 1, 50e9),))


def test_a_switch_without_a_price_makes_the_cost_unknown(described, catalog):
    bare = Catalog(
        part.model_copy(update={"price": None}) if part.id == "nvidia-qm9700" else part for part in catalog.parts(Part)
    )
    _, _, net = described("hgx-h100", 16, bare, kind="clos", link="400 Gb/s", switch="nvidia-qm9700")
    assert math.isnan(net.switch_cost)
    assert plain(net)["switch_cost"] is None
    assert net.cable_cost > 0

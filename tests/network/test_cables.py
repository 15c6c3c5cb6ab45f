"""The cable plan: ends, lengths, media and money of every link."""

import dataclasses
import math

import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.network import cables
from firstlight.network.media import Port, cheapest, media, switch_port
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Cable, Part, Switch, Transceiver
from firstlight.twin.protocols import Bundle

G400, G800 = 50e9, 100e9
FABRICS = [
    ("hgx-h100", 127, {"kind": "rail-optimised", "link": "400 Gb/s", "switch": "nvidia-qm9700"}),
    ("hgx-h100", 300, {"kind": "clos", "link": "400 Gb/s", "switch": "nvidia-sn5600", "taper": 3}),
    ("hgx-b300", 64, {"kind": "rail-only", "link": "800 Gb/s", "switch": "nvidia-sn5600", "planes": 2}),
    ("hgx-b300", 200, {"kind": "clos", "link": "800 Gb/s", "switch": "nvidia-q3450-ld"}),
    ("gb200-nvl72", 16, {"kind": "rail-optimised", "link": "400 Gb/s", "switch": "nvidia-qm9700"}),
    ("tpu-v5p-cube", 8, {"kind": "torus", "link": "800 Gb/s"}),
    ("hgx-h100", 1, {"kind": "clos", "link": "400 Gb/s", "switch": "nvidia-qm9700"}),
]
each_fabric = pytest.mark.parametrize(("system", "count", "fabric"), FABRICS)


@pytest.fixture
def laid(factory, catalog, a):
    def build(system, count, fabric):
        made = factory(system, count, **fabric)
        return made, cables.plan(made, catalog, a)

    return build


@each_fabric
def test_every_link_has_its_ends(laid, system, count, fabric):
    made, plan = laid(system, count, fabric)
    bundles = made.topology.bundles
    assert len(plan) == sum(bundle.count for bundle in bundles)
    assert np.array_equal(np.bincount(plan.bundle), [bundle.count for bundle in bundles])
    assert np.all(np.diff(plan.bundle) >= 0)
    for index, bundle in enumerate(bundles):
        links = plan.bundle == index
        lower, upper = made.topology.ends(index, np.arange(bundle.count))
        assert np.array_equal(plan.lower[links], lower)
        assert np.array_equal(plan.upper[links], upper)
        for tier, device, rack in ((bundle.lower, lower, plan.lower_rack), (bundle.upper, upper, plan.upper_rack)):
            each = made.system.nics if made.nic else made.system.accelerators
            home = made.switch_rack[tier][device] if tier >= 0 else made.system_rack(device // each)
            assert np.array_equal(rack[links], home)


@each_fabric
def test_lengths_are_the_next_stock_length(laid, a, system, count, fabric):
    made, plan = laid(system, count, fabric)
    x, y = made.racks.x, made.racks.y
    one, other = plan.lower_rack, plan.upper_rack
    needed = np.abs(x[one] - x[other]) + np.abs(y[one] - y[other]) + 2 * a["network.cable_rise"]
    needed = np.where(one == other, a["network.cable_in_rack"], needed) + a["network.cable_slack"]
    stock = cables.STOCK_LENGTHS
    assert np.all(plan.length >= needed)
    assert np.all(needed > np.concatenate([[0], stock])[np.searchsorted(stock, plan.length)])


@each_fabric
def test_cables_of_two_racks_are_pulled_together_so_many_at_a_time(laid, a, system, count, fabric):
    _, plan = laid(system, count, fabric)
    inside = plan.lower_rack == plan.upper_rack
    assert np.array_equal(plan.pulled < 0, inside)
    pairs: dict[int, set[tuple[int, int]]] = {}
    for bundle, one, other in zip(
        plan.pulled[~inside], plan.lower_rack[~inside], plan.upper_rack[~inside], strict=True
    ):
        pairs.setdefault(int(bundle), set()).add((min(one, other), max(one, other)))
    assert all(len(found) == 1 for found in pairs.values())
    sizes = np.bincount(plan.pulled[~inside]) if pairs else np.zeros(0, np.int64)
    assert np.all((sizes > 0) & (sizes <= a["network.cable_bundle"]))
    wanted = {pair for found in pairs.values() for pair in found}
    fewest = sum(-(-int(np.sum(sizes[[b for b, p in pairs.items() if pair in p]])) // 24) for pair in wanted)
    assert len(sizes) == fewest


@each_fabric
def test_every_device_has_a_unit(laid, system, count, fabric):
    made, plan = laid(system, count, fabric)
    assert len(plan.units[-1]) == made.topology.endpoints
    for tier, kind in enumerate(made.topology.tiers):
        places = set(zip(made.switch_rack[tier], plan.units[tier], strict=True))
        assert len(places) == kind.switches
    assert all(np.all(found >= 1) for found in plan.units.values())


@each_fabric
def test_the_bill_adds_up(laid, catalog, system, count, fabric):
    """Each line counts its links; its parts reach; its modules, watts and money follow from the catalogue."""
    made, plan = laid(system, count, fabric)
    counts = np.bincount(plan.line, minlength=len(plan.lines))
    bandwidth = {bundle.name: bundle.bandwidth for bundle in made.topology.bundles}
    for index, line in enumerate(plan.lines):
        links = plan.line == index
        assert counts[index] == line.count > 0
        assert set(plan.length[links]) == {line.length}
        assert {plan.bundle_names[b] for b in set(plan.bundle[links])} == {line.bundle}
        cable = catalog.part(Cable, line.part)
        assert cable.reach >= line.length
        assert cable.bandwidth >= bandwidth[line.bundle]
        power = line.count * (cable.power or 0)
        cost = line.count * ((cable.price or 0) + cable.price_per_metre * line.length)
        assert sum(number for _, number in line.modules) == line.transceivers
        for name, number in line.modules:
            module = catalog.part(Transceiver, name)
            assert module.reach >= line.length
            assert module.fibre == cable.medium
            power, cost = power + number * module.power, cost + number * (module.price or 0)
        assert line.power == pytest.approx(power)
        assert line.cost == pytest.approx(cost)
        assert bool(line.transceiver) == (cable.medium in ("multimode", "single-mode")) or "q3450" in str(fabric)


def test_medium_follows_reach(catalog):
    """Copper in the rack, then active copper, then light: the farther, the dearer."""
    port = Port(1, pluggable=True)
    ways = media(catalog, G400, port, port)
    found = [cheapest(ways, length, G400) for length in (1.0, 3.0, 7.0, 30.0, 100.0, 500.0, 2000.0, 10_000.0)]
    mediums = [way.cable.medium for way in found]
    assert mediums[:3] == ["dac", "dac", "aec"]
    assert mediums[4:] == ["single-mode"] * 4
    costs = [way.cost(length) for way, length in zip(found, (1, 3, 7, 30, 100, 500, 2000, 10_000), strict=True)]
    assert costs == sorted(costs)
    assert [end.part.id for end in found[5].modules if end] == ["400g-dr4", "400g-dr4"]


def test_a_split_port_holds_one_module_for_all_its_links(catalog):
    """400 Gb/s links on an 800 Gb/s switch: one twin module for two links, a single module at each NIC."""
    port = switch_port(catalog.part(Switch, "nvidia-sn5600"), G400)
    assert port == Port(2, pluggable=True)
    way = cheapest(media(catalog, G400, Port(1, pluggable=True), port), 200.0, G400)
    nic, switch = way.modules
    assert nic is not None
    assert switch is not None
    assert (nic.part.id, nic.each) == ("400g-dr4", 1)
    assert (switch.part.id, switch.each) == ("800g-2xdr4", 0.5)


def test_both_kinds_of_modules_are_on_the_bill(factory, catalog, a):
    fabric = {"kind": "rail-optimised", "link": "400 Gb/s", "switch": "nvidia-sn5600"}
    plan = cables.plan(factory("hgx-h100", 2000, **fabric), catalog, a)
    line = next(line for line in plan.lines if line.bundle == "node-leaf" and line.far_transceiver)
    assert (line.transceiver, line.far_transceiver) in (("400g-sr4", "800g-2xsr4"), ("400g-dr4", "800g-2xdr4"))
    assert line.modules == ((line.transceiver, line.count), (line.far_transceiver, math.ceil(line.count / 2)))


def test_built_in_optics_take_single_mode_fibre_only(catalog):
    port = switch_port(catalog.part(Switch, "nvidia-q3450-ld"), G800)
    assert port == Port(1, pluggable=False)
    between, down = media(catalog, G800, port, port), media(catalog, G800, Port(1, pluggable=True), port)
    assert {way.cable.medium for way in between + down} == {"single-mode"}
    assert all(way.modules == (None, None) for way in between)
    assert all(way.modules[0] and way.modules[1] is None for way in down)


def test_parts_without_a_price_are_not_chosen(catalog):
    cheap = catalog.part(Cable, "dac-400g").model_copy(update={"id": "aaa-free", "price": None})
    ways = media(Catalog([*catalog.parts(Cable), cheap]), G400, Port(1, pluggable=True), Port(1, pluggable=True))
    assert "aaa-free" not in {way.cable.id for way in ways}


def test_no_cable_is_an_error_with_a_remedy(factory, catalog, a):
    made = factory("hgx-h100", 64, kind="clos", link="400 Gb/s", switch="nvidia-qm9700")
    copper = Catalog(part for part in catalog.parts(Part) if not isinstance(part, Cable) or part.medium == "dac")
    with pytest.raises(UsageError, match=r"no cable of the catalogue carries 50 GB/s .*the longest reaches 3 m.*add"):
        cables.plan(made, copper, a)
    far = dataclasses.replace(made, racks=dataclasses.replace(made.racks, x=made.racks.x * 5000))
    with pytest.raises(UsageError, match="cables are sold up to 10 km; move the halls together"):
        cables.plan(far, catalog, a)


def test_a_link_faster_than_any_cable(catalog):
    port = Port(1, pluggable=True)
    with pytest.raises(UsageError, match=r"no cable of the catalogue carries 800 GB/s"):
        cheapest(media(catalog, 800e9, port, port), 1.0, 800e9)


def test_chunks_change_nothing(factory, catalog, a, monkeypatch):
    made = factory("hgx-h100", 100, kind="rail-optimised", link="400 Gb/s", switch="nvidia-qm9700")
    whole = cables.plan(made, catalog, a)
    monkeypatch.setattr(cables, "CHUNK", 97)
    parts = cables.plan(made, catalog, a)
    assert parts.lines == whole.lines
    for field in ("bundle", "lower", "upper", "lower_rack", "upper_rack", "length", "line"):
        assert np.array_equal(getattr(parts, field), getattr(whole, field))


def test_a_torus_of_one_has_no_cables(factory, catalog, a):
    made = factory("tpu-v5p-cube", 1, kind="torus", link="800 Gb/s")
    alone = dataclasses.replace(made.topology, endpoints=1, bundles=(Bundle("torus", -1, -1, 0, G800),))
    plan = cables.plan(dataclasses.replace(made, topology=alone), catalog, a)
    assert len(plan) == 0
    assert plan.lines == ()


def test_a_million_endpoints(factory, catalog, a):
    """Four million links in arrays of a fraction of a gigabyte; benchmarks/test_twin.py says how long it takes."""
    made = factory("hgx-h100", 125_000, kind="rail-optimised", link="400 Gb/s", switch="nvidia-sn5600")
    plan = cables.plan(made, catalog, a)
    assert len(plan) > 4_000_000
    assert sum(v.nbytes for v in vars(plan).values() if isinstance(v, np.ndarray)) < 0.2e9

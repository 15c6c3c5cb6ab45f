"""Switched fabrics: every structure adds up, whatever its size."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.network.topology import Switched
from firstlight.network.topology.fold import Limits, fold
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Switch

LINK = 50e9


def switch(ports: int = 64, speed: int = 400, breakouts: tuple[int, ...] = (1, 2, 4)) -> Switch:
    return Switch.model_validate(
        {"id": "s", "name": "the switch", "vendor": "v", "source": "test", "standing": "estimate"}
        | {"protocol": "ethernet", "ports": ports, "port_bandwidth": f"{speed} Gb/s", "breakouts": breakouts}
        | {"latency": "1 us", "rack_units": 1, "power": "1 kW"}
    )


def build(kind: str, endpoints: int, rails: int = 8, ports: int = 64, planes: int = 1, taper: float = 1.0) -> Switched:
    design = FabricDesign.model_validate({"kind": kind, "link": "400 Gb/s", "planes": planes, "taper": taper})
    fabric = topology.build(design, endpoints, rails, switch(ports, 400, (1, 2, 4, 8)))
    assert isinstance(fabric, Switched)
    return fabric


@st.composite
def fabrics(draw: st.DrawFn) -> Switched:
    kind = draw(st.sampled_from(["clos", "rail-optimised", "rail-only"]))
    rails, ports = draw(st.sampled_from([2, 4, 8])), draw(st.sampled_from([8, 12, 16, 32, 64]))
    planes, taper = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1.0, 1.5, 2.0, 3.0]))
    nodes = draw(st.integers(1, 400))
    try:
        return build(kind, nodes * rails, rails, ports, planes, taper)
    except UsageError:
        assume(False)
        raise


def all_ends(fabric: Switched) -> list[tuple[np.ndarray, np.ndarray]]:
    return [fabric.ends(i, np.arange(bundle.count)) for i, bundle in enumerate(fabric.bundles)]


@given(fabrics())
def test_every_endpoint_has_one_leaf_port_on_each_plane(fabric):
    endpoint, leaf = fabric.ends(0, np.arange(fabric.bundles[0].count))
    assert np.all(np.bincount(endpoint, minlength=fabric.endpoints) == fabric.planes)
    plane = leaf // (fabric.tiers[0].switches // fabric.planes)
    assert len(np.unique(endpoint * fabric.planes + plane)) == fabric.endpoints * fabric.planes


@given(fabrics())
def test_no_switch_holds_more_links_than_it_has(fabric):
    used = [np.zeros(tier.switches, int) for tier in fabric.tiers]
    for bundle, (lower, upper) in zip(fabric.bundles, all_ends(fabric), strict=True):
        if bundle.lower >= 0:
            used[bundle.lower] += np.bincount(lower, minlength=len(used[bundle.lower]))
        used[bundle.upper] += np.bincount(upper, minlength=len(used[bundle.upper]))
    for tier, links in zip(fabric.tiers, used, strict=True):
        assert len(links) == tier.switches
        assert links.min() >= 1
        assert links.max() <= tier.links_each


@given(fabrics())
def test_no_port_is_used_twice(fabric):
    used: dict[int, list[np.ndarray]] = {}
    for index, (bundle, ends) in enumerate(zip(fabric.bundles, all_ends(fabric), strict=True)):
        for tier, device, port in zip(
            (bundle.lower, bundle.upper), ends, fabric.ports(index, np.arange(bundle.count)), strict=True
        ):
            used.setdefault(tier, []).append(device * 1000 + port)
            assert port.max() < (fabric.tiers[tier].links_each if tier >= 0 else fabric.planes)
    for ports in map(np.concatenate, used.values()):
        assert len(np.unique(ports)) == len(ports)


@given(fabrics())
def test_bisection_is_half_of_the_narrowest_tier(fabric):
    whole = fabric.endpoints * LINK / 2
    up = fabric.shape.stages[0].up if fabric.shape.stages else 0
    expected = whole / 1 if not up else min(whole, fabric.tiers[0].switches * up * LINK / fabric.planes / 2)
    assert fabric.bisection() <= expected * (1 + 1e-12)
    assert fabric.bisection() >= whole / fabric.shape.taper * (1 - 1e-12)


@given(fabrics(), st.data())
def test_distance_is_symmetric_and_bounded(fabric, data):
    pairs = st.lists(st.integers(0, fabric.endpoints - 1), min_size=8, max_size=8)
    one, other = (np.array(data.draw(pairs)) for _ in range(2))
    there, back = fabric.distance(one, other), fabric.distance(other, one)
    assert np.array_equal(there, back)
    assert there.max() <= fabric.hops()
    assert np.array_equal(there == 0, one == other)
    assert np.all((there == 0) | (there % 2 == 1))  # up and down again; -1 where there is no path


@pytest.mark.parametrize("kind", ["clos", "rail-optimised", "rail-only"])
@pytest.mark.parametrize(("endpoints", "taper"), [(96, 1.0), (480, 1.0), (960, 2.0)])
def test_distance_against_breadth_first_search(kind, endpoints, taper):
    import networkx as nx

    fabric = build(kind, endpoints, rails=4, ports=16, taper=taper)
    graph = nx.Graph()
    for bundle, (lower, upper) in zip(fabric.bundles, all_ends(fabric), strict=True):
        graph.add_edges_from(
            ((bundle.lower, a), (bundle.upper, b)) for a, b in zip(lower.tolist(), upper.tolist(), strict=True)
        )
    for source in (0, 1, endpoints // 2):
        away = nx.single_source_shortest_path_length(graph, (-1, source))
        # n switches lie on a path of n + 1 links
        searched = [away.get((-1, t), 0) - 1 if t != source else 0 for t in range(endpoints)]
        assert np.array_equal(fabric.distance(np.array(source), np.arange(endpoints)), searched)


@pytest.mark.parametrize(
    ("radix", "tiers", "members"), [(4, 1, 4), (4, 2, 8), (4, 3, 16), (4, 4, 32), (64, 2, 2048), (64, 3, 65_536)]
)
def test_full_fat_tree(radix, tiers, members):
    """A k-port fat tree of T tiers holds 2 (k/2)^T endpoints (Al-Fares et al., SIGCOMM 2008)."""
    shape = fold(members, 1, Limits(radix, radix))
    assert len(shape.switches) == tiers
    assert sum(shape.switches) == (2 * tiers - 1) * members // radix
    if tiers < 4:
        assert len(fold(members + 1, 1, Limits(radix, radix)).switches) == tiers + 1
    else:
        with pytest.raises(UsageError, match="at most 32"):
            fold(members + 1, 1, Limits(radix, radix))


def test_rail_optimised_keeps_a_rail_on_one_leaf_of_its_unit():
    fabric = build("rail-optimised", 512, ports=64)
    node, rail = np.divmod(np.arange(512), 8)
    assert np.array_equal(fabric.ends(0, np.arange(512))[1], node // 32 * 8 + rail)
    assert fabric.distance(np.array(0), np.array(8)) == 1
    assert fabric.distance(np.array(0), np.array(1)) == 3


def test_taper_saves_spines():
    even, tapered = build("clos", 1536), build("clos", 1536, taper=3.0)
    assert [t.switches for t in even.tiers] == [48, 24]
    assert [t.switches for t in tapered.tiers] == [32, 8]
    assert even.bisection() / tapered.bisection() == pytest.approx(3.0)


def test_trunks_are_equally_wide_where_that_costs_little():
    """72 uplinks a leaf: 16 spines would leave trunks of 4 and 5 links, so 18 are bought."""
    assert [t.switches for t in build("rail-optimised", 2304, ports=144).tiers] == [32, 18]
    assert [t.switches for t in build("clos", 960).tiers] == [30, 16]  # 15 would do


def test_planes_make_networks_flatter():
    one, eight = build("clos", 16_384), build("clos", 16_384, planes=8)
    assert (len(one.tiers), len(eight.tiers)) == (3, 2)
    assert one.bisection() == pytest.approx(eight.bisection())


@pytest.mark.parametrize(
    ("design", "endpoints", "rails", "part", "message"),
    [
        ({}, 8, 8, switch(), "design.fabric.kind is open"),
        ({"kind": "clos"}, 8, 8, switch(), "design.fabric.link is open"),
        ({"kind": "clos", "link": "400 Gb/s"}, 8, 8, None, "design.fabric.switch is open"),
        ({"kind": "clos", "link": "400 Gb/s"}, 0, 8, switch(), "at least one endpoint"),
        ({"kind": "clos", "link": "800 Gb/s"}, 8, 8, switch(), "choose a faster switch, or split the link over 2"),
        ({"kind": "clos", "link": "400 Gb/s"}, 33, 8, switch(4), "hold at most 32; choose a switch with more"),
        ({"kind": "clos", "link": "400 Gb/s", "taper": 64}, 33, 8, switch(4), "leaves no uplink.*at most 3:1"),
        ({"kind": "rail-only", "link": "400 Gb/s"}, 8 * 33, 8, switch(4), "hold at most 32"),
        ({"kind": "rail-only", "link": "400 Gb/s"}, 100, 8, switch(), "nearest are 96 and 104"),
        ({"kind": "rail-optimised", "link": "400 Gb/s"}, 100, 1, switch(), "choose fabric kind: clos"),
        ({"kind": "rail-optimised", "link": "400 Gb/s"}, 800, 8, switch(8, 400, (1,)), "at most 4.*kind: clos"),
        ({"kind": "torus", "link": "400 Gb/s"}, 64, 4, switch(), "fabric.switch has no effect on a torus"),
        ({"kind": "torus", "link": "400 Gb/s", "taper": 2}, 64, 4, None, "fabric.taper has no effect"),
        ({"kind": "torus", "link": "400 Gb/s", "planes": 2}, 64, 4, None, "fabric.planes has no effect"),
        ({"kind": "torus", "link": "400 Gb/s"}, 4 * 997, 4, None, "no compact torus.*the nearest counts that do"),
    ],
)
def test_what_cannot_be_built_says_what_could(design, endpoints, rails, part, message):
    with pytest.raises(UsageError, match=message):
        topology.build(FabricDesign.model_validate(design), endpoints, rails, part)

"""Where jobs sit, what their collectives send, and what that costs on a fabric."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.network.jobs import (
    PLACES,
    Fabric,
    Strain,
    Wave,
    beside,
    exchange,
    handover,
    order,
    rails,
    ring,
    strain,
    tree,
    units,
)  # fmt: skip
from firstlight.network.routing import fail
from firstlight.network.transport.fabric import Latency
from firstlight.spec.design import FabricDesign
from firstlight.twin.protocols import Topology

from .test_topology import LINK, build, switch
from .test_torus import build as torus

SIZE = 64e6
"""Bytes that a rank sends."""


def on(net: Topology, routing: Any = "spray", fails: tuple[str, ...] = (), pairs: int = 1) -> Fabric:
    latencies = Latency(np.full(len(net.bundles), 5e-7), np.full(len(net.tiers), 3e-7))
    return Fabric(net, fail(net, fails, 1), latencies, routing, pairs)


def placed(fabric: Fabric, wave: Wave, place: Any = "packed", domain: int = 1, handed: int = 1) -> Wave:
    found = units(fabric.topology, fabric.failures, domain, domain, domain)
    (own,) = order(found, [len(found)], place)
    return rails(wave, found, own, handed)


def excess(fabric: Fabric, wave: Wave) -> Strain:
    return strain(fabric, wave, SIZE, LINK)


@given(st.sampled_from(PLACES), st.lists(st.integers(1, 10), min_size=1, max_size=3), st.integers(0, 3))
def test_no_unit_is_given_twice(place, jobs, lost):
    net = build("rail-optimised", 256, 8, ports=16)
    found = units(net, fail(net, [f"node-leaf:{lost}"]), 8, 8, 8)
    given_units = order(found, jobs, place)
    every = np.concatenate(given_units)
    assert [len(one) for one in given_units] == jobs
    assert len(np.unique(every)) == len(every)
    assert every.max() < 32


def test_more_jobs_than_nodes_are_refused():
    net = build("clos", 128, 1, ports=16)
    with pytest.raises(UsageError, match="need 17 nodes or domains, and the fabric has 16"):
        order(units(net, fail(net, []), 8, 8, 8), [9, 8], "packed")


def test_topology_aware_takes_whole_leaves_and_leaves_hurt_nodes_out():
    net = build("clos", 128, 1, ports=16)
    found = units(net, fail(net, ["node-leaf#0"]), 1, 1, 1)
    small, large = order(found, [7, 64], "topology-aware")
    assert len(np.unique(found.leaf[large])) == 8
    assert len(np.unique(found.leaf[small])) == 1
    assert 0 not in np.concatenate([small, large])
    packed, _ = order(found, [7, 64], "packed")
    assert 0 in packed


def test_spread_puts_neighbours_under_different_leaves():
    net = build("clos", 128, 1, ports=16)
    found = units(net, fail(net, []), 1, 1, 1)
    (own,) = order(found, [128], "spread")
    assert np.all(np.diff(found.leaf[own])[: len(np.unique(found.leaf)) - 1] != 0)


@given(st.sampled_from([2, 4, 8, 16]), st.sampled_from([1, 2, 4, 8, 16]), st.sampled_from([1, 4, 8]))
def test_each_rank_sends_one_unit_and_gets_one(size, stride, domain):
    inner = int(np.clip(domain // stride, 1, size))
    for wave in (ring(256, size, stride, inner, domain), exchange(256, size, stride, inner, domain)):
        if not len(wave):
            assert size * stride <= domain
            continue
        sent, got = (np.bincount(ends, wave.weight, 256) for ends in (wave.source, wave.target))
        assert sent[np.unique(wave.source)] == pytest.approx(1.0)
        assert got[np.unique(wave.target)] == pytest.approx(1.0)
        assert np.all(wave.source // domain != wave.target // domain)
        assert np.all(wave.source // (size * stride) == wave.target // (size * stride))
        assert np.all(wave.source % stride == wave.target % stride)


def test_ring_steps_are_between_domains():
    assert ring(64, 64, 1, 8, 8).steps == 7
    assert np.array_equal(ring(64, 64, 1, 8, 8).target, (np.arange(64) + 8) % 64)


def test_trees_reach_all_domains_with_half_of_the_bytes_each():
    wave = tree(64, 64, 1, 8, 8)
    assert wave.weight.sum() == pytest.approx(8 * 7)
    assert np.bincount(wave.target, wave.weight, 64).max() <= 1.0
    assert np.bincount(wave.source, wave.weight, 64).max() <= 1.0


def test_a_stage_hands_over_to_the_next():
    wave = handover(32, 8, 8)
    assert np.array_equal(wave.target - wave.source, np.full(24, 8))


def test_a_healthy_fabric_costs_a_ring_nothing():
    net = build("clos", 128, 1, ports=16)
    fabric = on(net, "adaptive")
    found = excess(fabric, placed(fabric, ring(128, 128, 1, 1, 1)))
    assert 0 <= found.p10 < found.p50 < 0.15
    assert found.binding[0].name.startswith("node-leaf#")
    assert found.binding[0].busy == pytest.approx(1.0)


def test_neighbours_under_one_leaf_beat_spread_ones_on_hashed_paths():
    net = build("clos", 128, 1, ports=16)
    fabric, wave = on(net, "ecmp"), ring(128, 8, 1, 1, 1)
    packed, spread = (excess(fabric, placed(fabric, wave, place)) for place in ("packed", "spread"))
    assert packed.p50 < 0.1
    assert spread.p50 > 1.0
    assert spread.p10 > packed.p90
    assert spread.p10 < spread.p50 < spread.p90


def test_more_queue_pairs_lose_less():
    net = build("clos", 128, 1, ports=16)
    lost = [excess(fabric, placed(fabric, ring(128, 8, 1, 1, 1), "spread")).p50
            for fabric in (on(net, "ecmp", pairs=pairs) for pairs in (1, 4, 16))]  # fmt: skip
    assert lost[0] > lost[1] > lost[2] > 0


@pytest.mark.parametrize("spines", [1, 2, 4])
def test_one_of_n_spines_costs_one_nth_of_what_crosses_leaves(spines):
    """8 spines: all traffic leaves its leaf, whose uplinks carry it at 1 - k/8 of the speed."""
    net = build("clos", 128, 1, ports=16)
    assert net.tiers[1].switches == 8
    whole, less = on(net), on(net, fails=(f"spine:{spines}",))
    wave = placed(whole, handover(128, 64, 1))
    before, after = (fabric.loads(wave) for fabric in (whole, less))
    assert before.fabric[0] * LINK == pytest.approx(1.0)
    assert before.fabric[0] / after.fabric[0] == pytest.approx(1 - spines / 8)
    assert "leaf-spine of leaf#" in after.busiest[0].name


def test_a_slow_spine_holds_oblivious_packets_back_and_adaptive_ones_less():
    net = build("clos", 128, 1, ports=16)
    blind, aware = (on(net, how, ("spine#0@25%",)) for how in ("spray", "adaptive"))
    wave = placed(blind, handover(128, 64, 1))
    assert blind.loads(wave).fabric[0] * LINK == pytest.approx(4.0)
    assert aware.loads(wave).fabric[0] * LINK == pytest.approx(8 / 7.25)


def test_a_lost_leaf_cuts_its_nodes_off_or_leaves_them_other_rails():
    whole = ring(128, 128, 1, 8, 8)
    clos = on(build("clos", 128, 8, ports=16), fails=("leaf#0",))
    assert clos.cut(placed(clos, whole, domain=8)).any()
    railed = on(build("rail-optimised", 128, 8, ports=16), fails=("leaf#0",))
    wave = placed(railed, whole, domain=8)
    assert not railed.cut(wave).any()
    assert excess(railed, wave).binding[0].busy == pytest.approx(2.0)
    with pytest.raises(UsageError, match="failures leave no way from endpoint"):
        clos.require(placed(clos, whole, domain=8))


def test_a_lost_plane_costs_its_share():
    net = build("clos", 256, 1, ports=16, planes=4)
    whole, less = on(net), on(net, fails=("plane#1",))
    wave = placed(whole, handover(256, 128, 1))
    assert not less.cut(wave).any()
    assert whole.loads(wave).nic[0] / less.loads(wave).nic[0] == pytest.approx(0.75)


def test_rail_aligned_exchanges_stay_on_their_rail():
    net = build("rail-optimised", 128, 8, ports=16)
    fabric, wave = on(net, "ecmp"), exchange(128, 128, 1, 8, 8)
    straight, aligned = (placed(fabric, wave, domain=8, handed=handed) for handed in (1, 8))
    assert np.all(aligned.source % 8 == aligned.target % 8)
    assert excess(fabric, aligned).p50 < excess(fabric, straight).p50


def test_others_on_the_same_links_cost_and_elsewhere_do_not():
    net = build("clos", 128, 1, ports=16)
    fabric = on(net)
    found = units(net, fabric.failures, 1, 1, 1)
    wave = ring(64, 64, 1, 1, 1)
    halves = [rails(wave, found, own, 1) for own in order(found, [64, 64], "packed")]
    alone = fabric.loads(halves[0])
    assert fabric.loads(beside(halves[0], halves[1:])).nic[0] == pytest.approx(alone.nic[0])
    assert fabric.loads(beside(halves[0], halves[:1])).nic[0] == pytest.approx(2 * alone.nic[0])


def test_loads_are_kept_by_signature(monkeypatch):
    net = build("clos", 128, 1, ports=16)
    fabric = on(net, "ecmp")
    wave = placed(fabric, ring(128, 16, 1, 1, 1))
    first, asked = excess(fabric, wave), []
    monkeypatch.setattr(Fabric, "loads", lambda *_: asked.append(1))
    assert excess(on(net, "ecmp"), placed(fabric, ring(128, 16, 1, 1, 1))) == first
    assert not asked
    with pytest.raises(AttributeError):
        excess(on(net, "ecmp", ("spine:1",)), wave)
    assert len(asked) == 1


def test_a_torus_is_refused():
    with pytest.raises(UsageError, match="jobs on a torus own slices"):
        on(torus(64))


def test_direct_networks_are_answered_without_a_measured_interval():
    design = FabricDesign.model_validate({"kind": "hyperx", "link": "400 Gb/s"})
    net = topology.build(design, 128, 8, switch(32, 400, (1, 2, 4, 8)))
    fabric = on(net)
    found = excess(fabric, placed(fabric, ring(128, 128, 1, 8, 8), domain=8))
    assert not found.calibrated
    assert found.p90 > found.p50


def test_rings_stay_on_their_rails_where_the_last_domain_is_half_full():
    wave = ring(44, 44, 1, 8, 8)
    assert np.array_equal(wave.source % 8, wave.target % 8)
    assert np.array_equal(np.sort(wave.source), np.sort(wave.target))


def test_nothing_between_domains_costs_nothing():
    net = build("clos", 128, 1, ports=16)
    assert excess(on(net), ring(8, 8, 1, 8, 8)) == Strain(0.0, 0.0, 0.0, True, ())


def test_sprayed_messages_use_both_sides_of_a_pair_of_leaves_evenly():
    design = FabricDesign.model_validate({"kind": "dual-tor", "link": "400 Gb/s"})
    net = topology.build(design, 128, 8, switch(64, 400, (1, 2, 4, 8)))
    whole, less = (on(net, fails=fails) for fails in ((), ("leaf#0",)))
    wave = placed(whole, ring(128, 128, 1, 8, 8), domain=8)
    assert whole.loads(wave).nic * LINK == pytest.approx(1.0)
    assert not less.cut(wave).any()
    assert less.loads(wave).nic * LINK == pytest.approx(2.0)

"""Packets through a small fat tree: times by hand, conservation, broken links, chance."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.network.flows.traffic import traffic, waits
from firstlight.network.routing import fail
from firstlight.network.simulate import planes, simulate
from firstlight.network.transport import packets, paths

from ..topology.kinds import build

C = 50e9
MIB = 2**20


def case(fabric, flows, routing="spray", share=None):
    return planes(fabric.topology, flows, routing, fabric.share if share is None else share, 0, fabric.latency)[0]


@pytest.mark.parametrize(("target", "hops", "latency"), [(1, 1, 1.3e-6), (2, 3, 2.9e-6), (15, 5, 4.5e-6)])
def test_a_flow_alone_takes_its_wire_time_and_a_round_trip(fat_tree, target, hops, latency):
    """8 MiB are 2,081 packets of 4,032 B and 64 B of header; the last is acknowledged after both ways."""
    result = simulate(fat_tree.topology, traffic(0, target, 8 * MIB), "spray", latencies=fat_tree.latency)
    wire = 8 * MIB + 64 * np.ceil(8 * MIB / 4032)
    assert np.ceil(8 * MIB / 4032) == 2081
    expected = wire / C + 2 * latency + hops * 4096 / C
    assert result.completion[0] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("routing", ["spray", "reps", "adaptive", "ecmp"])
def test_every_byte_arrives_and_nothing_is_faster_than_the_links(fat_tree, routing):
    flows = traffic(np.arange(16), (np.arange(16) + 5) % 16, 1 * MIB)
    one = case(fat_tree, flows, routing)
    run = packets.run(one.plane, one.flows, routing, 7, one.protocol)
    alone = one.flows.size / C + paths.trips(one.plane, one.flows, one.protocol) - 1e-9
    assert np.all(run.end >= alone)
    assert run.end.max() < 5 * alone.max()


@pytest.mark.parametrize("routing", ["spray", "ecmp"])
def test_the_same_seed_gives_the_same_answer(fat_tree, routing):
    flows = traffic(np.arange(16), (np.arange(16) + 4) % 16, 256 * 1024)
    ends = [simulate(fat_tree.topology, flows, routing, seed=s).completion for s in (1, 1, 2)]
    assert np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


@pytest.mark.parametrize("routing", ["spray", "adaptive", "ecmp"])
def test_broken_links_give_the_same_answer_however_seeds_share_the_processors(fat_tree, routing):
    """Seeds run side by side: each looks for ways that are left on a stack of its own."""
    net = fat_tree.topology
    share = fat_tree.share.copy()
    share[[net.offsets[1], net.links + net.offsets[1] + 3, net.offsets[2] + 1]] = 0
    flows = traffic(np.arange(16), (np.arange(16) + 6) % 16, 512 * 1024)
    first, *others = (simulate(net, flows, routing, share, 1, fat_tree.latency).makespan for _ in range(6))
    assert np.isfinite(first.p90)
    assert all(other == first for other in others)


def test_a_flow_starts_when_those_it_waits_for_are_acknowledged(fat_tree):
    flows = traffic([0, 4, 9], [4, 9, 0], 64 * 1024, after=waits([1, 2], [0, 1], 3))
    ends = simulate(fat_tree.topology, flows, latencies=fat_tree.latency).completion
    assert np.diff(ends) == pytest.approx(ends[0], rel=1e-2)


def test_flows_into_one_endpoint_share_its_link(fat_tree):
    flows = traffic([4, 8, 12, 15], 0, 4 * MIB)
    result = simulate(fat_tree.topology, flows, latencies=fat_tree.latency)
    assert result.makespan.p50 == pytest.approx(4 * 4 * MIB * 4096 / 4032 / C, rel=0.06)


@pytest.mark.parametrize("routing", ["spray", "reps", "adaptive", "ecmp"])
def test_no_packet_takes_a_link_that_is_down(fat_tree, routing):
    """The way down from a spine is broken, so leaves of other pods must not climb to it for that pod's leaf."""
    topology, share = fat_tree.topology, fat_tree.share.copy()
    lower, _ = topology.ends(1, np.arange(topology.bundles[1].count))
    gone = topology.offsets[1] + int(np.flatnonzero(lower == 0)[0])
    share[[gone, gone + topology.links]] = 0
    flows = traffic([4, 8, 12, 2], [0, 1, 0, 1], 512 * 1024)
    one = case(fat_tree, flows, routing, share)
    healthy, broken = (
        packets.run(c.plane, c.flows, routing, 1, c.protocol).end.max() for c in (case(fat_tree, flows, routing), one)
    )
    assert broken > healthy * 0.99
    for seed in range(20):
        assert not np.isin([gone, gone + topology.links], paths.hashed(one.plane, one.flows, seed, one.protocol)).any()


@pytest.mark.parametrize("down", [0, 4])
@pytest.mark.parametrize("routing", ["spray", "adaptive", "ecmp", "roce-ecmp"])
def test_flows_that_are_cut_off_are_told_before_anything_is_simulated(fat_tree, down, routing):
    """Of the sender's link, or of the receiver's."""
    share = fat_tree.share.copy()
    share[[down, fat_tree.topology.links + down]] = 0
    flows = traffic([8, 4, 9, 5], [9, 0, 10, 0], 1000)
    lost = 2 if down == 0 else 1
    with pytest.raises(UsageError, match=rf"no way is left from endpoint 4 to 0 \({lost} such pairs in all\)"):
        simulate(fat_tree.topology, flows, routing, share)


def test_a_message_goes_over_the_planes_that_are_left():
    """Two planes of 200 Gb/s: with one of a NIC's links down, its messages take the other, twice as long."""
    net = build("clos", 32, ports=16, planes=2)
    flows = traffic([0, 5], [20, 25], 4 * MIB)
    healthy, broken, slow = (
        simulate(net, flows, "spray", fail(net, names).shares(net)).completion
        for names in ([], ["node-leaf#0"], ["node-leaf#0@50%"])
    )
    assert broken[0] == pytest.approx(2 * healthy[0], rel=0.05)
    assert slow[0] == pytest.approx(4 / 3 * healthy[0], rel=0.05)
    assert broken[1] == pytest.approx(healthy[1], rel=0.05)
    with pytest.raises(UsageError, match="no way is left from endpoint 0 to 20"):
        simulate(net, flows, "spray", fail(net, ["node-leaf#0", "node-leaf#32"]).shares(net))


def test_a_slow_link_slows_only_what_passes_it(fat_tree):
    share = fat_tree.share.copy()
    share[fat_tree.topology.links] = 0.25
    flows = traffic([4, 8], [0, 12], 4 * MIB)
    ends = simulate(fat_tree.topology, flows, share=share, latencies=fat_tree.latency).completion
    assert ends[0] == pytest.approx(4 * ends[1], rel=0.1)


def test_wrong_questions_are_refused(fat_tree):
    with pytest.raises(UsageError, match='unknown routing "sprai"'):
        simulate(fat_tree.topology, traffic(0, 1, 1000), "sprai")
    with pytest.raises(UsageError, match="target 16 does not exist"):
        simulate(fat_tree.topology, traffic(0, 16, 1000))


def test_fluid_times_of_equal_flows_need_no_events(fat_tree):
    from firstlight.network.flows.simulate import finish

    flows = traffic(np.arange(16), (np.arange(16) * 5 + 3) % 16, 1 * MIB)
    one = case(fat_tree, flows, "ecmp")
    routes = paths.hashed(one.plane, one.flows, 3, one.protocol)
    trips = paths.trips(one.plane, one.flows, one.protocol)
    followed = finish(routes, one.plane.rate, one.flows, trips)
    assert paths.fluid(one.plane, one.flows, routes, one.protocol).max() == pytest.approx(followed.max(), rel=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("routing", ["spray", "reps", "adaptive", "ecmp"])
def test_what_stays_on_its_endpoint_takes_no_time(fat_tree, routing):
    found = simulate(fat_tree.topology, traffic([0, 1], [0, 1], 1e6), routing, latencies=fat_tree.latency)
    assert found.makespan.p90 == 0
    assert not found.completion.any()

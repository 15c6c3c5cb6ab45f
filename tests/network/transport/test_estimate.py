"""Cases too large for packets: trunks, rows of flows, and an excess that stays small where nothing queues."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.network.flows.traffic import traffic, waits
from firstlight.network.simulate import planes
from firstlight.network.transport import bands, estimate
from firstlight.network.transport.case import Answer
from firstlight.network.transport.estimate import Load, constants, excess
from firstlight.network.transport.pattern import pattern

C = 50e9
MIB = 2**20


def case(fabric, flows, routing="adaptive"):
    return planes(fabric.topology, flows, routing, fabric.share, 0, fabric.latency)[0]


def test_loads_of_endpoints_and_trunks(fat_tree):
    """Four flows of one pod to another: two of each leaf, four of the pod, over as many uplinks."""
    flows = traffic([0, 1, 2, 3], [4, 5, 6, 7], MIB)
    one = case(fat_tree, flows)
    load = estimate.measure(one)
    wire = float(one.flows.size[0]) / C
    assert load.nic == pytest.approx(wire)
    assert load.trunk == pytest.approx(wire)
    assert load.stages == 4
    assert load.chain == 1


def test_a_narrow_trunk_is_the_bottleneck(fat_tree):
    share = fat_tree.share.copy()
    first = fat_tree.topology.offsets[1]
    share[first] = 0.0
    one = planes(fat_tree.topology, traffic([0, 1], [4, 6], MIB), "adaptive", share, 0, fat_tree.latency)[0]
    assert estimate.measure(one).trunk == pytest.approx(2 * estimate.measure(one).nic)


def test_rows_of_flows_add_up(fat_tree):
    one = case(fat_tree, traffic([0, 4, 8], [4, 8, 0], MIB, after=waits([1, 2], [0, 1], 3)))
    load = estimate.measure(one)
    assert load.chain == 3
    assert load.row == pytest.approx(3 * (float(one.flows.size[0]) / C + load.trip), rel=1e-6)
    assert estimate.base(one, estimate.ends(one)) == pytest.approx(load.row, rel=1e-3)


@pytest.mark.parametrize("routing", ["spray", "ecmp"])
@pytest.mark.parametrize("mixed", [1, 2])
def test_each_flow_of_an_estimate_ends_when_its_links_let_it(fat_tree, routing, mixed):
    """Three flows into one endpoint end three times as late as a fourth elsewhere, and as the makespan says."""
    flows = traffic([4, 8, 12, 1], [0, 0, 0, 13], 64 * MIB * np.array([1, 1, 1, mixed]))
    found = estimate.answer(case(fat_tree, flows, routing))
    assert found.end.max() == pytest.approx(np.median(found.makespans))
    assert found.end[0] / found.end[3] == pytest.approx(3 / mixed, rel=0.02)


@given(
    nic=st.floats(1e-6, 1e-2),
    ratio=st.floats(0.1, 8),
    chain=st.integers(1, 64),
    routing=st.sampled_from(["spray", "reps", "adaptive"]),
)
def test_packets_never_make_it_faster(nic, ratio, chain, routing):
    load = Load(nic, nic * ratio, 4, 9.4e-6, 82e-9, nic / 82e-9, chain, nic, 1.0, 512, 16.0)
    assert excess(routing, load, constants(), 256) >= 0


def test_kinds_of_traffic():
    n = np.arange(16)
    assert pattern(traffic(n, (n + 1) % 16, 1e6)) == "pairs"
    assert pattern(traffic(n[1:], 0, 1e6)) == "incast"
    assert pattern(traffic(np.repeat(n, 15), np.tile(n[:15], 16), 1e6)) == "all-to-all"
    assert pattern(traffic([0, 1], [1, 2], 1e6, after=waits([1], [0], 2))) == "chained"


def test_an_interval_is_as_wide_as_its_draws_or_the_residuals():
    def answer(*spans):
        return Answer(np.array(spans), np.zeros(1), np.zeros(1), ())

    narrow = bands.band(answer(1.0, 1.0, 1.0), 0.02, True)
    wide = bands.band(answer(0.8, 1.0, 1.25), 0.02, True)
    assert narrow.p90 == pytest.approx(np.exp(1.2816 * 0.02))
    assert wide.p90 > 1.2
    assert bands.scatter("reps", "no such pattern", "fluid") == bands.scatter("reps", "pairs", "fluid")

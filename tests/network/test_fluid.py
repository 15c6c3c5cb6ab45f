"""Max-min fair traffic on fabrics that are not simulated packet by packet: latency, and what is broken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network.flows.traffic import traffic, waits
from firstlight.network.fluid import delays
from firstlight.network.routing import fail
from firstlight.network.routing.hashed import reached
from firstlight.network.simulate import simulate
from firstlight.network.topology.base import Switched
from firstlight.network.topology.torus import torus
from firstlight.network.transport.fabric import Latency

from .topology.kinds import any_kind, build

C = 50e9
MIB = 2**20
WIRE = MIB + 64 * np.ceil(MIB / 4032)


def test_flows_of_a_torus_take_turns():
    fabric = torus(64, 4, C)
    result = simulate(fabric, traffic([0, 1], [1, 0], MIB), "ecmp")
    assert result.method == "fluid"
    assert result.makespan.p50 == pytest.approx(WIRE / C, rel=0.2)
    assert not result.makespan.calibrated
    chained = traffic([0, 1], [1, 2], MIB, after=waits([1], [0], 2))
    assert np.diff(simulate(fabric, chained, "spray").completion) > 0


def test_latency_is_that_of_the_links_and_switches_passed():
    """Endpoint to router, to another router, to the endpoint, and the acknowledgement back."""
    net = build("dragonfly", 24, dragonfly={"p": 2, "a": 4, "h": 1, "g": 3})
    late = Latency(np.arange(1, 1 + len(net.bundles)) * 1e-3, np.full(len(net.tiers), 1e-4))
    each = delays(net, late)
    assert each[0] == pytest.approx(1.1e-3)
    assert each[net.links] == pytest.approx(1e-3)
    found = simulate(net, traffic(0, 2, MIB), "ecmp", latencies=late)
    assert found.completion[0] == pytest.approx(WIRE / C + 2 * (1.1e-3 + 2.1e-3 + 1e-3))


def test_queue_pairs_may_have_any_number():
    found = simulate(torus(64, 4, C), traffic([0, 0], [21, 21], MIB, chain=2**31 - 1), "ecmp")
    assert found.completion[0] == found.completion[1] > 2 * WIRE / C


@given(any_kind().filter(lambda net: not isinstance(net, Switched)), st.integers(0, 2**32 - 1))
def test_broken_fabrics_of_every_kind_carry_what_has_a_way(net, seed):
    """Links drawn at random are down: flows that have a way end, and the first without one is named."""
    rng = np.random.default_rng(seed)
    names = [f"{bundle.name}:1" for bundle in net.bundles if bundle.count > 1]
    lost = fail(net, names, seed)
    source = rng.integers(0, net.endpoints, 16)
    target = rng.integers(0, net.endpoints, 16)
    apart = np.flatnonzero(source != target)
    flows = traffic(source[apart], target[apart], MIB) if apart.size else None
    if flows is None:
        return
    down = np.zeros(2 * net.links, bool)
    down[lost.down] = True
    try:
        left = reached(net, flows.source, flows.target, down)
    except UsageError:  # rails that are not joined
        return
    if not left.all():
        with pytest.raises(UsageError, match=f"from endpoint {flows.source[~left][0]} to {flows.target[~left][0]} "):
            simulate(net, flows, "ecmp", lost.shares(net))
        return
    found = simulate(net, flows, "ecmp", lost.shares(net))
    assert np.all(found.completion > WIRE / max(bundle.bandwidth * net.planes for bundle in net.bundles))

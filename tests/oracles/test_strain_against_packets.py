"""The congestion of a pattern by loads and formula, against every packet of the same messages."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.network import topology
from firstlight.network.flows.traffic import traffic
from firstlight.network.jobs import Fabric, handover, order, rails, strain, units
from firstlight.network.routing import fail
from firstlight.network.simulate import simulate
from firstlight.network.transport.fabric import Latency, round_trip
from firstlight.network.transport.protocol import protocol
from firstlight.spec.catalog import shipped
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Switch

SIZE, LINK = 2e6, 5e10


@pytest.mark.parametrize(
    ("routing", "fails", "near"),
    [
        ("spray", (), 0.1),
        ("adaptive", (), 0.1),
        ("reps", (), 0.05),
        ("ecmp", (), 0.2),
        ("adaptive", ("spine#0",), 0.15),
    ],
)
def test_every_endpoint_sends_to_another_leaf(routing, fails, near):
    design = FabricDesign.model_validate({"kind": "clos", "link": "400 Gb/s", "groups": [16]})
    net = topology.build(design, 128, 8, shipped().part(Switch, "nvidia-qm9700"))
    failures = fail(net, fails)
    latencies = Latency(np.full(2, 5e-7), np.full(2, 3e-7))
    fabric, found = Fabric(net, failures, latencies, routing), units(net, failures, 1, 1, 1)
    wave = rails(handover(128, 64, 1), found, order(found, [128], "packed")[0], 1)
    loads = strain(fabric, wave, SIZE, LINK)
    sent = traffic(wave.source, wave.target, SIZE)
    packets = simulate(net, sent, routing, failures.shares(net), 0, latencies).makespan
    trip = round_trip(latencies, LINK, protocol())
    assert 1 + loads.p50 == pytest.approx((packets.p50 - trip) * LINK / SIZE, rel=near)

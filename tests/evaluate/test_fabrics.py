"""Plans on every kind of fabric, end to end: switches and cables have places, collectives have times."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.errors import UsageError

from .conftest import Evaluate

DOCUMENT = """
name: fabrics
site: {place: "Memphis, Tennessee", power: 4 MW, floor: 4000 m2, existing: [shell, utility]}
demand:
  - {train: llama-3-8b, tokens: 200B}
design: {system: hgx-h100, accelerators: 512, fabric: {link: 400 Gb/s, switch: nvidia-sn5400}}
ready_by: 700 days
"""
TORUS = DOCUMENT.replace("hgx-h100", "tpu-v5p-cube").replace(
    "fabric: {link: 400 Gb/s, switch: nvidia-sn5400}", "fabric: {}"
)
KINDS = {
    "tapers": {"kind": "clos", "taper": "[1, 2]", "groups": "[32, 128]", "spine_switch": "arista-7816r3"},
    "dual": {"kind": "dual-tor"},
    "dual, two planes": {"kind": "dual-tor", "planes": "2"},
    "dragonfly": {"kind": "dragonfly", "dragonfly": "{p: 8, a: 16, h: 4}"},
    "slim fly": {"kind": "slim-fly"},
    "hyperx": {"kind": "hyperx", "hyperx": "{dimensions: [8, 8], widths: [1, 2]}", "planes": "2"},
}  # fmt: skip


def on(evaluated: Evaluate, kind: str, document: str = DOCUMENT):
    return evaluated(document, **{f"design.fabric.{name}": value for name, value in KINDS[kind].items()})


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_on_every_kind_of_switched_fabric(kind, evaluated):
    found = on(evaluated, kind)
    topology, net, plan = found.twin.topology, found.network, found.cable_plan
    assert net.kind == KINDS[kind]["kind"]
    assert net.link == pytest.approx(50e9)
    assert len(plan) == topology.links == sum(line.count for line in net.cables)
    for tier, racks in zip(topology.tiers, found.twin.switch_rack, strict=True):
        assert len(racks) == tier.switches
    assert np.all(plan.length > 0)
    assert net.latency > net.hops * 600e-9
    assert all(point.time > 0 and np.isfinite(point.time) for point in net.collectives)
    assert found.training[0].tokens_per_s.p50 > 0


def test_narrow_fabrics_are_slower(evaluated):
    """Uniform traffic on the dragonfly with too few global links goes at their share, on a slim fly near the NIC."""

    def bandwidth(kind: str) -> float:
        points = on(evaluated, kind).network.collectives
        return max(point.bus_bandwidth for point in points if point.operation == "all_to_all")

    share = on(evaluated, "dragonfly").twin.topology.levels()[-1].share
    assert share < 0.75
    assert bandwidth("dragonfly") < bandwidth("slim fly")
    assert bandwidth("tapers") < bandwidth("dual")


def test_slices_of_a_torus(evaluated):
    """Two slices of a pod: a collective runs in one of them."""
    slices = "[{dimensions: [4, 4, 8], twisted: true}, {dimensions: [4, 8, 8]}, {dimensions: [4, 4, 8]}]"
    found = evaluated(TORUS, **{"design.fabric.torus": f"{{slices: {slices}}}", "demand[0].tokens": "20B"})
    assert found.network.links == (("torus", 3 * 512, pytest.approx(100e9)),)
    assert all(point.group == (256, 1) for point in found.network.collectives)


def test_a_plan_is_one_site(evaluated):
    with pytest.raises(UsageError, match=r"lays out one site, and design\.fabric\.sites joins 2"):
        evaluated(DOCUMENT, **{"design.fabric.kind": "clos", "design.fabric.sites": "{count: 2, length: 60 km}"})

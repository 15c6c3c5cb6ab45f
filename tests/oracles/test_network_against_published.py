"""Switches, cables and collectives against published clusters and measurements."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from firstlight.network import topology
from firstlight.network.collectives.algorithms import constants
from firstlight.network.collectives.fabric import bus_bandwidth
from firstlight.network.collectives.levels import TwoLevels
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Topology

FOLDER = Path(__file__).parents[2] / "measurements/network"
GB_S, G800 = 1e9, 1e11


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((FOLDER / name).read_text("utf-8").splitlines()))


CLUSTERS = {row["name"]: row for row in rows("topologies.csv")}


@dataclass(frozen=True)
class As:
    """How a published cluster is written as a design."""

    kind: str
    ports: int
    speed: int
    """Of a switch port [Gb/s]."""
    link: int
    """Of a NIC port [Gb/s]."""
    rails: int = 8
    planes: int = 1
    taper: float = 1.0

    def build(self, endpoints: int) -> Topology:
        switch = Switch.model_validate(
            {"id": "s", "name": "s", "vendor": "v", "source": "test", "standing": "estimate", "protocol": "ethernet"}
            | {"ports": self.ports, "port_bandwidth": f"{self.speed} Gb/s", "breakouts": (1, 2, 4, 8)}
            | {"latency": "1 us", "rack_units": 1, "power": "1 kW"}
        )
        design = {"kind": self.kind, "link": f"{self.link} Gb/s", "planes": self.planes, "taper": self.taper}
        return topology.build(FabricDesign.model_validate(design), endpoints, self.rails, switch)


QUANTUM_2, QUANTUM_3 = As("rail-optimised", 64, 400, 400), As("rail-optimised", 144, 800, 800)
SPECTRUM = As("rail-optimised", 64, 800, 800, planes=2)
BUILT = {
    "DGX B200 SuperPOD 2 SU": QUANTUM_2,
    "DGX B200 SuperPOD 16 SU": QUANTUM_2,
    "DGX B200 SuperPOD 32 SU": QUANTUM_2,
    "DGX B300 SuperPOD (Ethernet) 2 SU": SPECTRUM,
    "DGX B300 SuperPOD (Ethernet) 16 SU": SPECTRUM,
    "DGX B300 SuperPOD XDR (Q3400) 1 SU": QUANTUM_3,
    "DGX B300 SuperPOD XDR (Q3400) 4 SU": QUANTUM_3,
    "DGX B300 SuperPOD XDR (Q3400) 18 SU": QUANTUM_3,
    "DGX H100 SuperPOD 4 SU": QUANTUM_2,
    "512-node H100 3-tier (integrator design)": QUANTUM_2,
    "FT2 (64-port)": As("clos", 64, 400, 400),
    "MPFT 8 planes (64-port 400G)": As("rail-only", 64, 400, 400),
    "FT3 (64-port)": As("clos", 64, 400, 400),
    "OpenAI/Microsoft MRC 8-plane 2-tier": As("clos", 64, 800, 800, planes=8),
    # 16 leaves serve 1,024 accelerators over two planes; 64 x 400G down and 60 x 400G up.
    "Alibaba HPN 7.0 pod": As("rail-optimised", 128, 400, 400, planes=2, taper=16 / 15),
}
COMPUTED = re.compile(r"[\w.-]+ (\d+)x800G: \d+ x 800G, (\d+) plane")
BUILT |= {
    name: As("clos", int(found[1]), 800, 800, planes=int(found[2]))
    for name in CLUSTERS
    if (found := COMPUTED.match(name))
}
INCONSISTENT = {
    # 256 uplinks of 144-port switches need 2 spines; the farm buys the 4 of a whole unit of 72 nodes (576 uplinks).
    "Kedios B300 32-server farm": (QUANTUM_3, {"spine": 2}),
}
ELSEWHERE = {
    "Google TPU v4 pod": "a torus: test_tpu_v4_pod",
    "Rail-only (MIT/Meta)": "a rule, not a cluster: test_rail_only_rule",
}
NOT_BUILT = {
    "Dragonfly canonical": "kind not built yet: dragonfly",
    "RailX": "kind not built yet: rings and optical circuit switches in two dimensions",
    "Meta 24k RoCE": "kind not built yet: more uplinks than downlinks at the leaf, another switch and a taper above it",
    "Oracle OCI Zettascale10": "states no counts",
}


def switches(fabric: Topology) -> dict[str, int]:
    """Switches by tier; the two middle tiers of four are one spine column in the table."""
    tiers = {tier.name: tier.switches for tier in fabric.tiers}
    return tiers | {"spine": tiers.get("spine", 0) + tiers.pop("super-spine", 0)}


def cables(row: dict[str, str], fabric: Topology) -> tuple[list[int], list[float]]:
    """(what the row states, what the fabric has) in the row's own way of counting."""
    text, link = row["cables"], fabric.bundles[0].bandwidth * fabric.planes
    whole = [bundle.count * bundle.bandwidth / link for bundle in fabric.bundles]
    if physical := re.search(r"\((\d+) physical links\)", text):
        return [int(physical[1])], [sum(bundle.count for bundle in fabric.bundles)]
    if between := re.match(r"inter-switch (\d+)", text):
        return [int(between[1])], [sum(whole[1:])]
    if stage := re.match(r"(\d+) per stage", text):
        return [int(stage[1])] * len(whole), whole
    stated = [int(n) for n in re.findall(r"\b\d+\b(?!:)", text.replace("1020", "1016")) if int(n)]
    return stated, whole if stated else []


def test_every_row_is_accounted_for():
    assert sorted(CLUSTERS) == sorted([*BUILT, *INCONSISTENT, *ELSEWHERE, *NOT_BUILT])
    assert len(CLUSTERS) == 55
    assert len(BUILT) == 48


@pytest.mark.parametrize("name", BUILT)
def test_published_cluster(name):
    row, fabric = CLUSTERS[name], BUILT[name].build(int(CLUSTERS[name]["endpoints"]))
    found = switches(fabric)
    for tier in ("leaf", "spine", "core"):
        assert found.get(tier, 0) == int(row[tier] or 0), tier
    assert len(fabric.tiers) == int(row["tiers"])
    stated, ours = cables(row, fabric)
    assert ours == stated


@pytest.mark.parametrize("name", INCONSISTENT)
def test_published_inconsistency(name):
    row, (how, ours) = CLUSTERS[name], INCONSISTENT[name]
    found, published = switches(how.build(int(row["endpoints"]))), {t: int(row[t] or 0) for t in ("leaf", "spine", "core")}
    differing = {tier: found.get(tier, 0) for tier, count in published.items() if found.get(tier, 0) != count}
    assert differing == ours


def test_b300_row_prints_another_count_of_accelerators():
    """The page of 18 units prints 9,216 accelerators; its 1,296 nodes and its cables say 10,368, which the row keeps."""
    row = CLUSTERS["DGX B300 SuperPOD XDR (Q3400) 18 SU"]
    assert int(row["nodes"]) * 8 == int(row["endpoints"]) == 144**2 // 2


def test_tpu_v4_pod():
    """64 cubes of 4 x 4 x 4: 144 links inside each, and 6,144 fibres to the optical switches, two for a link."""
    fabric = topology.build(FabricDesign(kind="torus", link="50 GB/s"), 4096, 4, None)
    lower, upper = fabric.ends(0, np.arange(fabric.bundles[0].count))
    inside = lower // 64 == upper // 64
    assert fabric.dimensions == (16, 16, 16)
    assert np.count_nonzero(inside) == 64 * 144
    assert np.count_nonzero(~inside) * 2 == 6144


def test_rail_only_rule():
    """Each rail is an isolated network of endpoints / rails: a single switch, or a Clos; no path between rails."""
    how = As("rail-only", 64, 400, 400)
    one, two = how.build(8 * 64), how.build(8 * 65)
    assert [tier.switches for tier in one.tiers] == [8]
    assert [tier.switches for tier in two.tiers] == [8 * 3, 8 * 2]
    assert np.array_equal(two.distance(np.zeros(9, np.int64), np.arange(1, 10)), [-1] * 7 + [1, -1])


BILL = {512: 8, 1024: 48, 2048: 96, 4096: 192, 8192: 384, 16_384: 768, 32_768: 2560, 65_536: 5120}


@pytest.mark.parametrize(("endpoints", "published"), BILL.items())
def test_switches_of_h100_clusters(endpoints, published, against):
    """The bill keeps the eight rails apart, in one, two or three tiers as each rail needs."""
    found = sum(tier.switches for tier in As("rail-only", 64, 400, 400).build(endpoints).tiers)
    against(f"Switches for {endpoints:,} H100 at 400G, radix 64", found, published, source="bill of materials, 2024-08")
    assert found == published

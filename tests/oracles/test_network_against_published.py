"""Switches, cables and collectives against published clusters and measurements."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from firstlight.network import topology
from firstlight.network.collectives import FabricTime
from firstlight.network.collectives.algorithms import constants
from firstlight.network.collectives.fabric import bus_bandwidth
from firstlight.network.collectives.levels import Levels
from firstlight.network.collectives.tiers import Tier, place
from firstlight.network.collectives.timed.table import timed
from firstlight.spec import catalog as shelf
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Accelerator, Switch
from firstlight.timings.device import device
from firstlight.twin.protocols import Topology

FOLDER = Path(__file__).parents[2] / "measurements/network"
GB_S, G800 = 1e9, 1e11


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((FOLDER / name).read_text("utf-8").splitlines()))


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

    def build(self, endpoints: int) -> Topology:
        switch = Switch.model_validate(
            {"id": "s", "name": "s", "vendor": "v", "source": "test", "standing": "estimate", "protocol": "ethernet"}
            | {"ports": self.ports, "port_bandwidth": f"{self.speed} Gb/s", "breakouts": (1, 2, 4, 8)}
            | {"latency": "1 us", "rack_units": 1, "power": "1 kW"}
        )
        design = {"kind": self.kind, "link": f"{self.link} Gb/s"}
        return topology.build(FabricDesign.model_validate(design), endpoints, self.rails, switch)


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


NVLINK = {
    "nvidia-a100-sxm-80gb": ("ampere", 300 * GB_S),
    "nvidia-h100-sxm-80gb": ("hopper", 450 * GB_S),
    "nvidia-h200-sxm": ("hopper", 450 * GB_S),
    "nvidia-b200-sxm": ("blackwell", 900 * GB_S),
    "nvidia-gb200": ("blackwell", 900 * GB_S),
}


LEAF = Tier("leaf", 1e9)


def domain(accelerator: str, nic: float = 50 * GB_S) -> Levels:
    """A scale-up domain of this accelerator, its NICs on one leaf."""
    architecture, scale_up = NVLINK[accelerator]
    return Levels(scale_up, nic, (LEAF,), False, constants(architecture, with_overrides(shipped(), {})))


def seconds(accelerator, operation, size, ranks, domains=1):
    return domain(accelerator).seconds(operation, np.asarray(size, float), place((ranks, domains), 72, (LEAF,)))


POINTS = rows("collectives.csv")
TESTS = [row for row in POINTS if not row["source"].startswith("NCCL timings")]


@pytest.mark.parametrize("row", [row for row in TESTS if float(row["bytes"]) >= 2**29], ids=lambda r: "-".join(
    r[k] for k in ("accelerator", "ranks", "bytes")))  # fmt: skip
def test_bus_bandwidth_of_large_all_reduces(row, against):
    """Published all-reduces; the efficiencies of rings and of NVLS are taken from those of 4 and 8 ranks."""
    size, ranks = float(row["bytes"]), int(row["ranks"])
    found, published = (
        float(bus_bandwidth("all_reduce", size, ranks, t)) / GB_S
        for t in (seconds(row["accelerator"], "all_reduce", size, ranks), float(row["us"]) * 1e-6)
    )
    what = f"All-reduce bus bandwidth, {ranks} x {row['accelerator']}, {size / GB_S:.2g} GB"
    against(what, found, published, unit="GB/s", source=f"{row['source']} (fitted: ring and NVLS efficiency)")


@pytest.mark.parametrize(
    ("operation", "large", "median", "worst"),
    [
        ("all_gather", True, 0.15, 0.25),
        ("reduce_scatter", True, 0.15, 0.20),
        ("all_reduce", True, 0.06, 0.40),
        ("all_to_all", True, 0.12, 0.20),
        ("all_gather", False, 0.10, 0.32),
        ("reduce_scatter", False, 0.16, 0.36),
        ("all_reduce", False, 0.08, 0.25),
        ("all_to_all", False, 0.35, 0.42),
    ],
)
def test_nccl_timings_inside_a_domain(operation, large, median, worst):
    """Five accelerators, 4 and 8 ranks, 2 kB to 0.5 GB. Misses are one-sided: the real library ramps up more slowly in
    the middle (32 MB), where a message is neither all latency nor all bandwidth; NVLS on 8 B200 most (-37 %). Small
    all-to-alls start one transfer for each peer, which this model takes as one (-33 %)."""
    chosen = [
        row for row in POINTS if row not in TESTS and row["operation"] == operation
        and (float(row["bytes"]) > 1e6) == large
    ]  # fmt: skip
    found = [seconds(r["accelerator"], operation, float(r["bytes"]), int(r["ranks"])) * 1e6 for r in chosen]
    errors = np.abs(np.array(found) / [float(r["us"]) for r in chosen] - 1)
    assert len(chosen) >= 5
    assert np.median(errors) <= median
    assert errors.max() <= worst


ALL_TO_ALL = {2: 63.0, 4: 48.0, 8: 43.0, 16: 39.0, 32: 39.0}


@pytest.mark.parametrize(("domains", "published"), ALL_TO_ALL.items())
def test_all_to_all_between_domains(domains, published, against):
    """DeepEP's low-latency dispatch over 400 Gb/s NICs: all bytes of an accelerator over the time, local ones too."""
    bulk = 1e12
    found = bulk / float(seconds("nvidia-h100-sxm-80gb", "all_to_all", bulk, 8, domains)) / GB_S
    what, source = f"All-to-all over {domains} nodes of 8 H800", "DeepEP (fitted: share of the NIC)"
    why = "half of the bytes are local: their kernels do not hide them behind the NIC's" if domains == 2 else ""
    against(what, found, published, unit="GB/s", source=source, within=0.2 if why else 0.05, why=why)


ACROSS = rows("collectives_across.csv")
MISSES = {
    "8x248": (0.25, "constants of all fabrics slow a group by 3 % for each doubling of its domains, here 1.24 times"),
    "72": (0.45, "reductions in the switches of 72 accelerators ramp up over gigabytes; the constants are those of 8"),
    "72x2": (0.7, "as in one domain of 72"),
    "72x20": (5.0, "NCCL 2.26 drove 8 to 9 of the 72 NICs of a domain (its bandwidth over one's); here all are used"),
}
"""How far groups may miss, and why."""


@pytest.mark.parametrize("row", ACROSS, ids=lambda r: "-".join(r[k] for k in ("accelerator", "group", "bytes")))
def test_all_reduces_across_domains(row, against):
    """Exam rows, nothing is fitted to them: NICs of 400 Gb/s, without taper, as `firstlight network collective`."""
    group, size = tuple(int(level) for level in row["group"].split("x")), float(row["bytes"])
    part = shelf.shipped().part(Accelerator, row["accelerator"])
    time = FabricTime(72 if len(group) == 1 or group[0] == 72 else 8, domain(row["accelerator"]), timed(device(part)))
    members = int(np.prod(group))
    found, published = (
        float(bus_bandwidth("all_reduce", size, members, t)) / GB_S
        for t in (time("all_reduce", size, group), float(row["us"]) * 1e-6)
    )
    within, why = MISSES.get(row["group"], (0.05, ""))
    what = f"All-reduce bus bandwidth, {row['group'].replace('x', ' x ')} {row['accelerator']}, {size / GB_S:.2g} GB"
    against(what, found, published, unit="GB/s", source=row["source"], within=within, why=why)

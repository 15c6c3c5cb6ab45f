"""Packets against packet-level runs of another simulator, and against arithmetic that needs no simulation."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from firstlight.network.formats import read_topo, read_traffic
from firstlight.network.simulate import planes, simulate
from firstlight.network.transport import paths

MEASURED = Path(__file__).parents[2] / "measurements" / "network"
ROWS = [
    row
    for name in ("packet_level.csv", "packet_level_more.csv")
    for row in csv.DictReader((MEASURED / name).read_text("utf-8").splitlines())
]


def runs(topology, routing, traffic):
    """Makespans of the runs of a case [s]."""
    found = [
        float(row["makespan_us"]) / 1e6
        for row in ROWS
        if (row["topology"], row["routing"]) == (topology, routing) and row["traffic_file"] == f"tm/{traffic}.tm"
    ]
    assert found
    return np.array(found)


def files(topology, traffic):
    return read_topo(MEASURED / "topo" / f"{topology}.topo"), read_traffic(MEASURED / "tm" / f"{traffic}.tm.gz")


@pytest.mark.parametrize(
    ("topology", "routing", "traffic", "off"),
    [
        ("ft3_54_k6", "adaptive", "perm_54_8MB_s18", 0.02),
        ("ft3_54_k6", "reps", "perm_54_8MB_s18", 0.1),
        ("ft3_54_k6", "spray", "perm_54_8MB_s18", 0.15),
        ("ls2_64_d8u8", "spray", "ring_64_g16_1MB_s31", 0.05),
        ("ls2_64_d8u8", "adaptive", "a2a_64_g32_256KB_s31", 0.05),
        ("ls2_128_d16u16_deg4", "spray", "perm_128_8MB_s39", 0.1),
        ("ls2_128_d16u16_deg4", "reps", "perm_128_8MB_s39", 0.1),
        ("ls2_128_d16u16_deg4", "adaptive", "perm_128_8MB_s39", 0.15),
        ("ft3_128_k8_deg4", "spray", "perm_128_8MB_s39", 0.1),
        ("ft3_128_k8_deg4", "adaptive", "perm_128_8MB_s39", 0.1),
    ],
)
def test_makespans_of_another_simulator(topology, routing, traffic, off):
    """Slow links of which routing does not know are among them; no constant is fitted to any of these."""
    fabric, flows = files(topology, traffic)
    found = simulate(fabric.topology, flows, routing, fabric.share, 0, fabric.latency)
    assert found.makespan.p50 == pytest.approx(np.median(runs(topology, routing, traffic)), rel=off)


@pytest.mark.parametrize("traffic", ["perm_128_64KB_s16", "perm_128_512KB_s16", "perm_128_2MB_s16"])
@pytest.mark.parametrize("topology", ["ft3_128_k8", "ls2_128_d16u16"])
def test_oblivious_spraying_is_its_entropies_thrown_once(topology, traffic):
    """Up to some MB queues take in what the luckless link gets too much: its load is the makespan, with no constant.

    Thrown by hand here: each flow's entropies on the uplinks of its leaf and the downlinks of the other (and through
    the cores), 40 times; the mean of the largest load against the measured time without its round trip.
    """
    fabric, flows = files(topology, traffic)
    case = planes(fabric.topology, flows, "spray", fabric.share, 0, fabric.latency)[0]
    rng, count = np.random.default_rng(1), np.ceil(case.flows.size / 4096).astype(int)
    peaks = [_peak(fabric.topology, flows, count, rng) for _ in range(40)]
    trip = paths.trips(case.plane, case.flows, case.protocol).max()
    measured = np.median(runs(topology, "spray", traffic)) - trip
    assert np.mean(peaks) * 4096 / 50e9 == pytest.approx(measured, rel=0.1)


def _peak(topology, flows, count, rng):
    """Packets of the busiest link of the fabric in one throw."""
    shape = topology.shape
    each, up = topology.endpoints // shape.leaves, shape.stages[0].up
    leaves = flows.source // each, flows.target // each
    thrown = np.minimum(count, 256)
    flow = np.repeat(np.arange(len(flows)), thrown)
    flow, weight = flow[leaves[0][flow] != leaves[1][flow]], count[0] / thrown[0]
    chosen = rng.integers(0, up, len(flow))
    loads = [np.bincount(leaf[flow] * up + chosen) for leaf in leaves]
    if len(shape.stages) > 1:
        pods, cores = shape.leaves // shape.stages[0].groups, shape.stages[1].up
        above = leaves[0][flow] // pods != leaves[1][flow] // pods
        core = rng.integers(0, cores, len(flow))
        loads += [np.bincount(((leaf[flow] // pods * up + chosen) * cores + core)[above]) for leaf in leaves]
    return max(load.max() for load in loads) * weight


def test_counts_of_hashed_flows_follow_the_binomial():
    """P(largest count <= m) is the product over links of BinomialCDF(m; flows of the leaf, 1 / uplinks) both ways."""
    from scipy.stats import binom

    fabric, flows = files("ls2_128_d16u16", "perm_128_8MB_s39")
    case = planes(fabric.topology, flows, "ecmp", fabric.share, 0, fabric.latency)[0]
    first, links = fabric.topology.offsets[1], fabric.topology.links
    draws = []
    for seed in range(400):
        routes = paths.hashed(case.plane, case.flows, seed, case.protocol)
        counts = np.bincount(routes[routes >= 0], minlength=2 * links)
        draws.append(max(counts[first:links].max(), counts[links + first :].max()))
    leaves = flows.source // 16, flows.target // 16
    away = leaves[0] != leaves[1]
    entering = np.concatenate([np.bincount(leaf[away], minlength=8) for leaf in leaves])
    for most in (3, 4, 5):
        closed = np.prod(binom.cdf(most, entering, 1 / 16) ** 16)
        assert np.mean(np.array(draws) <= most) == pytest.approx(closed, abs=0.06)

"""Scale-up domains of every published size, and as the level below a fabric."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.network import topology

from .kinds import build, switch


@pytest.mark.parametrize(
    ("domain", "bandwidth", "ports", "speed", "tiers"),
    [
        (8, 450e9, 64, "25 GB/s", [3]),  # 144 links on 64-port chips; boards carry 4 and leave ports free
        (72, 900e9, 72, "50 GB/s", [18]),  # one of 18 links to each chip
        (72, 900e9, 144, "50 GB/s", [9]),  # the same on trays of two chips
        (144, 1800e9, 144, "100 GB/s", [18]),
        (576, 900e9, 144, "50 GB/s", [18 * 8, 18 * 4]),  # two tiers on each of 18 planes
        (1024, 400e9, 1024, "100 GB/s", [4]),  # UALink: up to 1,024 accelerators on one tier (specification 1.0)
    ],
)
def test_switches_of_a_domain(domain, bandwidth, ports, speed, tiers):
    fabric = topology.scale_up(3 * domain, domain, bandwidth, switch(ports, speed, (1,)))
    assert [tier.switches for tier in fabric.tiers] == [3 * count for count in tiers]
    assert fabric.injection == pytest.approx(bandwidth)
    assert fabric.levels()[-1].share == 1.0
    assert fabric.hops() == 2 * len(tiers) - 1


def test_a_domain_is_a_level_of_its_own():
    """Inside a domain one switch, between domains the fabric's path from NIC to NIC."""
    domains = topology.scale_up(64, 8, 450e9, switch(64, "25 GB/s", (1,)))
    both = topology.joined(domains, build("rail-optimised", 64, 8, 16))
    assert both.distance(np.array([0, 0, 0]), np.array([7, 8, 63])).tolist() == [1, 1, 3]
    assert [level.endpoints for level in both.levels()] == [8, 64, 64]  # a domain; a unit of rails; all
    assert both.injection == 450e9 + 50e9


@pytest.mark.parametrize(("nics", "first"), [(32, [0, 0, 1, 1]), (64, [0, 1, 2, 3])])
def test_accelerators_share_nics(nics, first):
    """With four NICs for eight accelerators two share one."""
    domains = topology.scale_up(64, 8, 450e9, switch(64, "25 GB/s", (1,)))
    both = topology.joined(domains, build("clos", nics, 1, 16))
    paths = both.routes(np.arange(4), np.full(4, 63), np.zeros(4, np.uint64))
    assert (paths[:, 0] - both.offsets[1]).tolist() == first


def test_several_nics_of_an_accelerator_are_drawn():
    domains = topology.scale_up(16, 4, 450e9, switch(64, "25 GB/s", (1,)))
    both = topology.joined(domains, build("clos", 32, 1, 16))
    hashes = np.random.default_rng(0).integers(0, 2**64, 4000, dtype=np.uint64)
    paths = both.routes(np.zeros(4000, int), np.full(4000, 15), hashes)
    drawn = np.bincount(paths[:, 0] - both.offsets[1])
    assert len(drawn) == 2
    assert abs(drawn[0] - drawn[1]) < 5 * np.sqrt(4000)

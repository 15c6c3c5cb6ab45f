"""What collectives are told of a topology: units, tapers, crossings and long ways."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.network.collectives.fabric import fabric_time, tiers_of
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Accelerator, Nic, System

from .topology.kinds import build

LIGHT = 2e8


def told(*args, **more):
    return tiers_of(build(*args, **more), 8, LIGHT)


def test_every_tier_of_a_clos_is_a_unit():
    """16 endpoints a leaf, 128 a pod; 1:1 out of a leaf, out of a pod 2:1 at most (whole links: 70 for 128)."""
    leaf, pod = told("clos", 1024, 1, 32, taper=[1, 2], groups=[16, 128])
    assert (leaf.name, leaf.domains, leaf.taper) == ("leaf", 2, 1)
    assert (pod.name, pod.domains, pod.taper) == ("pod", 16, 128 / 70)
    assert leaf.crossing == 8 / 16  # no more than its taper says


def test_one_switch_is_one_unit():
    (leaf,) = told("clos", 32, 1, 32)
    assert (leaf.domains, leaf.taper) == (4, 1)


def test_sites_are_as_far_as_their_fibres():
    leaf, site = told("clos", 512, 1, 32, sites={"count": 2, "taper": 4, "length": "60 km"})
    assert (leaf.name, site.name) == ("leaf", "site")
    assert site.latency == pytest.approx(60e3 / LIGHT)
    assert site.taper == pytest.approx(256 / 77)  # 11 top switches with 7 long links each
    assert leaf.latency == 0


def test_neighbours_on_a_dragonfly_share_its_links():
    switch, group = told("dragonfly", 1024, 1, 64, dragonfly={"p": 8, "a": 16, "h": 2, "g": 8})
    assert (switch.domains, group.domains) == (1, 16)
    assert switch.crossing == 8 / 7.5
    assert group.crossing == 8 / (16 * 2 // 7 * 7 + 2 * (16 * 2 % 7 // 2)) * 2


def test_a_narrow_fabric_takes_longer(catalog: Catalog, a):
    """All-to-all over all: at the share of the dragonfly's global links, a quarter of the NICs."""
    system = next(s for s in catalog.parts(System) if s.id == "hgx-h100")
    chip, nic = catalog.part(Accelerator, system.accelerator), catalog.part(Nic, system.nic or "")
    wide = build("clos", 1024, 1, 64)
    narrow = build("dragonfly", 1024, 1, 64, dragonfly={"p": 8, "a": 16, "h": 2, "g": 8})
    times = [
        float(fabric_time(net, system, chip, nic, nic.bandwidth, a)("all_to_all", np.asarray(1e10), (8, 128)))
        for net in (wide, narrow)
    ]
    assert times[1] / times[0] == pytest.approx(1 / narrow.levels()[-1].share, rel=0.15)

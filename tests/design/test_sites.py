"""Plans whose fabric joins several sites: trained and asked about, not laid out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firstlight import design
from firstlight.design.fabric import fabric
from firstlight.errors import UsageError
from firstlight.evaluate.effects import WhatIf
from firstlight.network.topology.sites import Sites

PLAN = """
name: two sites
site: {place: "Memphis, Tennessee", power: 4 MW, floor: 4000 m2, existing: [shell, utility]}
demand:
  - {train: llama-3-8b, tokens: 100B, batch: 1_048_576 tokens, sequence: 4096}
design:
  system: hgx-h100
  accelerators: 512
  spare: 0
  fabric: {kind: clos, link: 400 Gb/s, switch: nvidia-sn5600, groups: [32], taper: 1, sites: {count: 2, length: 60 km}}
  placements: [{accelerators: 512, training: {tensor: 2, zero: 1}}]
start: 2030-01-01
"""
ONE = {"design.fabric": "{kind: clos, link: 400 Gb/s, switch: nvidia-sn5600, groups: [32], taper: 1}"}


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, "utf-8")
    return path


def step(path: Path, **sets: str) -> float:
    return design.train(path, sets=sets).runs[0].result.step_time.p50


def test_a_run_over_two_sites_waits_for_the_long_links(plan):
    """Rings cross between sites on eight links each way: a taper that leaves fewer slows them, distance a little."""
    near, wide, narrow, far = (
        step(plan, **one)
        for one in (ONE, {}, {"design.fabric.sites.taper": "64"}, {"design.fabric.sites.length": "6000 km"})
    )
    assert near < wide < 1.01 * near
    assert narrow > 1.03 * near
    assert far > 1.05 * near


def test_the_plan_keeps_its_sites(plan):
    found = design.train(plan).plan.design.fabric.sites
    assert found is not None
    assert (found.count, found.length) == (2, 60e3)
    topology, *_ = fabric(plan)
    assert isinstance(topology, Sites)
    assert topology.endpoints == 512


def test_lost_long_links_slow_the_step(plan):
    (job,) = design.whatif(plan, WhatIf(("site-site:90%",))).jobs
    assert job.change is not None
    assert job.change.p50 > 1.02
    assert np.isfinite(job.change.p90)


def test_several_sites_are_not_laid_out(plan):
    with pytest.raises(UsageError, match="a plan lays out one site"):
        design.plan(plan)

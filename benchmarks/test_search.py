"""Whole searches over the layouts of a training run, on one core: all layouts with time, memory, front and reasons."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from firstlight.design import train

PLAN = """
name: search
site: {{place: "Memphis, Tennessee", power: 100 MW, floor: 100000 m2, existing: [shell, utility]}}
demand: [{{train: {model}, tokens: 300B, sequence: {sequence}, batch: {batch} tokens}}]
design:
  system: {system}
  accelerators: {accelerators}
  fabric: {{kind: rail-optimised, planes: 1, taper: 1}}
  placements: [{{accelerators: {accelerators}, training: {{tensor: 8, pipeline: 8}}}}]
"""
RUNS = {
    "gpt-3-175b-4096-a100": ("gpt-3-175b", 2048, 4096 * 2048, "hgx-a100", 4096, 1.0),
    "llama-3.1-405b-16384-h100": ("llama-3.1-405b", 8192, 2048 * 8192, "hgx-h100", 16384, 3.0),
    "deepseek-v3-16384-h100": ("deepseek-v3", 4096, 15360 * 4096, "hgx-h100", 16384, 60.0),
}
"""Model, sequence, batch [tokens], system, accelerators, limit [s]."""


@pytest.mark.parametrize("name", RUNS)
def test_search(benchmark, name, tmp_path):
    """A search as `firstlight train --search` makes it, the reading of the plan taken off."""
    from firstlight.performance.training import Run
    from firstlight.performance.training.search.search import search

    model, sequence, batch, system, accelerators, limit = RUNS[name]
    plan = PLAN.format(model=model, sequence=sequence, batch=batch, system=system, accelerators=accelerators)
    path = Path(tmp_path / "plan.yaml")
    path.write_text(plan, "utf-8")
    (run,) = train(path, today=dt.date(2026, 6, 1)).runs
    parts = run.parts
    asked = Run(run.workload, run.model, parts.system, parts.accelerator, parts.host, accelerators, run.time, run.a)
    found = benchmark.pedantic(search, (asked,), rounds=3)
    assert found.fit > 0
    rate, covered = found.tried / benchmark.stats.stats.median, found.tried + found.excluded
    told = {"limit_s": limit, "layouts": found.tried, "layouts_per_s": round(rate, -3), "covered": covered}
    benchmark.extra_info |= told

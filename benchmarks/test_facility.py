"""One year of the facility, as the proposal of a design runs it again and again."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from firstlight.design import propose
from firstlight.evaluate.build import build
from firstlight.evaluate.hand import Steady
from firstlight.facility import year
from firstlight.spec.load import load_plan

COLOSSUS = Path(__file__).parents[1] / "examples" / "colossus-100k.yaml"


def test_year(benchmark):
    """`facility.year` of colossus-100k"""
    loaded = load_plan(COLOSSUS, today=dt.date(2026, 6, 1))
    plan = propose(loaded.plan, loaded.catalog, loaded.assumptions, loaded.base).plan
    factory = build(plan, loaded.catalog, loaded.assumptions).factory
    result = benchmark(
        year, plan.site, plan.design, factory, Steady(0.8), loaded.catalog, loaded.assumptions, loaded.base
    )
    assert np.isfinite(result.pue)
    benchmark.extra_info["limit_s"] = 0.2

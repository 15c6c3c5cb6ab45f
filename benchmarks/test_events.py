"""Serving request by request, an hour of a large fleet, and a search over all layouts, on one core."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import numpy as np
import pytest

from firstlight.design import serve
from firstlight.evaluate.build import fabric, parts
from firstlight.performance.serving.batching import flow
from firstlight.performance.serving.events import Policy, StepCosts, simulate
from firstlight.performance.serving.events.tables import POINTS
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.memory import slots
from firstlight.performance.serving.search.found import Machinery, Prices
from firstlight.performance.serving.search.search import Asked, Variant
from firstlight.performance.serving.space import space
from firstlight.performance.serving.traffic import Lengths, poisson
from firstlight.spec import assumptions, catalog, models
from firstlight.spec.workload import Serving


def test_event_simulation(benchmark):
    """200,000 requests at random on 16 replicas, prompts of 2,000 and answers of 400 tokens, batches of up to 256."""
    decode = 5e-3 + 2e-5 * POINTS[:41, None] * (1 + POINTS[None, :61] / 4096)
    prefill = 2e-3 + 2e-5 * POINTS[:53, None] + 0 * POINTS[None, :65]
    costs = StepCosts(decode, prefill, 1, 1, 256, 2e6, 0.01)
    lengths = Lengths(2000, spread=0.5), Lengths(400, spread=0.5)
    requests = poisson(120.0, 200_000, *lengths, np.random.default_rng(0))
    policy = Policy(router="power-of-two")
    simulate(requests, costs, policy, replicas=16)  # compiles
    benchmark.pedantic(simulate, (requests, costs, policy), {"replicas": 16}, rounds=3)
    begun = time.process_time()
    simulate(requests, costs, policy, replicas=16)
    each = len(requests) / (time.process_time() - begun)
    benchmark.extra_info |= {"limit_s": 2.0, "layouts": len(requests), "layouts_per_s": each}


PLAN = """
name: fleet
site: {place: "Abilene, Texas", power: 1 GW, floor: 300000 m2, cooling: [liquid, air], existing: [utility]}
demand:
  - serve: deepseek-r1
    requests: 50_000 /s
    prompt: 2000
    answer: 1000
    first_token: 2 s
    per_token: 40 ms
    traffic: {swing: 60 %, burst: 1.5, spread: 0.7}
    scaling: {target: 75 %}
design: {system: gb200-nvl72, accelerators: 100_800}
"""
"""50,000 requests a second of DeepSeek-R1 on 100,800 accelerators."""


@pytest.mark.parametrize(("what", "limit"), [("hour", 60.0), ("search", 10.0)])
def test_fleet(benchmark, what, limit, tmp_path):
    """One hour of the fleet, with its sampling error; or every layout of it, on four scale-up domains and under power
    caps. The reading of the plan and its other answers are part of both."""
    path = Path(tmp_path / "plan.yaml")
    path.write_text(PLAN, "utf-8")
    asked = {"hours": 1.0} if what == "hour" else {"search": True}
    answer = benchmark.pedantic(lambda: serve(path, today=dt.date(2026, 6, 1), **asked), rounds=1)
    (run,) = answer.runs
    tried = run.fleet.played if run.fleet else run.search.tried
    benchmark.extra_info |= {"limit_s": limit, "layouts": tried, "layouts_per_s": tried / benchmark.stats.stats.median}


@pytest.fixture
def asked(tmp_path) -> tuple[Asked, Machinery]:
    """The served model of the plan, ready to be searched on its own system; prices are of no account here."""
    path = Path(tmp_path / "plan.yaml")
    path.write_text(PLAN, "utf-8")
    plan = serve(path, today=dt.date(2026, 6, 1)).plan
    (workload,) = plan.demand
    assert isinstance(workload, Serving)
    made_of, a = parts(plan.design, catalog.shipped()), assumptions.with_overrides(assumptions.shipped(), {})
    _, seconds = fabric(plan.design.fabric, made_of, plan.design.accelerators or 0, a)
    model, chip, host = models.find(workload.serve), made_of.accelerator, made_of.host
    return Asked(workload, model, chip, host, 100_800, Prices(1.2, 3.0, 2e-8), a), Machinery(made_of.system, seconds)


def test_front(benchmark, asked):
    """One front: every layout of DeepSeek-R1 on 100,800 accelerators, with one pool and with two, at 32 batches."""

    def front() -> int:
        variant = Variant(*asked, 1.0)
        assert variant.best()
        assert [*variant.front()]
        return variant.tried

    tried = benchmark.pedantic(front, rounds=5)
    benchmark.extra_info |= {"limit_s": 2.0, "layouts": tried, "layouts_per_s": tried / benchmark.stats.stats.median}


def test_closed_form(benchmark, asked):
    """Steady states of all layouts at 32 batches in closed form; the limit is one in 0.1 ms."""
    what, own = asked
    machine = own.system, what.accelerator, what.host
    case = Case.asked(what.workload, what.model, *machine, space(what.model, what.a), own.collective, what.a)
    batch = np.floor(np.maximum(slots(case), 1.0) ** np.linspace(0.0, 1.0, 32)[:, None])
    benchmark.pedantic(flow, (case, batch), rounds=10)
    each = batch.size / benchmark.stats.stats.median
    benchmark.extra_info |= {"limit_s": batch.size / 10_000, "layouts": batch.size, "layouts_per_s": each}

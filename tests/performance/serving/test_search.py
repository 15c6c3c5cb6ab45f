"""Every layout: fronts, the best within limits, power caps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from firstlight.errors import InfeasibleError, UsageError
from firstlight.export.serving import _paces
from firstlight.performance import serving
from firstlight.performance.machine import machine
from firstlight.performance.power import capped
from firstlight.performance.serving.search import Asked, Machinery, Prices, search
from firstlight.spec import models
from firstlight.spec.workload import Serving

from .simple import CHIP, HOST, SYSTEM, A, wire

PRICES = Prices(pue=1.2, hourly=2.0, energy=2e-8)
WIDE = Machinery(SYSTEM.model_copy(update={"scale_up_domain": 72}), wire)


def asked(model="qwen3-32b", most=64, **fields) -> Asked:
    workload = {"serve": model, "requests": "20 /s", "prompt": 2000, "answer": 500, "precision": "fp8", **fields}
    return Asked(Serving.model_validate(workload), models.find(model), CHIP, HOST, most, PRICES, A)


def found(one: Asked, systems=None):
    return search(one, systems or {8: Machinery(SYSTEM, wire)}, 8)


def test_the_best_meets_the_limits_where_it_is_served():
    one = asked(first_token="800 ms", per_token="20 ms")
    best = found(one).best
    assert best.first_token <= 0.8
    assert best.per_token <= 0.02
    machines = (one.model, SYSTEM, CHIP, HOST)
    count = found(one).accelerators
    result = serving.serve(one.workload, *machines, count, best.layout, wire, A)
    assert result.capacity.p50 >= 0.97 * 20.0
    assert result.capacity.p50 * 500 / count == pytest.approx(best.tokens_per_s_each, rel=0.05)


def test_it_is_no_worse_than_the_layout_that_a_plan_proposes():
    one = asked(first_token="800 ms", per_token="20 ms")
    layout, _ = serving.fastest(one.workload, one.model, SYSTEM, CHIP, HOST, 8, wire, A)
    proposed = serving.serve(one.workload, one.model, SYSTEM, CHIP, HOST, 8, layout, wire, A)
    reached = found(one)
    assert reached.best.tokens_per_s_each >= 0.97 * proposed.capacity.p50 * 500 / 8
    assert reached.other is not None
    assert {reached.best.pools, reached.other.pools} == {"one pool", "two pools"}
    each = 20.0 / reached.other.requests
    assert reached.accelerators <= np.ceil(each) * reached.other.accelerators


def test_on_a_front_throughput_falls_as_users_get_faster():
    for front in found(asked(), {8: Machinery(SYSTEM, wire), 72: WIDE}).fronts:
        assert len(front.points) > 5
        for one, other in pairwise(front.points):
            assert one.tokens_per_s_each >= other.tokens_per_s_each
            assert one.tokens_per_s_user < other.tokens_per_s_user


def test_a_wider_domain_is_no_worse_where_its_links_are_as_fast():
    reached = found(asked("deepseek-v3", 128), {8: Machinery(SYSTEM, wire), 72: WIDE})
    fronts = {front.domain: front for front in reached.fronts if front.cap == 1.0}
    pace = 30.0
    each = {
        domain: max(point.tokens_per_s_each for point in front.points if point.tokens_per_s_user >= pace)
        for domain, front in fronts.items()
    }
    assert each[72] >= each[8]


def test_a_power_cap_saves_power_and_costs_throughput():
    fronts = sorted((front for front in found(asked()).fronts), key=lambda front: -front.cap)
    assert [front.cap for front in fronts] == [1.0, 0.85, 0.7, 0.55]
    most = [front.points[0] for front in fronts]
    for free, held in pairwise(most):
        assert held.watts_each < free.watts_each
        assert held.tokens_per_s_each < free.tokens_per_s_each


def test_energy_and_money_follow_from_watts():
    best = found(asked()).best
    assert best.joules_per_token == pytest.approx(best.watts_each / best.tokens_per_s_each)
    feed = best.watts_each * PRICES.pue
    assert best.tokens_per_s_megawatt == pytest.approx(best.tokens_per_s_each / feed * 1e6)
    each = PRICES.hourly / 3600 + feed * PRICES.energy
    assert best.tokens_per_dollar == pytest.approx(best.tokens_per_s_each / each)
    assert SYSTEM.idle_power / 8 < best.watts_each < SYSTEM.power / 8


def test_answers_of_one_token_have_one_pool_and_a_front_by_first_token():
    reached = found(asked(answer=1))
    assert reached.other is None
    assert {point.pools for point in reached.fronts[0].points} == {"one pool"}
    assert all(one.first_token > other.first_token for one, other in pairwise(reached.fronts[0].points))


def test_limits_that_no_layout_meets():
    with pytest.raises(InfeasibleError, match="cannot answer that fast") as told:
        found(asked(per_token="100 us"))
    assert told.value.limits[0].name == "per_token"
    with pytest.raises(InfeasibleError, match="does not fit"):
        found(asked("llama-3.1-405b", most=2))


def test_a_front_may_be_empty_where_a_cap_makes_every_first_token_late():
    with pytest.raises(InfeasibleError) as told:
        found(asked(first_token="1 ms"))
    least = told.value.limits[0].over * 1e-3  # the shortest first token of any layout
    reached = found(asked(first_token=f"{least * 1.0001:.9f} s"))
    assert reached.fronts[0].points
    assert not reached.fronts[-1].points
    assert _paces(reached.fronts[-1]) == "no layout is within the limit to the first token"


def test_caps_that_cannot_be():
    work = machine(CHIP, HOST, SYSTEM, "fp8", A)
    assert capped(work, 1.0, A) == work
    assert capped(work, 0.8, A).bandwidth == work.bandwidth  # decode draws less than that
    assert capped(work, 0.8, A).peak < work.peak
    for cap in (0.1, 1.1):
        with pytest.raises(UsageError, match="a power cap"):
            capped(work, cap, A)

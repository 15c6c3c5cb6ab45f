"""Speculative decoding: the law, and what it does to steps, memory and requests."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.performance import serving
from firstlight.performance.machine import machine
from firstlight.performance.serving.batching import at_rate, flow
from firstlight.performance.serving.drafts import Drafts, accepted
from firstlight.performance.serving.events import Policy, Requests, engine, simulate, step_costs
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.memory import weight_bytes
from firstlight.performance.serving.play import played_on
from firstlight.performance.serving.pools import Pools, pooled
from firstlight.performance.serving.step import decode_parts
from firstlight.performance.serving.traffic import Lengths, poisson
from firstlight.performance.serving.values import fitted
from firstlight.spec import models, workload
from firstlight.spec.design import PrefillPool, ServingLayout

from .simple import MACHINE, SYSTEM, A, wire

LAYOUT = ServingLayout(tensor=8, expert=8, batch=64)


def case(drafts: Drafts | None = None, model="deepseek-v3", layout=LAYOUT, answer=1000.0) -> Case:
    own = fitted(A, MACHINE[1])
    work = machine(MACHINE[1], MACHINE[2], SYSTEM, "fp8", own)
    return Case(models.find(model), 2000.0, answer, work, Layouts.of([layout]), wire, own, drafts)


@given(tokens=st.integers(1, 16), first=st.floats(0, 1), later=st.floats(0, 0.999))
def test_the_law_between_its_limits(tokens, first, later):
    length = accepted(tokens, first, later)
    assert 1.0 <= length <= 1.0 + tokens * max(first, 1e-300) + 1e-9
    assert accepted(tokens + 1, first, later) >= length - 1e-12
    several = 1.0 + first * sum(later**k for k in range(tokens))
    assert length == pytest.approx(several)


def test_equal_probabilities_are_leviathans_law():
    assert accepted(5, 0.8, 0.8) == pytest.approx((1 - 0.8**6) / (1 - 0.8))
    assert accepted(3, 0.9, 0.0) == pytest.approx(1.9)


def test_a_workload_says_what_it_knows():
    assert Drafts.of(None, A) is None
    known = Drafts.of(workload.Drafts.model_validate({"tokens": 2, "accepted": "80 %", "later": "50 %"}), A)
    assert (known.first, known.later, known.gain) == (0.8, 0.5, pytest.approx(1 + 0.8 * 1.5))
    half = Drafts.of(workload.Drafts.model_validate({"tokens": 2, "accepted": "80 %"}), A)
    assert half.later == pytest.approx(0.8 * A["performance.serving_drafts_later"])


def test_drafting_costs_a_layer_and_memory_and_pays_where_few_are_served():
    one, plain = case(Drafts(3, 0.86, 0.73)), case()
    parts, before = decode_parts(one, 1.0), decode_parts(plain, 1.0)
    layer = sum(before[name] for name in ("weights", "cache", "experts", "kernels")) / plain.depth
    assert 3 * layer[0] < parts["drafts"][0] < 6 * layer[0]  # and the output head
    assert weight_bytes(one)[0] > weight_bytes(plain)[0]
    gains = [
        (flow(plain, np.array([batch])).per_token / flow(one, np.array([batch])).per_token)[0] for batch in (1.0, 512.0)
    ]
    assert 2.0 < gains[0] < one.gain
    assert gains[1] < gains[0]  # a large batch pays for each verified token


def test_drafts_that_are_never_accepted_only_cost():
    none = case(Drafts(4, 0.0, 0.0))
    assert none.gain == 1.0
    assert flow(none, np.array([16.0])).per_token[0] > flow(case(), np.array([16.0])).per_token[0]


@pytest.mark.parametrize("load", [0.3, 0.8])
@pytest.mark.parametrize("tokens", [1, 3])
def test_closed_form_and_requests_one_by_one_agree(tokens, load):
    one = case(Drafts(tokens, 0.86, 0.73))
    law = partial(flow, one)
    rate = load * float(law(np.array([64.0]), np.inf).rate[0])
    found = law(np.array([at_rate(law, rate, 64.0)]), rate)
    requests = poisson(rate, 4000, Lengths(2000.0), Lengths(1000.0), np.random.default_rng(0))
    served = played_on(one, LAYOUT, requests, engine("vllm"), replicas=1)
    steady = slice(1200, 3800)
    assert found.per_token[0] == pytest.approx(np.median(served.per_token[steady]), rel=0.05)
    assert found.first_token[0] == pytest.approx(np.median(served.first_token[steady]), rel=0.1)


def test_two_pools_draft_too():
    layout = LAYOUT.model_copy(update={"prefill": PrefillPool(tensor=8, expert=8)})
    one, plain = (case(drafts, layout=layout) for drafts in (Drafts(2, 0.9, 0.7), None))
    batch = np.array([8.0])
    ratio = pooled(Pools.of(plain, layout), batch).per_token / pooled(Pools.of(one, layout), batch).per_token
    assert 1.3 < ratio[0] < one.gain


def test_one_request_takes_as_many_steps_as_its_answer_needs():
    one = case(Drafts(3, 0.86, 0.73))
    costs = step_costs(one, longest=4000.0, batch=8, budget=8192)
    served = simulate(Requests.of([0.0], 2000, 1001), costs, Policy())
    step = float(costs.decode[0].mean())
    steps = np.ceil(1000 / one.gain)
    assert served.finish[0] - served.first_token[0] == pytest.approx(steps * step, rel=0.05)


@pytest.mark.parametrize("reserve", [True, False])
def test_a_full_cache_throws_out_and_ends_all(reserve):
    """Tokens are counted the same when they come and when they go."""
    costs = replace(step_costs(case(Drafts(3, 0.86, 0.73)), longest=4000.0, batch=64, budget=8192), room=30_000.0)
    random = np.random.default_rng(0)
    requests = Requests.of(np.zeros(300), random.integers(100, 2000, 300), random.integers(1, 1500, 300))
    served = simulate(requests, costs, Policy(reserve=reserve))
    assert served.refused == 0
    assert (served.thrown.sum() > 0) is not reserve


def test_a_plan_that_drafts_takes_fewer_accelerators_or_answers_faster():
    asked = {"serve": "deepseek-v3", "requests": "20 /s", "prompt": 2000, "answer": 1000, "precision": "fp8",
             "per_token": "20 ms"}  # fmt: skip
    model = models.find("deepseek-v3")
    plain = workload.Serving.model_validate(asked)
    drafting = workload.Serving.model_validate({**asked, "drafts": {"tokens": 3}})
    _, each, replicas = serving.best(plain, model, *MACHINE, wire, A)
    _, fewer_each, fewer = serving.best(drafting, model, *MACHINE, wire, A)
    assert fewer_each * fewer < each * replicas
    result = serving.serve(drafting, model, *MACHINE, 8, LAYOUT, wire, A)
    assert result.tokens_per_step == pytest.approx(2.95, abs=0.02)
    assert "drafts" in result.step_parts

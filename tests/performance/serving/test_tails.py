"""Percentiles of latencies in closed form, beside requests one by one, and limits at them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.performance import serving
from firstlight.performance.machine import machine
from firstlight.performance.serving.batching import at_rate, flow
from firstlight.performance.serving.events import engine
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.memory import slots
from firstlight.performance.serving.passes import Pieces
from firstlight.performance.serving.play import played_on
from firstlight.performance.serving.pools import Pools, pooled
from firstlight.performance.serving.tails import beyond
from firstlight.performance.serving.traffic import Lengths, poisson
from firstlight.performance.serving.values import fitted
from firstlight.spec import models
from firstlight.spec.design import PrefillPool, ServingLayout
from firstlight.spec.workload import Serving

from .simple import CHIP, HOST, SYSTEM, A, wire

TENSOR = ServingLayout(tensor=4, batch=256)
ROUTED = ServingLayout(data=8, expert=8, batch=256)
POOLS = ServingLayout(tensor=4, batch=64, engines=2, prefill=PrefillPool(tensor=4))


def case(layout: ServingLayout, model="qwen3-32b", prompt=1000.0, answer=500.0, **more) -> Case:
    own = fitted(A, CHIP)
    work = machine(CHIP, HOST, SYSTEM, "fp8", own)
    return Case(models.find(model), prompt, answer, work, Layouts.of([layout]), wire, own, **more)


def law_of(one: Case, layout: ServingLayout):
    return partial(pooled, Pools.of(one, layout)) if layout.prefill else partial(flow, one)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.85])
@pytest.mark.parametrize(
    ("model", "layout", "prompt", "answer"),
    [
        ("qwen3-32b", TENSOR, 1000.0, 500.0),
        ("qwen3-32b", TENSOR, 300.0, 1500.0),
        ("deepseek-v3", ROUTED, 1000.0, 800.0),
        ("qwen3-32b", POOLS, 2000.0, 500.0),
    ],
)
def test_nine_in_ten_requests_stay_within_what_the_closed_form_says(model, layout, prompt, answer, load):
    one = case(layout, model, prompt, answer)
    law = law_of(one, layout)
    most = float(min(layout.batch, slots(one)[0]))
    rate = load * float(law(np.array([most]), np.inf).rate[0])
    batch = np.array([at_rate(law, rate, most)])
    drawn = poisson(rate, 6000, Lengths(prompt), Lengths(answer), np.random.default_rng(1))
    served = played_on(one, layout, drawn, engine("vllm"), replicas=1)
    first, token = law_of(replace(one, share=0.9), layout)(batch, rate).within
    counted = slice(1500, 5700)
    assert float(first[0]) == pytest.approx(
        np.nanquantile(served.first_token[counted], 0.9), rel=0.25 if layout.prefill else 0.2
    )
    assert float(token[0]) == pytest.approx(np.nanquantile(served.per_token[counted], 0.9), rel=0.15)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.9), st.sampled_from([TENSOR, ROUTED, POOLS]), st.floats(0.0, 1.5))
def test_later_percentiles_are_later_and_the_half_is_the_median(load, layout, spread):
    model = "deepseek-v3" if layout.data > 1 else "qwen3-32b"
    one = case(layout, model)
    rate = load * float(law_of(one, layout)(np.array([float(layout.batch)]), np.inf).rate[0])
    batch = np.array([load * layout.batch])
    times = [
        law_of(replace(one, share=share, spread=spread), layout)(batch, rate).within for share in (0.5, 0.7, 0.9, 0.99)
    ]
    median = law_of(replace(one, spread=spread), layout)(batch, rate)
    assert times[0] == (median.first_token, median.per_token)
    for each in zip(*times, strict=True):
        assert np.all(np.diff(np.concatenate(each)) >= 0)


def test_a_gamma_distribution_of_shape_one_is_exponential():
    one = np.array([2.0])
    assert float(beyond(one, one**2, 0.9)[0]) == pytest.approx(2.0 * np.log(0.5 / 0.1))


def test_a_batch_that_is_nearly_full_makes_the_last_requests_wait():
    one = case(ServingLayout(tensor=1, batch=100_000), share=0.99)
    held = slots(one)
    near, far = (flow(one, share * held) for share in (0.97, 0.5))
    stay = float(near.per_token[0]) * 500
    assert float((near.within[0] - near.first_token)[0]) > 0.03 * stay
    assert float((far.within[0] - far.first_token)[0]) < 0.03 * stay


def served(**fields):
    asked = {"serve": "qwen3-32b", "requests": "8 /s", "prompt": 1000, "answer": 300, "precision": "fp8", **fields}
    layout = ServingLayout(tensor=2, batch=128)
    return serving.serve(
        Serving.model_validate(asked), models.find("qwen3-32b"), SYSTEM, CHIP, HOST, 8, layout, wire, A
    )


def test_limits_at_a_percentile_leave_less_capacity():
    usual, strict = (served(per_token="25 ms", percentile=percentile) for percentile in (50, 99))
    assert strict.capacity.p50 < 0.97 * usual.capacity.p50
    assert strict.per_token == usual.per_token


def test_the_result_tells_percentiles_and_the_asked_one():
    found = served(percentile=95)
    assert [*found.first_token_at] == ["p50", "p90", "p95", "p99"]
    assert found.first_token_at["p50"] == found.first_token
    assert found.per_token_at["p95"].p50 > found.per_token.p50


def test_the_chosen_layout_holds_its_limits_at_the_percentile():
    asked = {"serve": "qwen3-32b", "requests": "8 /s", "prompt": 1000, "answer": 300, "per_token": "15 ms"}
    model = models.find("qwen3-32b")
    taken = []
    for percentile in (50, 95):
        workload = Serving.model_validate({**asked, "percentile": percentile})
        layout, each, replicas = serving.best(workload, model, SYSTEM, CHIP, HOST, wire, A)
        found = serving.serve(workload, model, SYSTEM, CHIP, HOST, each * replicas, layout, wire, A)
        assert found.per_token_at[f"p{percentile}"].p50 <= 15e-3 * (1 + 1e-9)
        taken.append(found.accelerators)
    assert taken[1] >= taken[0]


def test_the_longest_of_several_prompts_ends_a_pass():
    """Beside the mean of the greatest of so many drawn lengths."""
    one = Pieces.of(case(ROUTED, "deepseek-v3", spread=1.0))
    sigma, random = np.sqrt(np.log(2.0)), np.random.default_rng(5)
    for count in (1, 2, 5, 8):
        drawn = random.lognormal(-(sigma**2) / 2, sigma, (200_000, count)).max(axis=1).mean()
        assert float(one.longest(np.array([float(count)]))[0]) == pytest.approx(drawn, rel=0.01)
    assert one.longest(np.array([50.0])) == one.longest(np.array([8.0]))  # one on each of eight ranks
    assert Pieces.of(case(TENSOR)).longest(np.array([9.0])) == 1.0


def test_prompts_that_vary_begin_sooner_at_the_median():
    usual, varied = (flow(case(TENSOR, spread=spread), np.array([8.0]), 1.0) for spread in (0.0, 1.0))
    assert float(varied.first_token[0]) < float(usual.first_token[0])
    assert varied.per_token == usual.per_token


@pytest.mark.parametrize("percentile", [50, 90, 99])
@pytest.mark.parametrize("limits", [{"per_token": "20 ms"}, {"first_token": "300 ms", "per_token": "40 ms"}])
def test_what_was_chosen_within_limits_is_served_within_them(percentile, limits):
    asked = {"serve": "qwen3-32b", "requests": "40 /s", "prompt": 1000, "answer": 300, "precision": "fp8", **limits}
    workload, model = Serving.model_validate({**asked, "percentile": percentile}), models.find("qwen3-32b")
    layout, each, replicas = serving.best(workload, model, SYSTEM, CHIP, HOST, wire, A)
    found = serving.serve(workload, model, SYSTEM, CHIP, HOST, each * replicas, layout, wire, A)
    assert found.capacity.p50 > 0.97 * workload.requests
    at = f"p{percentile}"
    for latency, limit in (
        (found.first_token_at[at], workload.first_token),
        (found.per_token_at[at], workload.per_token),
    ):
        assert limit is None or latency.p50 < 1.03 * limit

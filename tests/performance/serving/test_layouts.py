"""Context-parallel ranks and second copies of experts: what they cut, what they cost, and where they do not go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance import serving
from firstlight.performance.machine import machine
from firstlight.performance.serving.balance import imbalance
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.memory import request_bytes, slots, weight_bytes
from firstlight.performance.serving.space import check, space
from firstlight.performance.serving.step import chunk_time, decode_parts
from firstlight.performance.serving.values import fitted
from firstlight.spec import models
from firstlight.spec.design import ServingLayout
from firstlight.spec.workload import Serving

from .simple import CHIP, HOST, SYSTEM, A, wire


def case(*layouts: ServingLayout, model="qwen3-32b", prompt=100_000.0, skew=0.0) -> Case:
    own = fitted(A, CHIP)
    own = own.over({"performance.serving_skew": replace(own.entry("performance.serving_skew"), value=skew)})
    work = machine(CHIP, HOST, SYSTEM, "fp8", own)
    return Case(models.find(model), prompt, 500.0, work, Layouts.of(layouts), wire, own)


def step(parts) -> float:
    return np.asarray(sum(parts.values()))


def test_context_ranks_share_prompts_and_their_cache():
    one = case(*(ServingLayout(tensor=2, context=ranks) for ranks in (1, 2, 4)))
    assert one.layouts.accelerators.tolist() == [2, 4, 8]
    assert request_bytes(one, 1000.0) == pytest.approx(float(request_bytes(one, 1000.0)[0]) / np.array([1, 2, 4]))
    assert np.ptp(weight_bytes(one)) == 0.0
    assert slots(one)[2] > 4 * slots(one)[0]  # weights and buffers are not cut by as much
    read = chunk_time(one, 8192.0, 100_000.0)
    assert 0.5 * read[0] < read[1] < 0.75 * read[0]
    assert 0.25 * read[0] < read[2] < 0.5 * read[0]


def test_context_ranks_read_a_long_cache_side_by_side():
    one = case(*(ServingLayout(tensor=2, context=ranks) for ranks in (1, 4)))
    near, far = (decode_parts(one, 8.0, context) for context in (100.0, 100_000.0))
    assert far["cache"][1] < 0.35 * far["cache"][0]
    assert np.all(near["weights"] == near["weights"][0])  # every rank computes them
    assert (near["context"] > 0).tolist() == [False, True]
    assert step(far)[1] < step(far)[0]
    assert step(near)[1] > step(near)[0]


def test_experts_are_spread_over_context_ranks_too():
    one = case(ServingLayout(tensor=8, expert=8), ServingLayout(tensor=8, context=2, expert=16), model="deepseek-v3")
    assert weight_bytes(one)[1] < 0.6 * weight_bytes(one)[0]


def test_long_prompts_are_tried_with_context_ranks():
    model = models.find("qwen3-32b")
    short, long = space(model, A, 4000.0), space(model, A, 100_000.0)
    assert short.context.max() == 1
    assert long.context.max() == 8
    for index in range(len(long)):
        layout = long.one(index)
        check(model, layout, layout.accelerators)
    asked = {"serve": "qwen3-32b", "requests": "0.02 /s", "prompt": 100_000, "answer": 100, "precision": "fp8"}
    open_, cut = (
        serving.best(Serving.model_validate({**asked, **limit}), model, SYSTEM, CHIP, HOST, wire, A)[0]
        for limit in ({}, {"first_token": "0.8 s"})
    )
    assert open_.context == 1
    assert cut.context > 1


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 4, 8, 32]), st.integers(0, 3), st.floats(0.1, 2.0))
def test_the_busiest_rank_has_at_least_the_mean_and_copies_help(ranks, times, skew):
    each = [float(imbalance(256, np.array([ranks]), np.array([n * ranks]), skew)[0]) for n in (0, times, times + 4)]
    assert min(each) >= 1.0 - 1e-12
    assert each[2] <= each[1] * 1.02 <= each[0] * 1.05


def test_even_loads_need_no_copies():
    assert imbalance(256, np.array([1, 8, 64]), np.array([0, 0, 64]), 0.0).tolist() == [1.0, 1.0, 1.0]
    assert imbalance(256, np.array([1]), np.array([0]), 2.0).tolist() == [1.0]


def test_one_expert_a_rank_is_as_uneven_as_the_experts():
    """The greatest of 256 log-normal loads: exp(s z - s^2 / 2) with z near 2.8 on average (order statistics)."""
    sigma = np.sqrt(np.log1p(0.5**2))
    assert float(imbalance(256, np.array([256]), np.array([0]), 0.5)[0]) == pytest.approx(
        np.exp(2.8 * sigma - sigma**2 / 2), rel=0.1
    )


def test_a_skew_of_one_halves_the_pace_of_thirty_two_ranks_without_copies():
    """What the law itself gives, and that one copy a rank mends nearly all of it; no measurement."""
    plain, copied = imbalance(256, np.array([32, 32]), np.array([0, 32]), 1.0)
    assert 1.7 < plain < 2.6
    assert copied < 1.15


def test_second_copies_take_memory_and_even_out_steps():
    layouts = [ServingLayout(data=32, expert=32, redundant=copies) for copies in (0, 32)]
    one = case(*layouts, model="deepseek-v3", prompt=1000.0, skew=1.0)
    assert weight_bytes(one)[1] > weight_bytes(one)[0]
    times = step(decode_parts(one, 32.0 * 256.0))
    assert times[1] < 0.9 * times[0]
    even = step(decode_parts(replace(one, a=case(layouts[0], model="deepseek-v3").a), 32.0 * 256.0))
    assert even[0] < times[1]


@pytest.mark.parametrize(
    ("layout", "model", "says"),
    [
        (ServingLayout(tensor=8, redundant=8), "deepseek-v3", "write redundant: 0"),
        (ServingLayout(data=8, expert=8, redundant=5), "deepseek-v3", "write redundant: 8"),
        (ServingLayout(tensor=8, redundant=8), "qwen3-32b", "write redundant: 0"),
        (ServingLayout(tensor=8, context=4), "qwen3-32b", "tensor 8 x pipeline 1 x data 1 x context 4 = 32"),
    ],
)
def test_wrong_layouts_say_what_would_do(layout, model, says):
    with pytest.raises(UsageError, match=says):
        check(models.find(model), layout, 16)


def test_layouts_that_no_published_run_has_are_not_calibrated():
    asked = {"serve": "qwen3-32b", "requests": "0.1 /s", "prompt": 4000, "answer": 100, "precision": "fp8"}
    for layout, known in ((ServingLayout(tensor=4), True), (ServingLayout(tensor=4, context=2), False)):
        found = serving.serve(
            Serving.model_validate(asked), models.find("qwen3-32b"), SYSTEM, CHIP, HOST, 8, layout, wire, A
        )
        assert found.per_token.calibrated is known

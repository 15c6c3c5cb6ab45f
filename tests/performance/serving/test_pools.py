"""Two pools: readers and writers, in closed form and request by request."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import InfeasibleError, UsageError
from firstlight.performance import serving
from firstlight.performance.machine import machine
from firstlight.performance.serving.batching import at_rate
from firstlight.performance.serving.events import Requests, engine
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.play import played_on
from firstlight.performance.serving.pools import Pools, handover, pooled, read, reader, reading_rate
from firstlight.performance.serving.traffic import Lengths, best_of, closed_loop, poisson
from firstlight.performance.serving.values import fitted
from firstlight.spec import models
from firstlight.spec.design import PrefillPool, ServingLayout
from firstlight.spec.workload import Serving

from .simple import CHIP, HOST, SYSTEM, A, wire

DENSE = ServingLayout(tensor=4, batch=64, engines=2, prefill=PrefillPool(tensor=4))
STAGED = ServingLayout(tensor=4, batch=64, prefill=PrefillPool(tensor=2, pipeline=4))
ROUTED = ServingLayout(data=8, expert=8, batch=256, prefill=PrefillPool(tensor=8, expert=8, engines=2))


def case(layout: ServingLayout, model="qwen3-32b", prompt=2000.0, answer=500.0, time=wire) -> Case:
    own = fitted(A, CHIP)
    work = machine(CHIP, HOST, SYSTEM, "fp8", own)
    return Case(models.find(model), prompt, answer, work, Layouts.of([layout]), time, own)


def serve(layout: ServingLayout, accelerators: int, **fields):
    asked = {"serve": "qwen3-32b", "requests": "4 /s", "prompt": 2000, "answer": 500, "precision": "fp8", **fields}
    model = models.find("qwen3-32b")
    return serving.serve(Serving.model_validate(asked), model, SYSTEM, CHIP, HOST, accelerators, layout, wire, A)


@pytest.mark.parametrize("load", [0.2, 0.6])
@pytest.mark.parametrize(
    ("model", "layout", "prompt", "answer"),
    [
        ("qwen3-32b", DENSE, 4000.0, 500.0),
        ("qwen3-32b", DENSE, 700.0, 300.0),
        ("qwen3-32b", STAGED, 2000.0, 300.0),
        ("deepseek-v3", ROUTED, 6000.0, 400.0),
        ("deepseek-v3", ROUTED, 20000.0, 300.0),
    ],
)
def test_closed_form_and_requests_one_by_one_agree(model, layout, prompt, answer, load):
    one = case(layout, model, prompt, answer)
    law = partial(pooled, Pools.of(one, layout, 2))
    rate = load * float(law(np.array([float(layout.batch)]), np.inf).rate[0])
    found = law(np.array([at_rate(law, rate, float(layout.batch))]), rate)
    requests = poisson(2 * rate, 5000, Lengths(prompt), Lengths(answer), np.random.default_rng(0))
    served = played_on(one, layout, requests, engine("vllm", "least-loaded"), replicas=2)
    steady = slice(1500, 4750)
    assert served.refused == 0
    assert float(found.per_token[0]) == pytest.approx(np.median(served.per_token[steady]), rel=0.03)
    assert float(found.first_token[0]) == pytest.approx(np.mean(served.first_token[steady]), rel=0.1)


def test_the_slower_pool_sets_the_rate():
    one = case(DENSE)
    few = Pools.of(one, DENSE)
    many = replace(few, readers=8.0 * few.readers)
    batch = np.array([64.0])
    assert pooled(few, batch).rate[0] == pytest.approx(min(reading_rate(few.reading)[0], pooled(many, batch).rate[0]))
    waits = pooled(replace(few, writers=8.0 * few.writers), batch)
    assert waits.rate[0] == pytest.approx(reading_rate(few.reading)[0])
    assert waits.per_token[0] < pooled(many, batch).per_token[0]  # readers leave the writers fewer requests


def test_a_step_of_a_writer_has_no_prompts_in_it():
    one = case(DENSE)
    alone = serving.flow(one, np.array([64.0]))
    assert pooled(Pools.of(one, DENSE), np.array([64.0])).per_token[0] < alone.per_token[0]


@given(rate=st.floats(0.01, 1.0), engines=st.integers(1, 16))
@settings(max_examples=40, deadline=None)
def test_readers_that_share_prompts_let_them_wait_less(rate, engines):
    reading = reader(case(DENSE), Layouts.of([ServingLayout(tensor=4)]))
    at = rate * reading_rate(reading)
    alone, several = read(reading, at), read(reading, at, engines)
    assert several.waiting[0] <= alone.waiting[0] * (1 + 1e-9)
    assert read(reading, at * 0.5).latency[0] <= alone.latency[0] * (1 + 1e-9)
    assert 0 <= alone.waiting[0] <= alone.latency[0]
    assert 0 < alone.busy[0] <= 1


def test_handover_goes_at_the_pace_of_software_or_of_the_slowest_link():
    one = case(DENSE)
    reading = reader(one, one.layouts)
    own = one.a["performance.serving_pool_front_end"]
    assert handover(reading, one)[0] == pytest.approx(own + 2000 * one.a["performance.serving_pool_transfer_token"])
    slow = case(DENSE, time=lambda operation, size, group: np.asarray(size, float) / 1e6 + 0 * group[0])
    assert handover(reader(slow, slow.layouts), slow)[0] > 10 * handover(reading, one)[0]
    wide = case(ServingLayout(tensor=8), time=slow.collective)
    narrow = handover(reader(slow, wide.layouts), slow)  # the narrower engine, of four ranks, has the longer way
    assert narrow[0] == pytest.approx(handover(reader(slow, slow.layouts), slow)[0])


def test_a_result_of_two_pools():
    result = serve(DENSE, 24)
    assert (result.replicas, result.replica_accelerators) == (2, 12)
    assert 0 < result.utilisation < 1
    assert result.first_token.p90 / result.first_token.p50 > 2.0  # runs of two pools scatter more
    one = serve(ServingLayout(tensor=4, batch=64), 24)
    assert result.per_token.p50 < one.per_token.p50


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (ServingLayout(tensor=4, engines=2), "the same as more replicas; write engines: 1, or add a prefill pool"),
        (DENSE.model_copy(update={"prefill": PrefillPool(tensor=3)}), "tensor 3 does not go into"),
        (DENSE.model_copy(update={"engines": 6}), "6 x 4 \\+ 4 that read prompts = 28 accelerators in a replica"),
    ],
)
def test_pools_that_cannot_be(layout, message):
    with pytest.raises(UsageError, match=message):
        serve(layout, 24)


def test_answers_of_one_token_are_read_not_written():
    with pytest.raises(UsageError, match="leave `prefill` out"):
        serve(DENSE, 24, answer=1)


def test_readers_too_small_for_the_weights():
    small = ServingLayout(tensor=8, batch=8, prefill=PrefillPool())
    with pytest.raises(InfeasibleError, match="an engine that reads prompts"):
        serving.serve(
            Serving.model_validate({"serve": "llama-3.1-405b", "requests": "1 /s", "prompt": 2000, "answer": 500}),
            models.find("llama-3.1-405b"), SYSTEM, CHIP, HOST, 16, small, wire, A,
        )  # fmt: skip


@pytest.mark.parametrize("layout", [DENSE, STAGED])
def test_users_of_two_pools_ask_when_they_are_answered(layout):
    """Little's law: users = rate x (think + time of an answer); and nobody asks before that."""
    think, users = 1.5, 24
    asked = closed_loop(users, 2400, Lengths(500.0), Lengths(50.0), np.random.default_rng(0), think=think)
    found = played_on(case(layout), layout, asked, engine("vllm"), replicas=1)
    assert found.refused == 0
    before = np.arange(2400 - users)
    assert found.sent[before + users] == pytest.approx(found.finish[before] + asked.pause[before + users], abs=1e-9)
    middle = (found.finish > 0.2 * found.finish.max()) & (found.finish < 0.7 * found.finish.max())
    rate = middle.sum() / (0.5 * found.finish.max())
    stay = np.mean((found.finish - found.sent)[middle])
    assert rate * (think + stay) == pytest.approx(users, rel=0.03)


def test_requests_by_themselves_and_in_loops_see_the_same_engines():
    """Requests that come at the times at which users asked are answered at the same times."""
    asked = closed_loop(24, 600, Lengths(500.0), Lengths(50.0), np.random.default_rng(0), think=1.0)
    found = played_on(case(DENSE), DENSE, asked, engine("vllm"), replicas=2)
    free = Requests.of(found.sent, asked.prompt, asked.answer)
    again = played_on(case(DENSE), DENSE, free, engine("vllm"), replicas=2)
    assert again.finish == pytest.approx(found.finish)
    assert again.first_token == pytest.approx(found.first_token)


def test_best_of_n_on_two_pools_is_verified_when_all_answers_are_there():
    asked = best_of(np.arange(20.0), 4, Lengths(500.0), Lengths(50.0), np.random.default_rng(0), verifier=Lengths(1.0))
    found = played_on(case(DENSE), DENSE, asked, engine("vllm"), replicas=1)
    answers, scores = found.finish[:80].reshape(20, 4), found.sent[80:].reshape(20, 4)
    assert scores == pytest.approx(np.repeat(answers.max(axis=1)[:, None], 4, axis=1))
    assert np.isnan(found.per_token[80:]).all()
    assert found.finish[80:] == pytest.approx(found.sent[80:] + found.first_token[80:])

"""Closed loops and queues: what must hold whatever the coefficients are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.performance.machine import machine
from firstlight.performance.serving import Case, Layouts
from firstlight.performance.serving.bulk import queued, together
from firstlight.performance.serving.loops import Loop, aggregated, capacity, disaggregated
from firstlight.performance.serving.step import decode_parts
from firstlight.spec import assumptions, catalog, models
from firstlight.spec.design import ServingLayout
from firstlight.spec.parts import Accelerator, Host, System


def collective(operation, size, group):
    """A fake fabric: 100 GB/s and 5 us."""
    ranks = np.asarray(group[0]) * np.asarray(group[1])
    return np.where(ranks > 1, 5e-6 + np.asarray(size) / 100e9, 0.0)


def case(count: int = 1, prompt=1024.0, answer=1024.0, layout: ServingLayout | None = None, **overrides) -> Case:
    parts, a = catalog.shipped(), assumptions.with_overrides(assumptions.shipped(), overrides)
    system = parts.part(System, "hgx-h100")
    chip, host = parts.part(Accelerator, system.accelerator), parts.part(Host, system.host)
    layouts = Layouts.of([layout or ServingLayout(tensor=4)] * count)
    return Case(models.find("qwen3-32b"), prompt, answer, machine(chip, host, system, "fp8", a), layouts, collective, a)


def loop(clients, **flags: float) -> Loop:
    clients = np.atleast_1d(np.asarray(clients, dtype=float))
    names = ("equal", "together", "drafts", "early")
    return Loop(clients, *(np.full(len(clients), flags.get(name, 0.0)) for name in names))


@settings(max_examples=20, deadline=None)
@given(st.floats(1, 2000), st.floats(1.01, 4), st.booleans())
def test_more_clients_never_wait_less(clients, more, equal):
    found = aggregated(case(2), loop([clients, clients * more], equal=float(equal)))
    for times in (found.first_token, found.per_token):
        assert np.all(np.isfinite(times))
        assert times[1] >= times[0] * (1 - 1e-9)


def test_one_client_sees_the_bare_step():
    one = case()
    found = aggregated(one, loop(1))
    assert found.per_token[0] == pytest.approx(sum(decode_parts(one, 1.0).values())[0])


def test_requests_beyond_the_cache_wait_for_whole_answers():
    one = case()
    most = capacity(one)[0]
    full, over = (aggregated(one, loop(most * times)) for times in (1.0, 2.0))
    assert over.batch == pytest.approx(full.batch)
    assert over.per_token == pytest.approx(full.per_token)
    assert over.first_token[0] - full.first_token[0] > 0.9 * 1024 * sum(decode_parts(one, most).values())[0]


def test_clients_are_conserved():
    """By Little's law, clients over the cycle is a rate that the engine's own time allows."""
    found = aggregated(case(), loop(64))
    rate = 64 / (found.first_token[0] + 1024 * found.per_token[0])
    assert rate * 1024 < 64 / sum(decode_parts(case(), 64.0).values())[0]


def test_verified_drafts_cost_a_longer_step_and_give_more_tokens():
    plain, drafted = (aggregated(case(), loop(1, drafts=flag)).per_token[0] for flag in (0.0, 1.0))
    assert 1 / 3 < drafted / plain < 1


def test_many_rows_are_each_alone():
    """Rows with prompts and answers of their own are computed side by side as one by one."""
    prompts, answers = np.array([512.0, 4096.0]), np.array([128.0, 1024.0])
    both = aggregated(case(2, prompts, answers), loop([8, 32]))
    for index, clients in enumerate((8, 32)):
        alone = aggregated(case(1, prompts[index], answers[index]), loop(clients))
        assert both.first_token[index] == pytest.approx(alone.first_token[0])
        assert both.per_token[index] == pytest.approx(alone.per_token[0])


def test_pools_decode_without_interference_and_queue_where_readers_are_short():
    pool, clients = case(), loop(256)
    mixed = aggregated(pool, clients)
    enough, short = (disaggregated(pool, pool, clients, np.array([n]), np.array([1.0])) for n in (16.0, 1.0))
    assert enough.per_token < mixed.per_token
    assert short.first_token > enough.first_token
    assert short.batch <= enough.batch


def test_a_long_queue_comes_near_the_steady_rate():
    few, many = (queued(case(), requests)[0] for requests in (100.0, 1e6))
    assert few < many
    most = capacity(case())[0]
    assert many < most / sum(decode_parts(case(), most).values())[0]


def test_a_batch_takes_its_prompts_and_its_steps():
    first, step, whole = together(case(), 16.0)
    assert whole == pytest.approx(first + 1023 * step)


def test_the_process_in_front_sets_the_pace_where_it_has_more_to_do():
    """Its work for all clients is then their cycle, half of the wait before the first token."""
    front = {"performance.serving_front_request": "10 ms"}
    quick, busy = (
        aggregated(case(**front, **{"performance.serving_front_stream": each}), loop(64)) for each in ("0 us", "1 ms")
    )
    cycle = busy.first_token + 1024 * busy.per_token
    assert cycle[0] == pytest.approx(64 * (0.01 + 1024 * 1e-3))
    waited = busy.first_token - quick.first_token
    assert waited[0] == pytest.approx((cycle - quick.first_token - 1024 * quick.per_token)[0] / 2)

"""Closed loops of clients, as published runs measure them: every answer is at once followed by the next prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight.performance.serving.batching import front_end, prompt_cost
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.memory import cache_room, request_bytes
from firstlight.performance.serving.rates import known_family
from firstlight.performance.serving.step import decode_parts, prefill_time
from firstlight.twin.protocols import Floats

ROUNDS = 3
"""Of the fixed point of a decode pool's batch."""
LEAST_INTERFERENCE = 0.05
"""Share of the others' prefill that users see as time per token at the least, whatever the first tokens waited."""


@dataclass(frozen=True)
class Loop:
    """How runs were measured; arrays (n,), yes and no as 1 and 0.

    Attributes:
        clients: requests in flight.
        equal: all answers are of one length, so that requests which began together end together.
        together: such requests stay in step for good (a scheduler that reads all waiting prompts first).
        drafts: each step verifies drafted tokens.
        early: the engine is of a release before its kernels were tuned for the generation.
    """

    clients: Floats
    equal: Floats
    together: Floats
    drafts: Floats
    early: Floats


@dataclass(frozen=True)
class Latency:
    """What clients see; arrays (..., n).

    Attributes:
        first_token: mean time to the first token [s]; per_token: mean time per further token [s].
        batch: requests that an engine decodes at once.
    """

    first_token: Floats
    per_token: Floats
    batch: Floats


def aggregated(case: Case, loop: Loop) -> Latency:
    """Engines that read and write. Memory beyond the cache blocks: such requests wait for whole answers.

    A request's cycle is its answer, and the engine time x of one prompt of each other request in flight: what of it is
    not seen before the first token is seen between tokens (conservation, as in `batching.flow`). Before the first token
    stand the front end, the own prefill, the step under way, the steps until the scheduler looks, a share of the first
    wave that all clients send at once, and, where answers are equally long, what is left of cohorts that end together.
    Where the process in front of the engine has more to do than that, it sets the pace.

    Source: the terms and their sizes are of a feasibility study on published runs, refitted on them here.
    """
    a = case.a
    held = np.minimum(loop.clients, capacity(case))
    age = _age(case, loop)
    step, gain = _step(case, loop, held)
    step = step * age
    cost, alone = prompt_cost(case) * age, prefill_time(case, 1.0) * age
    others = np.maximum(held - 1.0, 0.0) * cost
    wave = others * np.where(loop.together > 0, a["performance.serving_wave_together"], a["performance.serving_wave"])
    half = np.maximum(held - 1.0, 0.0) / 2.0
    cohort = a["performance.serving_cohort"] * half / (1.0 + half / a["performance.serving_cohort_half"]) * cost
    seen = wave + np.where((loop.equal > 0) & (loop.together == 0), cohort, 0.0)
    token = step / gain + np.maximum(others - seen, LEAST_INTERFERENCE * others) / case.answer
    cycle = case.answer * step / gain + others + alone
    blocked = np.maximum(loop.clients - held, 0.0) / held * cycle
    first = front_end(case) + alone + (0.5 + _polls(case, loop)) * step + seen + blocked
    lag = _lag(case, loop, first + case.answer * token)
    before = a["performance.serving_front_before"]
    return Latency(first + before * lag, token + (1.0 - before) * lag / case.answer, held)


def _lag(case: Case, loop: Loop, cycle: Floats) -> Floats:
    """What clients wait for the one process in front of each attention rank [s], whose work takes longer than a cycle.

    It tokenises every prompt and streams every token; a deployment that needs more starts several.
    """
    a = case.a
    out = a["performance.serving_front_request"] + a["performance.serving_front_stream"] * case.answer
    return np.maximum(loop.clients * out / case.layouts.data - cycle, 0.0)


def disaggregated(reading: Case, writing: Case, loop: Loop, readers: Floats, writers: Floats) -> Latency:
    """Engines that only read prompts, and others that only write answers.

    Prompts pass at the rate X of all readers; the writers hold what Little's law leaves them, min(c, X L step), and see
    no prefill. Where the readers are short of it, requests queue before them: c / X - L step is then the wait.

    Args:
        reading, writing: the same requests on the layouts of either pool.
        loop: the clients.
        readers: engines of the first pool (n,); NaN: as many as keep up with the writers.
        writers: engines of the second pool (n,).
    """
    a, age, clients = writing.a, _age(writing, loop), loop.clients
    factor = a["performance.serving_pool_prefill"] * age
    cost, alone = prompt_cost(reading) * factor, prefill_time(reading, 1.0) * factor
    most, held = capacity(writing) * writers, clients
    step, rate = np.zeros(len(writing.layouts)), np.ones(len(writing.layouts))
    for _ in range(ROUNDS):
        each, gain = _step(writing, loop, np.maximum(np.minimum(held, most) / writers, 1.0))
        step = each * age * a["performance.serving_pool_decode"] / gain
        answer = writing.answer * step
        balanced = np.maximum(np.round(clients * cost / answer), 1.0)
        rate = np.where(np.isnan(readers), balanced, readers) / cost
        held = 0.5 * held + 0.5 * np.minimum(clients, rate * answer)
    answer = writing.answer * step
    ranks = rate * cost * reading.layouts.data
    busy = np.clip(clients / (rate * (answer + alone)), 0.0, 1.0)
    queue = a["performance.serving_pool_queue"] * busy ** a["performance.serving_pool_queue_power"]
    first = front_end(writing) + a["performance.serving_pool_front_end"] + alone
    first = first + a["performance.serving_pool_transfer_token"] * writing.prompt
    first = first + queue * cost * reading.layouts.data * np.sqrt(np.maximum(clients / ranks, 1.0))
    first = first + a["performance.serving_pool_burst"] * clients / (2.0 * rate)
    first = first + a["performance.serving_pool_wait"] * np.maximum(clients / rate - answer, 0.0)
    first = first + np.maximum(clients - most, 0.0) / most * answer
    return Latency(first, step, np.minimum(held, most) / writers)


def capacity(case: Case) -> Floats:
    """Requests that an engine decodes at once (n,): what its cache holds, or its scheduler takes on each rank.

    Measured engines run: where the weights leave less than `serving_least_cache` of the memory, they got by with that.
    """
    a = case.a
    room = np.maximum(cache_room(case), a["performance.serving_least_cache"] * case.work.memory)
    tokens = case.prompt + a["performance.serving_held_answer"] * case.answer
    fitting = np.maximum(room / request_bytes(case, tokens), 1.0)
    most = a["performance.serving_sequences"] * case.layouts.pipeline
    return np.minimum(fitting, most) * case.layouts.data.astype(float)


def _step(case: Case, loop: Loop, batch: Floats) -> tuple[Floats, Floats]:
    """One step [s], and the tokens that each request takes from it."""
    gain = np.where(loop.drafts > 0, case.a["performance.serving_drafts_gain"], 1.0)
    verified = np.where(loop.drafts > 0, case.a["performance.serving_drafts_verified"], 1.0)
    step = sum(decode_parts(case, batch, verified=verified).values(), np.zeros(len(case.layouts)))
    return step, gain


def _age(case: Case, loop: Loop) -> Floats:
    return np.where(loop.early > 0, case.a[f"performance.serving_early_{known_family(case.work)}"], 1.0)


def _polls(case: Case, loop: Loop) -> Floats:
    """Steps until the scheduler looks at what waits; none where requests stay in step with it."""
    a = case.a
    crowded = loop.clients >= a["performance.serving_crowd"]
    steps = np.where(crowded, a["performance.serving_poll_crowded"], a["performance.serving_poll"])
    steps = np.where(case.layouts.data > 1, np.maximum(a["performance.serving_poll_data"], steps), steps)
    return np.where(loop.together > 0, 0.0, steps)

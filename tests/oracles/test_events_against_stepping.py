"""The event simulation of a replica against one that steps token by token, written independently in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.performance.serving.events import Policy, Requests, StepCosts, simulate
from firstlight.performance.serving.events.tables import POINTS

STEP, EACH, TOKEN, START = 5e-3, 1e-4, 2e-5, 2e-3


def costs(*, slots: int = 8, room: float = 1e6) -> StepCosts:
    """Steps that do not depend on the context, so that jumps are exact."""
    decode = (STEP + EACH * POINTS[:21, None]) * np.ones((1, 61))
    prefill = (START + TOKEN * POINTS[:53, None]) * np.ones((1, 65))
    return StepCosts(decode, prefill, 1, 1, slots, room, 0.0)


def stepping(requests: Requests, slots: int, room: float, policy: Policy) -> tuple[list[float], list[float]]:
    """First and last token of each request, one engine step at a time."""
    n = len(requests)
    first, finish = [math.nan] * n, [math.nan] * n
    left = [int(p) - min(int(c), int(p) - 1) for p, c in zip(requests.prompt, requests.cached, strict=True)]
    written, given, turn = [0] * n, [0.0] * n, [0] * n
    waiting: list[int] = []
    queue: list[int] = []
    running: list[int] = []
    coming = sorted(range(n), key=lambda i: (requests.arrival[i], i))
    now, used, turns, refused = 0.0, 0.0, 0, 0
    while len(coming) + len(waiting) + len(queue) + len(running):
        if not (waiting or queue or running):
            now = max(now, requests.arrival[coming[0]])
        while coming and requests.arrival[coming[0]] <= now + 1e-12:
            waiting.append(coming.pop(0))
        while waiting and len(queue) + len(running) < slots:
            q = waiting[0]
            whole = requests.answer[q] if policy.reserve else written[q]
            needed = math.ceil((requests.prompt[q] + whole) / policy.block) * policy.block
            if used + needed + (0 if policy.reserve else len(running)) > room:
                if running or queue:
                    break
                waiting.pop(0)
                refused += 1
                continue
            waiting.pop(0)
            given[q], used, turns = needed, used + needed, turns + 1
            turn[q] = turns
            queue.append(q)
        if not (queue or running):
            continue
        while not policy.reserve and running and used + len(running) > room and (policy.mixed or not queue):
            q = max(running, key=lambda i: turn[i])
            running.remove(q)
            used -= given[q]
            left[q] = int(requests.prompt[q]) + written[q]
            waiting.insert(0, q)
        spent, total, parts = 0.0, 0, {}
        for q in queue:
            parts[q] = min(left[q], policy.budget - total)
            total += parts[q]
            if total >= policy.budget:
                break
        if queue:
            spent += START + TOKEN * total
        decodes = bool(running) and (policy.mixed or not queue)
        if decodes:
            spent += STEP + EACH * len(running)
        now += spent
        if decodes:
            for q in list(running):
                written[q] += 1
                used += 0 if policy.reserve else 1
                given[q] += 0 if policy.reserve else 1
                if written[q] == requests.answer[q]:
                    running.remove(q)
                    used -= given[q]
                    finish[q] = now
        for q, tokens in parts.items():
            left[q] -= tokens
            if left[q] == 0:
                queue.remove(q)
                first[q] = now if math.isnan(first[q]) else first[q]
                written[q] += 1
                used += 0 if policy.reserve else 1
                given[q] += 0 if policy.reserve else 1
                if written[q] == requests.answer[q]:
                    used -= given[q]
                    finish[q] = now
                else:
                    running.append(q)
    return first, finish


PLAIN = [Policy(), Policy(mixed=False), Policy(reserve=True), Policy(budget=64), Policy(budget=100, mixed=False)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 400), st.integers(1, 60)), min_size=1, max_size=25),
    st.sampled_from(PLAIN),
    st.integers(1, 6),
)
def test_times_are_those_of_stepping(rows, policy, slots):
    arrival, prompt, answer = (np.array(column) for column in zip(*rows, strict=True))
    requests = Requests.of(np.sort(arrival) / 1000.0, prompt, answer)
    found = simulate(requests, costs(slots=slots), policy)
    first, finish = stepping(requests, slots, 1e6, policy)
    assert found.sent + found.first_token == pytest.approx(first, abs=1e-9)
    assert found.finish == pytest.approx(finish, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 120), st.integers(1, 60)), min_size=1, max_size=15),
    st.sampled_from([Policy(), Policy(mixed=False), Policy(reserve=True)]),
    st.integers(220, 500),
)
def test_a_full_cache_throws_out_the_same_requests(rows, policy, room):
    arrival, prompt, answer = (np.array(column) for column in zip(*rows, strict=True))
    requests = Requests.of(np.sort(arrival) / 1000.0, prompt, answer)
    found = simulate(requests, costs(room=room), policy)
    first, finish = stepping(requests, 8, room, policy)
    assert found.sent + found.first_token == pytest.approx(first, abs=1e-9, nan_ok=True)
    assert found.finish == pytest.approx(finish, abs=1e-9, nan_ok=True)

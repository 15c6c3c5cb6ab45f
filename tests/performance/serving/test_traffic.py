"""Traffic: rates, lengths and the order in which requests wait for each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance.serving.events import Requests
from firstlight.performance.serving.traffic import (
    Lengths,
    agents,
    best_of,
    bursty,
    closed_loop,
    day,
    deadlines,
    poisson,
    traced,
    tree_search,
)
from firstlight.performance.serving.traffic.context import shortened
from firstlight.performance.serving.traffic.streams import swing
from firstlight.spec.traces import Trace

P, A = Lengths(1000.0), Lengths(200.0)


@pytest.fixture
def random():
    return np.random.default_rng(7)


def followers(requests: Requests, i: int) -> list[int]:
    return requests.followers[requests.successors[i] : requests.successors[i + 1]].tolist()


def test_poisson_gaps_have_the_rate_and_vary_as_much_as_their_mean(random):
    gaps = np.diff(poisson(5.0, 40_000, P, A, random).arrival)
    assert gaps.mean() == pytest.approx(0.2, rel=0.02)
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, rel=0.02)


def test_bursts_vary_more(random):
    gaps = np.diff(bursty(5.0, 3.0, 80_000, P, A, random).arrival)
    assert gaps.mean() == pytest.approx(0.2, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(3.0, rel=0.05)


def test_a_day_is_busiest_at_its_peak(random):
    found = day(swing(2.0, 0.8), 3.6, 86_400.0, P, A, random).arrival
    assert len(found) == pytest.approx(2.0 * 86_400, rel=0.02)
    busy, quiet = (np.sum((found > h * 3600) & (found < (h + 2) * 3600)) for h in (13, 1))
    assert busy / quiet == pytest.approx(1.8 / 0.2, rel=0.15)


@given(st.floats(1.0, 1e4), st.floats(0.3, 1.0))
def test_lengths_between_a_least_share_and_the_most_keep_their_mean(mean, least):
    drawn = Lengths(mean, least=least).draw(4000, np.random.default_rng(1))
    assert drawn.min() >= 1
    assert drawn.mean() == pytest.approx(mean, rel=0.03, abs=0.5)
    assert drawn.max() <= np.ceil(2 * mean / (1 + least))


def test_log_normal_lengths(random):
    drawn = Lengths(500.0, spread=0.8).draw(200_000, random)
    assert drawn.mean() == pytest.approx(500, rel=0.02)
    assert drawn.std() / drawn.mean() == pytest.approx(0.8, rel=0.03)


def test_users_of_a_closed_loop_wait_for_their_answer(random):
    requests = closed_loop(3, 8, P, A, random, think=2.0)
    assert requests.waits.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert [followers(requests, i) for i in range(8)] == [[3], [4], [5], [6], [7], [], [], []]
    assert requests.arrival[:3].min() > 0.0 == requests.arrival[3:].max() == requests.pause[:3].max()
    many = closed_loop(50, 20_000, P, A, random, think=2.0).pause[50:]
    assert (many.mean(), many.std()) == (pytest.approx(2.0, rel=0.05), pytest.approx(2.0, rel=0.05))
    assert closed_loop(3, 8, P, A, random).pause.max() == 0.0


def test_best_of_n_shares_its_prompt_and_is_verified_when_all_are_there(random):
    requests = best_of(np.array([0.0, 1.0]), 4, P, A, random, verifier=Lengths(1.0))
    assert len(requests) == 16
    assert requests.cached[:8].tolist() == [0, 1000, 1000, 1000] * 2
    assert requests.waits.tolist() == [0] * 8 + [4] * 8
    assert requests.prompt[8:].tolist() == [1200] * 8
    assert sorted(followers(requests, 5)) == [12, 13, 14, 15]
    plain = best_of(np.array([0.0]), 4, P, A, random)
    assert (len(plain), plain.waits.sum()) == (4, 0)


def test_a_tree_grows_level_by_level(random):
    requests = tree_search(np.array([0.0]), 3, 2, P, A, random, kept=2, verifier=Lengths(5.0))
    assert len(requests) == (3 + 3) + (6 + 6)
    assert requests.waits.tolist() == [0] * 3 + [3] * 3 + [3] * 6 + [6] * 6
    assert requests.prompt[:3].tolist() == [1000] * 3
    assert requests.prompt[6:12].tolist() == [1200] * 6
    assert np.all(requests.cached[6:12] == 1200)


def test_requests_beyond_the_context_are_shortened(random):
    requests = agents(np.array([0.0]), 3, P, A, Lengths(300.0), 2.0, random)
    less, beyond = shortened(requests, 1900)
    assert (beyond, less.prompt.tolist(), less.cached.tolist()) == (1, [1000, 1500, 1700], [0, 1200, 1700])
    assert less.answer.tolist() == [200] * 3
    assert shortened(requests, 2200) == (requests, 0)
    assert shortened(requests, 100)[0].prompt.max() == 1


def test_agents_grow_their_context_and_find_it_cached(random):
    requests = agents(np.array([0.0, 5.0]), 3, P, A, Lengths(300.0), 2.0, random)
    assert requests.prompt.tolist() == [1000, 1500, 2000] * 2
    assert requests.cached.tolist() == [0, 1200, 1700] * 2
    assert requests.pause.tolist() == [0, 2, 2] * 2
    assert [followers(requests, i) for i in range(6)] == [[1], [2], [], [4], [5], []]


def test_control_loops_ask_at_a_fixed_pace(random):
    requests = deadlines(10, 0.1, 50, Lengths(64.0), Lengths(8.0), random)
    assert len(requests) == 500
    mine = requests.arrival[requests.affinity == 3]
    assert np.diff(mine) == pytest.approx(np.full(49, 0.1))


def trace(blocks=((0, 1), (0, 1, 2), (3,), (0, 1))):
    n = len(blocks)
    return Trace("t", "Mooncake", np.arange(n) * 10.0, np.array([512 * len(b) for b in blocks]), np.full(n, 5), blocks)


def test_a_trace_is_played_faster_and_has_its_blocks():
    requests = traced(trace(((7, 1), (7, 1, 20), (30,), (7, 1))), speed=2.0)
    assert requests.arrival.tolist() == [0, 5, 10, 15]
    assert requests.affinity.tolist() == [7, 7, 30, 7]
    assert requests.blocks.tolist() == [1, 0, 1, 0, 2, 3, 1, 0]
    assert (requests.begins.tolist(), requests.block) == ([0, 2, 5, 6, 8], 512)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda r: poisson(0.0, 5, P, A, r), "above zero"),
        (lambda r: Lengths(0.5), "at least one token"),
        (lambda r: Lengths(5, spread=1, least=0.5), "either a spread"),
        (lambda r: best_of(np.zeros(1), 0, P, A, r), "samples is at least 1"),
        (lambda r: tree_search(np.zeros(1), 3, 2, P, A, r, kept=4), "keep at most 3"),
        (lambda r: deadlines(1, 0.0, 5, P, A, r), "a period above zero"),
        (lambda r: traced(trace(), speed=0), "a speed above zero"),
        (lambda r: Requests.of([0.0, -1.0], 5, 5), "request 1 has an arrival that is negative"),
        (lambda r: Requests.of([0.0], 5, 0), "request 0 has an answer without a token"),
        (lambda r: Requests.of([0.0], 5, 5, cached=6), "more cached tokens"),
        (lambda r: Requests.of([0.0, 0.0], 5, 5, after=[(0, 1), (1, 0)]), "in a circle"),
        (lambda r: Requests.of([0.0], 5, 5, after=[(0, 3)]), "not there"),
    ],
)
def test_traffic_that_cannot_be_is_refused(random, call, told):
    with pytest.raises(UsageError, match=told):
        call(random)

"""Replicas that come and go while requests are played."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance.serving.events import (
    BEGINS,
    FAILS,
    ROUTERS,
    STOPS,
    Changes,
    Policy,
    Requests,
    StepCosts,
    simulate,
)
from firstlight.performance.serving.events.tables import POINTS

COSTS = StepCosts(
    decode=0.01 + 1e-4 * np.ones((20, 1)) * POINTS[:20][:, None] * np.ones(40),
    prefill=1e-5 * POINTS[:60][:, None] * np.ones(60), stages=1, ranks=1, slots=16, room=1e5, front_end=0.0,
)  # fmt: skip
FIELDS = ("sent", "first_token", "per_token", "finish", "replica", "lost", "busy")


def stream(count=300, rate=20.0, seed=0) -> Requests:
    random = np.random.default_rng(seed)
    return Requests.of(
        np.cumsum(random.exponential(1 / rate, count)), random.integers(50, 400, count), random.integers(1, 60, count)
    )


def changes(*rows, up=None) -> Changes:
    time, replica, to = (np.array(column) for column in zip(*rows, strict=True))
    return Changes(time.astype(float), replica.astype(np.int64), to.astype(np.int64), up)


@pytest.mark.parametrize("router", ROUTERS)
def test_nothing_changes_without_changes(router):
    policy = Policy(router=router)
    one, other = (
        simulate(stream(), COSTS, policy, replicas=3),
        simulate(stream(), COSTS, policy, replicas=3, changes=Changes()),
    )
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("router", ROUTERS)
def test_a_stopped_replica_ends_what_it_has_and_gets_no_more(router):
    served = simulate(stream(), COSTS, Policy(router=router), replicas=3, changes=changes((5.0, 1, STOPS)))
    assert served.refused == 0
    assert not served.lost.any()
    assert (served.replica[served.sent > 5.0] != 1).all()
    assert (served.replica[served.sent < 5.0] == 1).any()


@pytest.mark.parametrize("router", ROUTERS)
def test_requests_of_a_failed_replica_are_read_again_elsewhere(router):
    calm = simulate(stream(), COSTS, Policy(router=router), replicas=3)
    served = simulate(stream(), COSTS, Policy(router=router), replicas=3, changes=changes((5.0, 1, FAILS)))
    hit = served.lost > 0
    assert served.refused == 0
    assert 0 < hit.sum() <= COSTS.slots * 3
    assert (served.replica[hit] != 1).all()
    assert (served.finish[hit] > 5.0).all()
    assert served.finish[hit].mean() > calm.finish[hit].mean()
    np.testing.assert_array_equal(served.finish[served.finish < 5.0], calm.finish[served.finish < 5.0])


def test_a_token_that_was_seen_stays_seen():
    """The first token of a request that had begun is not sent again."""
    one = Requests.of([0.0], 4000, 50)
    calm = simulate(one, COSTS, Policy(), replicas=2)
    served = simulate(one, COSTS, Policy(), replicas=2, changes=changes((0.2, 0, FAILS)))
    assert served.lost[0] == 1
    assert served.replica[0] == 1
    assert served.first_token[0] == calm.first_token[0]
    reading = served.finish[0] - calm.finish[0]
    assert 0.02 < reading < 0.06  # what it had written is read again, not written again


def test_where_nobody_is_there_requests_wait_or_are_refused():
    one = Requests.of([1.0, 2.0], 100, 10)
    late = simulate(one, COSTS, Policy(), changes=changes((9.0, 0, BEGINS), up=np.array([False])))
    assert late.refused == 0
    assert (late.first_token > 7.0).all()
    np.testing.assert_array_equal(late.sent, [1.0, 2.0])
    gone = simulate(one, COSTS, Policy(), changes=changes((0.5, 0, STOPS)))
    assert gone.refused == 2
    assert np.isnan(gone.first_token).all()


@given(
    seed=st.integers(0, 50),
    router=st.sampled_from(ROUTERS),
    rows=st.lists(st.tuples(st.floats(0, 20), st.integers(0, 3), st.sampled_from([STOPS, BEGINS, FAILS])), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_every_request_is_answered_once_where_a_replica_is_left(seed, router, rows):
    rows = [*sorted(rows), (25.0, 0, BEGINS)]
    served = simulate(
        stream(200, seed=seed), COSTS, Policy(router=router), replicas=4, seed=seed, changes=changes(*rows)
    )
    assert served.refused == 0
    assert (served.first_token >= 0).all()
    assert (served.finish >= served.sent + served.first_token - 1e-9).all()
    failing = sum(to == FAILS for _, _, to in rows)
    assert (served.lost <= failing).all()
    assert (served.busy <= served.finish.max() + 1e-9).all()


@pytest.mark.parametrize(
    ("rows", "up", "message"),
    [
        ([(2.0, 0, STOPS), (1.0, 0, BEGINS)], None, "in the order of their times"),
        ([(1.0, 7, STOPS)], None, "is of one of 2 replicas"),
        ([(1.0, 0, 3)], None, "stops \\(0\\), begins \\(1\\) or fails \\(2\\)"),
        ([(1.0, 0, STOPS)], np.array([True]), "`up` says of each of 2 replicas"),
    ],
)
def test_changes_that_cannot_be(rows, up, message):
    with pytest.raises(UsageError, match=message):
        simulate(stream(5), COSTS, Policy(), replicas=2, changes=changes(*rows, up=up))

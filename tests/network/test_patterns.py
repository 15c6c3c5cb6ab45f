"""Traffic of well-known patterns: who sends what to whom after which, and how long it takes where that is plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network.flows import Traffic
from firstlight.network.flows.patterns import all_to_all, checkpoint, handover, incast, permutation, ring, shift, step
from firstlight.network.flows.simulate import finish
from firstlight.network.routing import hashes

from .test_topology import LINK, build

MB = 1e6


def makespan(flows: Traffic, endpoints: int = 64) -> float:
    """On one switch, where only NICs can fill."""
    fabric = build("clos", endpoints, 1, ports=64)
    routes = fabric.routes(flows.source, flows.target, hashes(flows.chain, 0))
    return float(finish(routes, fabric.capacity(), flows).max())


@given(st.integers(2, 300), st.integers(0, 100))
def test_a_permutation_sends_and_receives_once(endpoints, seed):
    flows = permutation(endpoints, MB, seed)
    assert np.array_equal(np.sort(flows.target), np.arange(endpoints))
    assert not np.any(flows.source == flows.target)


@given(st.integers(2, 20), st.one_of(st.none(), st.integers(1, 25)))
def test_all_to_all_sends_to_each_other_once(count, window):
    members = np.arange(count) * 3
    flows = all_to_all(members, MB, window)
    assert len(np.unique(flows.source.astype(int) * 1000 + flows.target)) == len(flows) == count * (count - 1)
    assert not np.any(flows.source == flows.target)
    waiting = np.diff(flows.after.indptr)
    assert np.count_nonzero(waiting == 0) == count * min(window or count, count - 1)
    for f in range(len(flows)):
        earlier = flows.after.indices[flows.after.indptr[f] : flows.after.indptr[f + 1]]
        assert np.all(flows.source[earlier] == flows.source[f])


def test_times_that_nics_decide():
    time = MB / LINK
    assert makespan(permutation(64, MB, 1)) == pytest.approx(time)
    assert makespan(incast(np.arange(1, 33), 0, MB)) == pytest.approx(32 * time)
    assert makespan(all_to_all(np.arange(16), MB)) == pytest.approx(15 * time)
    assert makespan(all_to_all(np.arange(16), MB, window=1)) == pytest.approx(15 * time)
    assert makespan(ring(np.arange(16), MB, 30)) == pytest.approx(30 * time)
    assert makespan(checkpoint(np.arange(60), [60, 61, 62, 63], MB)) == pytest.approx(15 * time)
    assert makespan(handover([0, 1], [2, 3], MB, [0.0, 1.0], layers=4)) == pytest.approx(1 + time)


def test_a_ring_passes_on_what_it_got():
    flows = ring(np.array([4, 7, 9]), MB, 3)
    assert flows.source[:3].tolist() == [4, 7, 9]
    assert flows.target[:3].tolist() == [7, 9, 4]
    assert flows.chain.tolist() == [0, 1, 2] * 3
    assert sorted(flows.after.indices[flows.after.indptr[3] : flows.after.indptr[4]].tolist()) == [0, 2]


def test_a_step_of_a_job():
    """Four stages of two replicas, three microbatches: there and back, then rings of two halves twice."""
    ranks = np.arange(8).reshape(4, 2)
    flows = step(ranks, MB, 2 * MB, microbatches=3)
    assert len(flows) == 3 * 6 * 2 + 4 * 2 * 2
    time = MB / LINK
    assert makespan(flows) > (6 + 2) * time
    assert makespan(step(ranks, MB, 1.0)) == pytest.approx(6 * time, rel=1e-3)  # there and back
    assert makespan(step(ranks, 1.0, 2 * MB, 3)) == pytest.approx(2 * time, rel=1e-3)
    assert makespan(step(ranks[:1], MB, 2 * MB)) == pytest.approx(2 * time)
    first = np.flatnonzero(np.diff(flows.after.indptr) == 1)[-8:]  # the first sends of the four rings
    waits_for = flows.after.indices[flows.after.indptr[first]]
    assert np.all((flows.source[waits_for] == flows.source[first]) | (flows.target[waits_for] == flows.source[first]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: permutation(1, MB, 0), "needs two endpoints or more, not 1"),
        (lambda: all_to_all([3, 3], MB), "two or more different members"),
        (lambda: all_to_all([3, 4], MB, 0), "window of 0"),
        (lambda: ring([3], MB, 1), "two or more different members"),
        (lambda: ring([3, 4], MB, 0), "ring of 0 steps"),
        (lambda: handover([0], [1], MB, 0.0, 0), "1 layer or more, not 0"),
        (lambda: step(np.zeros((1, 1)), MB, MB), r"not the shape \(1, 1\)"),
    ],
)
def test_patterns_that_send_nothing_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_a_shift_goes_half_way_round():
    flows = shift(10, MB)
    assert flows.target.tolist() == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]
    assert set(flows.size.tolist()) == {MB}


@pytest.mark.parametrize(("sources", "stores"), [([0, 1], []), ([], [2])])
def test_a_checkpoint_has_sources_and_stores(sources, stores):
    with pytest.raises(UsageError, match="from one source or more to one store or more"):
        checkpoint(sources, stores, MB)

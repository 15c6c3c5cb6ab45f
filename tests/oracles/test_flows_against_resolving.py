"""The flow engine against solving everything again at every event, and rates against lexicographic programmes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from firstlight.network.flows import traffic
from firstlight.network.flows.maxmin import rates
from firstlight.network.flows.simulate import LOOSEST, finish
from firstlight.network.flows.traffic import waits

from .resolving import completion, incidence, progressive


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Random paths over random links: every path 1 to 4 different links."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    links, flows = draw(st.integers(1, 12)), draw(st.integers(1, 30))
    routes = np.full((flows, 4), -1, np.int32)
    for f in range(flows):
        some = rng.permutation(links)[: rng.integers(1, 5)]
        routes[f, : len(some)] = some
    return routes, rng.choice([10e9, 25e9, 50e9, 100e9], links), rng


@given(cases())
def test_rates_against_progressive_filling(case):
    routes, capacity, _ = case
    found = rates(routes, capacity)
    assert found == pytest.approx(progressive(incidence(routes, len(capacity)), capacity), rel=1e-8)


@settings(max_examples=25)
@given(cases())
def test_rates_against_linear_programmes(case):
    """Raise the least rate as far as it goes, then fix those that cannot rise, and so on (Radunovic and Le Boudec)."""
    routes, capacity, _ = case
    taken, fixed = incidence(routes, len(capacity)).T, np.full(len(routes), np.nan)
    scale = capacity.max()
    while np.isnan(fixed).any():
        free = np.isnan(fixed)
        room = capacity / scale - np.nansum(taken * np.nan_to_num(fixed) / scale, axis=1)
        column = taken[:, free].sum(axis=1)
        least = linprog([-1.0], A_ub=column[:, None], b_ub=room, bounds=[(0, None)]).x[0]
        full = (column > 0) & (column * least >= room - 1e-9)
        stop = free & (taken[full] > 0).any(axis=0)
        fixed[stop] = least * scale
    assert rates(routes, capacity) == pytest.approx(fixed, rel=1e-6)


@settings(max_examples=60)
@given(cases(), st.booleans())
def test_completion_against_resolving(case, loose):
    """Random sizes, starts and waits; the default allowance is 1e-3, a tight one all but exact."""
    routes, capacity, rng = case
    flows = len(routes)
    size, start = rng.uniform(0.2, 2.0, flows) * 1e6, rng.choice([0.0, 0.0, 1e-5, 7e-5], flows)
    earlier = [sorted({int(g) for g in rng.integers(0, f, rng.integers(0, 3))}) if f else [] for f in range(flows)]
    pairs = [(f, g) for f, some in enumerate(earlier) for g in some]
    after = waits([f for f, _ in pairs], [g for _, g in pairs], flows)
    ends = np.zeros(flows, np.int32)
    flow = traffic(ends, ends + 1, size, start, after)
    kept = {} if loose else {"resolution": 1e-6, "tolerance": 1e-10}
    found = finish(routes, capacity, flow, delay=2e-6, **kept)
    expected = completion(routes, capacity, size, start, earlier, 2e-6)
    assert found == pytest.approx(expected, rel=5e-3 if loose else 1e-5)


def tapered_leaves(leaves: int, hosts: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A permutation over leaves with half as many uplinks as hosts, sprayed: each leaf's way up and down is a trunk."""
    count = leaves * hosts
    target = rng.permutation(count)
    up, down = np.arange(count) // hosts, leaves + target // hosts
    own, other = 2 * leaves + np.arange(count), 2 * leaves + count + target
    capacity = np.concatenate([np.full(2 * leaves, hosts / 2 * 50e9), np.full(2 * count, 50e9)])
    return np.stack([own, up, down, other], axis=1).astype(np.int32), capacity


def test_the_loosest_tolerance_keeps_to_its_word():
    rng = np.random.default_rng(3)
    routes, capacity = tapered_leaves(96, 32, rng)
    flows = traffic(np.arange(len(routes)), np.arange(len(routes)), rng.uniform(0.25, 1.75, len(routes)) * 8e6)
    exact = finish(routes, capacity, flows, tolerance=1e-5, loosest=1e-5)
    usual, loose = finish(routes, capacity, flows), finish(routes, capacity, flows, tolerance=LOOSEST)
    assert usual == pytest.approx(exact, rel=2e-3)
    assert loose == pytest.approx(exact, rel=LOOSEST)
    assert loose.max() == pytest.approx(exact.max(), rel=1e-2)
    assert np.abs(loose / exact - 1).max() > 1e-3  # it is another answer


def test_much_work_loosens_the_tolerance():
    rng = np.random.default_rng(4)
    routes, capacity = tapered_leaves(700, 48, rng)
    flows = traffic(np.arange(len(routes)), np.arange(len(routes)), rng.uniform(0.25, 1.75, len(routes)) * 8e6)
    found, exact = finish(routes, capacity, flows), finish(routes, capacity, flows, loosest=0.0)
    off = np.abs(found / exact - 1)
    assert 1e-3 < off.max() < LOOSEST
    assert found.max() == pytest.approx(exact.max(), rel=1e-2)


@pytest.mark.slow
def test_the_loosest_tolerance_among_many_flows():
    """Single flows can be off by more than it; nearly all are not, and the makespan is not."""
    rng = np.random.default_rng(5)
    routes, capacity = tapered_leaves(4000, 80, rng)
    flows = traffic(np.arange(len(routes)), np.arange(len(routes)), rng.uniform(0.25, 1.75, len(routes)) * 8e6)
    found, exact = finish(routes, capacity, flows), finish(routes, capacity, flows, loosest=0.0)
    off = np.abs(found / exact - 1)
    assert np.quantile(off, 0.99) < 0.02
    assert found.max() == pytest.approx(exact.max(), rel=1e-2)

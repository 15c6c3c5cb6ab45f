"""The flow engine against solving everything again at every event, and rates against lexicographic programmes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from firstlight.network.flows import traffic
from firstlight.network.flows.maxmin import rates
from firstlight.network.flows.simulate import finish
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

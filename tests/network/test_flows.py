"""Flows on fabrics: what any allocation must hold, exact times, and traffic that is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network.flows import traffic
from firstlight.network.flows.maxmin import rates
from firstlight.network.flows.simulate import finish
from firstlight.network.flows.traffic import After, merge, waits

from .graph import hashes
from .test_routes import some_pairs
from .test_topology import LINK, build, fabrics

SIZE = 8 * 2**20


def loads(routes: np.ndarray, values: np.ndarray, links: int) -> np.ndarray:
    on = routes >= 0
    return np.bincount(routes[on], np.broadcast_to(values[:, None], routes.shape)[on], links)


@given(fabrics(), st.integers(0, 1000))
def test_rates_are_feasible_and_every_flow_has_a_bottleneck(fabric, seed):
    """No link above its capacity; each flow takes a full link on which no flow is faster."""
    sources, targets = some_pairs(fabric, seed, 200)
    apart = sources != targets
    routes = fabric.routes(sources, targets, hashes(seed, len(sources)))[apart]
    found, capacity = rates(routes, fabric.capacity()), fabric.capacity()
    load = loads(routes, found, len(capacity))
    assert np.all(load <= capacity * (1 + 1e-9))
    fastest = np.zeros(len(capacity))
    np.maximum.at(fastest, routes[routes >= 0], np.broadcast_to(found[:, None], routes.shape)[routes >= 0])
    full = (load >= capacity * (1 - 1e-9))[routes] & (routes >= 0)
    assert np.all(np.any(full & (found[:, None] >= fastest[routes] * (1 - 1e-9)), axis=1))


@given(fabrics(), st.integers(0, 1000))
def test_numbers_of_flows_and_links_change_nothing(fabric, seed):
    sources, targets = some_pairs(fabric, seed, 100)
    routes, capacity = fabric.routes(sources, targets, hashes(seed, len(sources))), fabric.capacity()
    rng = np.random.default_rng(seed)
    flows, links = rng.permutation(len(routes)), rng.permutation(len(capacity))
    renamed = np.where(routes >= 0, np.argsort(links)[routes], -1).astype(np.int32)
    size = rng.uniform(0.5, 1.5, len(routes)) * SIZE
    assert rates(renamed[flows], capacity[links]) == pytest.approx(rates(routes, capacity)[flows], rel=1e-9)
    one = finish(routes, capacity, traffic(sources, targets, size), tolerance=1e-9, resolution=1e-5)
    other = finish(
        renamed[flows], capacity[links], traffic(sources[flows], targets[flows], size[flows]),
        tolerance=1e-9, resolution=1e-5,
    )  # fmt: skip
    assert other == pytest.approx(one[flows], rel=1e-5)


@given(fabrics(), st.integers(0, 1000))
def test_equal_sizes_end_at_their_first_rate(fabric, seed):
    """A slower flow never shares its bottleneck with a faster one, so that flows that end change nobody's rate."""
    sources, targets = some_pairs(fabric, seed, 200)
    apart = sources != targets
    routes, capacity = fabric.routes(sources, targets, hashes(seed, len(sources)))[apart], fabric.capacity()
    if not len(routes):
        return
    found = finish(routes, capacity, traffic(sources[apart], targets[apart], SIZE))
    assert found == pytest.approx(SIZE / rates(routes, capacity), rel=1e-6)
    assert found.max() == pytest.approx((loads(routes, np.full(len(routes), SIZE), len(capacity)) / capacity).max())


@given(fabrics(), st.integers(0, 1000))
def test_bytes_are_conserved(fabric, seed):
    """No link carries more than its capacity until the last of its flows ends; nobody beats the way alone."""
    sources, targets = some_pairs(fabric, seed, 100)
    routes, capacity = fabric.routes(sources, targets, hashes(seed, len(sources))), fabric.capacity()
    size = np.random.default_rng(seed).uniform(0.5, 1.5, len(routes)) * SIZE
    found = finish(routes, capacity, traffic(sources, targets, size))
    last = np.zeros(len(capacity))
    np.maximum.at(last, routes[routes >= 0], np.broadcast_to(found[:, None], routes.shape)[routes >= 0])
    assert np.all(loads(routes, size, len(capacity)) <= capacity * last * (1 + 2e-3))
    slowest = np.where(routes >= 0, capacity[routes], np.inf).min(axis=1)
    assert np.all(found >= size / slowest * (1 - 1e-9))


def test_single_flows():
    fabric = build("clos", 1024, 1, ports=16)
    routes = fabric.routes(np.array([0]), np.array([1023]), hashes(0, 1))
    found = finish(routes, fabric.capacity(), traffic(0, 1023, SIZE, start=1e-3), delay=9.4e-6)
    assert found == pytest.approx(1e-3 + SIZE / LINK + 9.4e-6, rel=1e-12)
    slow = finish(routes, fabric.capacity(), traffic(0, 1023, SIZE), cap=np.array([LINK / 4]))
    assert slow == pytest.approx(4 * SIZE / LINK, rel=1e-12)
    assert rates(routes, fabric.capacity(), np.array([LINK / 4])) == pytest.approx(LINK / 4)


def test_a_flow_to_itself_ends_as_it_starts():
    fabric = build("clos", 96, 1)
    ends = np.array([3, 5])
    routes = fabric.routes(ends, ends, hashes(0, 2))
    assert np.all(np.isinf(rates(routes, fabric.capacity())))
    assert finish(routes, fabric.capacity(), traffic(ends, ends, SIZE, start=2.0)) == pytest.approx(2.0)


def test_a_chain_takes_its_steps_one_after_the_other():
    fabric, steps = build("clos", 96, 1), 50
    after = waits(np.arange(1, steps), np.arange(steps - 1), steps)
    flows = traffic(np.zeros(steps), np.ones(steps), SIZE, after=after, chain=0)
    routes = fabric.routes(flows.source, flows.target, hashes(0, steps))
    found = finish(routes, fabric.capacity(), flows, delay=2.7e-6)
    assert found == pytest.approx(np.arange(1, steps + 1) * (SIZE / LINK + 2.7e-6), rel=1e-9)


def test_flows_that_start_far_apart():
    """A tiny flow sets the length of a bucket, and an hour lies between two others."""
    fabric = build("clos", 96, 1)
    flows = traffic([0, 0, 1], [1, 1, 2], [64.0, SIZE, SIZE], [0.0, 3600.0, 1.0])
    routes = fabric.routes(flows.source, flows.target, hashes(0, 3))
    found = finish(routes, fabric.capacity(), flows)
    assert found == pytest.approx([64 / LINK, 3600 + SIZE / LINK, 1 + SIZE / LINK], rel=1e-12)


@given(st.integers(0, 1000), st.floats(1.0, 4.0))
def test_sprayed_flows_by_class_are_as_fast_as_one_by_one(seed, taper):
    """Flows with the same trunks are one class; caps that differ by next to nothing keep them apart."""
    fabric = build("clos", 256, 1, ports=16, taper=taper)
    sources, targets = some_pairs(fabric, seed, 300)
    sources, targets = sources[sources != targets], targets[sources != targets]
    paths, capacity = fabric.trunks(sources, targets)
    size = np.random.default_rng(seed).uniform(0.25, 1.75, len(sources)) * SIZE
    one = finish(paths, capacity, traffic(sources, targets, size))
    caps = LINK * (1 - 1e-10 * np.arange(len(paths)))
    other = finish(paths, capacity, traffic(sources, targets, size), cap=caps, tolerance=1e-9, resolution=1e-5)
    assert one == pytest.approx(other, rel=5e-3)
    assert one.max() == pytest.approx(other.max(), rel=1e-3)


def test_merge_keeps_jobs_apart():
    one = traffic([0, 1], [1, 0], SIZE, after=waits([1], [0], 2), chain=[0, 1])
    both = merge(one, one)
    assert both.chain.tolist() == [0, 1, 2, 3]
    assert both.after.indptr.tolist() == [0, 0, 1, 1, 2]
    assert both.after.indices.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0.0}, "flow 0 has a size of 0 B"),
        ({"size": [1.0, np.nan, 1.0]}, "flow 1 has a size of nan"),
        ({"size": 1.0, "start": -1.0}, "flow 0 starts at -1 s"),
        ({"size": 1.0, "after": waits([1], [7], 3)}, "waits for flow 7, which does not exist; there are 0 to 2"),
        ({"size": 1.0, "after": waits([0, 1, 2], [2, 0, 1], 3)}, r"circle of 3: 0 -> 2 -> 1 -> 0"),
        ({"size": 1.0, "after": waits([0], [0], 3)}, r"circle of 1: 0 -> 0"),
        ({"size": 1.0, "after": After(np.zeros(2, np.int64), np.zeros(0, np.int32))}, "4 rising row starts"),
    ],
)
def test_impossible_traffic_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        traffic([0, 1, 2], [1, 2, 0], **arguments)


def test_long_circles_are_cut_short():
    count = 1000
    with pytest.raises(UsageError, match=r"circle of 1000: 0 -> 999 -> 998 .* -> \.\.\.; take one"):
        traffic(0, 1, np.ones(count), after=waits(np.arange(count), (np.arange(count) - 1) % count, count))


def test_routes_that_do_not_fit_are_refused():
    fabric = build("clos", 96, 1)
    routes, capacity = fabric.routes(np.array([0]), np.array([1]), hashes(0, 1)), fabric.capacity()
    with pytest.raises(UsageError, match="routes for 1 flows, and traffic of 2"):
        finish(routes, capacity, traffic([0, 1], [1, 2], SIZE))
    capacity[routes[0, 0]] = 0
    with pytest.raises(UsageError, match=f"flow 0 takes the directed link {routes[0, 0]}, which is down"):
        rates(routes, capacity)

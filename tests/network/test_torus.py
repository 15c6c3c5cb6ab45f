"""The three-dimensional torus."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.network.topology import Torus
from firstlight.spec.design import FabricDesign


def build(endpoints: int, per_node: int = 4) -> Torus:
    fabric = topology.build(FabricDesign(kind="torus", link="50 GB/s"), endpoints, per_node, None)
    assert isinstance(fabric, Torus)
    return fabric


@st.composite
def tori(draw: st.DrawFn) -> Torus:
    try:
        return build(draw(st.integers(1, 3000)))
    except UsageError:
        assume(False)
        raise


@given(tori())
def test_links_join_neighbours(fabric):
    """Two neighbours in each dimension longer than two, one in a dimension of two, none in one of one."""
    lower, upper = fabric.ends(0, np.arange(fabric.bundles[0].count))
    degree = np.bincount(np.concatenate([lower, upper]), minlength=fabric.endpoints)
    assert np.all(degree == sum(min(size - 1, 2) for size in fabric.dimensions))
    assert fabric.degree == degree[0]
    assert np.all(fabric.distance(lower, upper) == 1)
    pairs = np.sort(np.stack([lower, upper]), axis=0)
    assert np.unique(pairs, axis=1).shape[1] == fabric.bundles[0].count


@given(tori(), st.data())
def test_distance_is_symmetric_and_bounded(fabric, data):
    pairs = st.lists(st.integers(0, fabric.endpoints - 1), min_size=8, max_size=8)
    one, other = (np.array(data.draw(pairs)) for _ in range(2))
    there = fabric.distance(one, other)
    assert np.array_equal(there, fabric.distance(other, one))
    assert there.max() <= fabric.hops()
    assert np.array_equal(there == 0, one == other)


@given(tori())
def test_numbers_and_coordinates_are_inverse(fabric):
    every = np.arange(fabric.endpoints)
    assert np.array_equal(fabric.index(fabric.coordinates(every)), every)


def test_bisection_of_a_pod():
    """16 x 16 x 16: a cut across one dimension opens its ring twice: 2 x 16 x 16 links."""
    assert build(4096).bisection() == 512 * 50e9


def test_bisection_is_the_least_even_cut():
    fabric = build(8 * 4 * 4)
    assert fabric.dimensions == (4, 4, 8)
    lower, upper = fabric.ends(0, np.arange(fabric.bundles[0].count))
    cuts = [
        np.count_nonzero((here[lower] < size // 2) != (here[upper] < size // 2)) * 50e9
        for size, here in zip(fabric.dimensions, fabric.coordinates(np.arange(fabric.endpoints)), strict=True)
    ]
    assert fabric.bisection() == min(cuts)


def test_racks_of_cubes_keep_their_links():
    """Accelerators are numbered cube by cube: 144 of 192 links stay among 64 neighbours in number."""
    fabric = build(512)
    lower, upper = fabric.ends(0, np.arange(fabric.bundles[0].count))
    assert np.count_nonzero(lower // 64 == upper // 64) == 8 * 144


def test_nearest_counts_are_possible():
    with pytest.raises(UsageError, match="nearest counts that do are 3,968 and 3,996"):
        build(4 * 997)
    assert build(3968).endpoints == 3968
    assert build(3996).endpoints == 3996

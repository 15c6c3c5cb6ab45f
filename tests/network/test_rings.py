"""Rings of a torus with lost links."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.network.jobs.rings import DETOUR, ringed
from firstlight.network.routing.failures import degraded, merge
from firstlight.network.topology.slices import slices
from firstlight.network.topology.torus import shaped
from firstlight.spec.fabric import SliceDesign

LINK = 100e9
CUBE = shaped((4, 4, 4), False, 64, LINK)
FLAT = shaped((2, 3, 1), False, 6, LINK)
PAIR = slices(128, [SliceDesign(dimensions=(4, 4, 4)), SliceDesign(dimensions=(4, 4, 4))], LINK)
ALL = np.arange(64)


@pytest.mark.parametrize("torus", [CUBE, FLAT, PAIR])
def test_the_links_of_a_ring_go_round(torus):
    links = np.arange(torus.links)
    dimension, ring, length = torus.rings(links)
    lower, upper = torus.ends(0, links)
    for number in np.unique(ring):
        own = ring == number
        assert len(np.unique(dimension[own])) == len(np.unique(length[own])) == 1
        round_ = nx.Graph(list(zip(lower[own].tolist(), upper[own].tolist(), strict=True)))
        assert nx.is_connected(round_)
        assert len(round_) == length[own][0]
        assert own.sum() == (length[own][0] if length[own][0] > 2 else 1)
    assert np.all(np.bincount(np.concatenate([lower, upper])) == torus.links_each())


@pytest.mark.parametrize(("share", "time"), [(0.0, 2.0), (0.25, 1.6), (0.9, 2 / 1.9)])
def test_a_weak_link_is_gone_round(share, time):
    """All that the accelerator behind it is sent comes over 1 + s links, not two."""
    found = ringed(CUBE, degraded(CUBE, [5], share), ALL)
    dimension = CUBE.rings(np.array([5]))[0][0]
    assert found.slower[dimension] == pytest.approx(time)
    assert np.delete(found.slower, dimension).tolist() == [1.0, 1.0]
    assert (found.binding[0].name, found.binding[0].busy) == ("torus#5", pytest.approx(time))


def test_a_ring_in_two_parts_needs_another():
    dimension, ring, _ = CUBE.rings(np.arange(CUBE.links))
    one, two = np.flatnonzero(ring == ring[0])[:2]
    other = np.flatnonzero((ring != ring[0]) & (dimension == dimension[0]))[0]
    assert ringed(CUBE, degraded(CUBE, [one, two]), ALL).slower.max() == DETOUR
    assert ringed(CUBE, degraded(CUBE, [one, other]), ALL).slower.max() == 2.0
    half = merge(degraded(CUBE, [one], 0.5), degraded(CUBE, [two], 0.3))
    assert ringed(CUBE, half, ALL).slower.max() == pytest.approx(2 / 0.8)


def test_a_dimension_of_two_has_one_link():
    dimension, _, length = FLAT.rings(np.arange(FLAT.links))
    (pair, *_) = np.flatnonzero(length == 2)
    assert ringed(FLAT, degraded(FLAT, [pair], 0.5), np.arange(6)).slower[dimension[pair]] == 2.0
    assert ringed(FLAT, degraded(FLAT, [pair]), np.arange(6)).slower[dimension[pair]] == DETOUR
    assert FLAT.along().tolist() == [True, True, False]


def test_others_links_do_not_matter_and_lost_accelerators_are_named():
    lower, upper = CUBE.ends(0, np.arange(CUBE.links))
    around = np.flatnonzero((lower == 7) | (upper == 7))
    lost = degraded(CUBE, around)
    assert ringed(CUBE, lost, ALL).cut.tolist() == [7]
    apart = ringed(CUBE, lost, np.setdiff1d(ALL, [7]))
    assert apart.slower.tolist() == [1.0, 1.0, 1.0]
    assert apart.cut.size == 0
    beyond = degraded(PAIR, np.arange(PAIR.links // 2))
    assert ringed(PAIR, beyond, np.arange(64, 128)).slower.max() == 1.0
    assert ringed(PAIR, beyond, np.arange(64)).cut.size == 64


@given(st.integers(0, CUBE.links - 1), st.floats(0, 0.99), st.floats(0, 0.99))
def test_the_less_is_left_the_slower(link, one, other):
    few, more = sorted((one, other))
    times = [ringed(CUBE, degraded(CUBE, [link], share), ALL).slower.max() for share in (more, few)]
    assert 1.0 <= times[0] <= times[1] <= 2.0

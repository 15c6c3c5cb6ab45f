"""What holds of every kind of fabric: links end on free ports, routes are shortest walks, and numbers mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.network.topology import Domains, Joined, Slices
from firstlight.twin.protocols import Topology

from ..graph import arcs, assert_walks, hashes, lengths
from .kinds import any_kind, build

PORTS = 100_000


def all_pairs(fabric: Topology, seed: int, count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Random pairs that have a path between them."""
    sources, targets = np.random.default_rng(seed).integers(0, fabric.endpoints, (2, count))
    joined = fabric.distance(sources, targets) >= 0
    return sources[joined], targets[joined]


@settings(max_examples=150)
@given(any_kind())
def test_every_link_has_two_ends_with_ports_of_their_own(fabric):
    if isinstance(fabric, Joined):
        return  # its parts have ports
    used: dict[int, list[np.ndarray]] = {}
    for index, bundle in enumerate(fabric.bundles):
        links = np.arange(bundle.count)
        for tier, device, port in zip(
            (bundle.lower, bundle.upper), fabric.ends(index, links), fabric.ports(index, links), strict=True
        ):
            devices = fabric.tiers[tier].switches if tier >= 0 else fabric.endpoints
            assert device.min(initial=0) >= 0
            assert device.max(initial=0) < devices
            assert port.min(initial=0) >= 0
            assert tier < 0 or port.max(initial=0) < fabric.tiers[tier].links_each
            used.setdefault(tier, []).append(device * PORTS + port)
    for ports in map(np.concatenate, used.values()):
        assert len(np.unique(ports)) == len(ports)
    tails, heads = arcs(fabric)
    assert np.all(tails != heads)


@settings(max_examples=150)
@given(any_kind(), st.integers(0, 1000))
def test_routes_are_walks_of_the_stated_distance(fabric, seed):
    sources, targets = all_pairs(fabric, seed)
    paths = fabric.routes(sources, targets, hashes(seed, len(sources)))
    assert paths.dtype == np.int32
    assert_walks(fabric, sources, targets, paths)
    away = fabric.distance(sources, targets)
    switches = away + 1 if fabric.tiers else away
    assert np.array_equal(lengths(paths), np.where(sources != targets, switches, 0))


@given(any_kind(), st.integers(0, 1000))
def test_distance_is_symmetric_and_bounded(fabric, seed):
    sources, targets = all_pairs(fabric, seed)
    there = fabric.distance(sources, targets)
    assert np.array_equal(there, fabric.distance(targets, sources))
    assert there.max(initial=0) <= fabric.hops()
    assert np.array_equal(there == 0, sources == targets)


@given(any_kind(), st.integers(0, 1000))
def test_hashes_alone_choose(fabric, seed):
    """Pairs in another order, or alone, take the paths they took."""
    sources, targets = all_pairs(fabric, seed)
    chosen, order = hashes(seed, len(sources)), np.random.default_rng(seed).permutation(len(sources))
    paths = fabric.routes(sources, targets, chosen)
    assert np.array_equal(fabric.routes(sources[order], targets[order], chosen[order]), paths[order])


@given(any_kind())
def test_counts_levels_and_bisection_hang_together(fabric):
    levels = fabric.levels()
    if not isinstance(fabric, Domains | Slices):  # whose parts no path joins
        assert levels[-1].endpoints == pytest.approx(fabric.endpoints)
    assert all(0 < level.share <= 1 + 1e-12 for level in levels)
    assert [level.hops for level in levels] == sorted(level.hops for level in levels)
    assert 0 < fabric.bisection() <= fabric.endpoints * fabric.injection / 2 * (1 + 1e-12)
    for tier in range(len(fabric.tiers)):
        ends = [
            end[side]
            for index, bundle in enumerate(fabric.bundles)
            for side, at in enumerate((bundle.lower, bundle.upper))
            if at == tier
            for end in [fabric.ends(index, np.arange(bundle.count))]
        ]
        assert len(np.unique(np.concatenate(ends))) == fabric.tiers[tier].switches  # no switch stands idle


@pytest.mark.parametrize(
    ("kind", "endpoints", "more"),
    [
        ("clos", 128, {"ports": 8}),
        ("rail-optimised", 256, {"ports": 16, "rails": 4}),
        ("dual-tor", 128, {"ports": 16, "rails": 4}),
        ("dragonfly", 72, {"dragonfly": {"p": 2, "a": 4, "h": 2, "g": 9}}),
        ("slim-fly", 100, {"slim_fly": {"q": 5}}),
        ("hyperx", 120, {"hyperx": {"dimensions": [3, 4, 5]}}),
        ("torus", 128, {"torus": {"dimensions": [4, 4, 8], "twisted": True}}),
    ],
)
def test_numbers_of_endpoints_mean_nothing(kind, endpoints, more):
    """From every endpoint of a full fabric as many others are at each distance."""
    fabric, every = build(kind, endpoints, **more), np.arange(endpoints)
    away = np.sort(fabric.distance(every[:, None], every[None, :]), axis=1)
    assert np.all(away == away[0])


@settings(max_examples=150)
@given(any_kind())
def test_planes_share_nothing(fabric):
    """Links and switches are numbered plane by plane, and a plane's links end on its own switches."""
    if isinstance(fabric, Joined):
        return  # domains and fabric have planes of their own
    for index, bundle in enumerate(fabric.bundles):
        links = np.arange(bundle.count)
        for tier, device in zip((bundle.lower, bundle.upper), fabric.ends(index, links), strict=True):
            if tier >= 0:
                each = fabric.tiers[tier].switches // fabric.planes
                assert np.array_equal(device // each, links // (bundle.count // fabric.planes))

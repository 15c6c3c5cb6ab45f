"""Routes and trunks: shortest walks that hang together, drawn evenly, on any fabric."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.network.topology import Switched
from firstlight.spec.design import FabricDesign
from firstlight.twin.protocols import Topology

from .graph import arcs, assert_walks, hashes, lengths
from .test_topology import build, fabrics
from .test_torus import tori

SIGMAS = 5.0


def some_pairs(fabric: Topology, seed: int, count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Random pairs that have a path between them."""
    sources, targets = np.random.default_rng(seed).integers(0, fabric.endpoints, (2, count))
    joined = fabric.distance(sources, targets) >= 0
    return sources[joined], targets[joined]


@given(fabrics(), st.integers(0, 1000))
def test_routes_of_switches_are_shortest_walks(fabric, seed):
    sources, targets = some_pairs(fabric, seed)
    paths = fabric.routes(sources, targets, hashes(seed, len(sources)))
    assert paths.dtype == np.int32
    assert_walks(fabric, sources, targets, paths)
    switches = fabric.distance(sources, targets)
    assert np.array_equal(lengths(paths), np.where(switches > 0, switches + 1, 0))


@given(tori(), st.integers(0, 1000))
def test_routes_of_a_torus_are_shortest_walks(fabric, seed):
    sources, targets = some_pairs(fabric, seed)
    paths = fabric.routes(sources, targets, hashes(seed, len(sources)))
    assert_walks(fabric, sources, targets, paths)
    assert np.array_equal(lengths(paths), fabric.distance(sources, targets))


@pytest.mark.parametrize(
    ("kind", "endpoints", "rails", "ports", "planes", "taper"),
    [("clos", 1024, 1, 16, 1, 1.0), ("clos", 700, 1, 12, 2, 2.0), ("rail-only", 512, 4, 8, 1, 1.0)],
)
def test_each_switch_draws_evenly(kind, endpoints, rails, ports, planes, taper):
    """Many flows of one pair: every next hop of a switch is taken as often as any other."""
    fabric = build(kind, endpoints, rails, ports, planes, taper)
    source, target, draws = 0, endpoints - rails, 40_000
    paths = fabric.routes(np.full(draws, source), np.full(draws, target), hashes(7, draws))
    assert lengths(paths).min() == lengths(paths).max() == fabric.hops() + 1
    tails, _ = arcs(fabric)
    for column in paths.T:
        links, counts = np.unique(column, return_counts=True)
        for switch in np.unique(tails[links]):
            taken = counts[tails[links] == switch]
            assert np.ptp(taken) < 2 * SIGMAS * np.sqrt(taken.mean()) or len(taken) == 1
    up = fabric.shape.stages[0].up
    assert len(np.unique(paths[:, 1])) == up * planes  # all uplinks of the leaf, on all planes


def test_digits_of_two_tiers_are_independent():
    fabric = build("clos", 1024, 1, ports=16)
    paths = fabric.routes(np.zeros(40_000, int), np.full(40_000, 1023), hashes(3, 40_000))
    both, counts = np.unique(paths[:, 1].astype(np.int64) * 10**6 + paths[:, 2], return_counts=True)
    assert len(both) == 64
    assert np.ptp(counts) < 2 * SIGMAS * np.sqrt(counts.mean())


@given(fabrics(), st.integers(0, 1000))
def test_trunks_gather_the_links_of_routes(fabric, seed):
    """A flow's trunks are those that the links of any of its routes are part of, and no capacity is lost."""
    sources, targets = some_pairs(fabric, seed)
    paths = fabric.routes(sources, targets, hashes(seed, len(sources)))
    trunks, capacity = fabric.trunks(sources, targets)
    gathered = trunk_of(fabric)
    assert np.array_equal(np.where(paths >= 0, gathered[paths], -1), trunks)
    assert np.allclose(np.bincount(gathered, fabric.capacity()), capacity)


def trunk_of(fabric: Switched) -> np.ndarray:
    """Trunk of each directed link."""
    up = [fabric.trunk(index, np.arange(bundle.count)) for index, bundle in enumerate(fabric.bundles)]
    _, capacity = fabric.trunks(np.array([0]), np.array([0]))
    return np.concatenate([*up, *(part + len(capacity) // 2 for part in up)])


def test_directed_links_have_their_bundle_s_bandwidth():
    fabric = build("clos", 96, 1, ports=16, planes=2, taper=2.0)
    capacity = fabric.capacity()
    assert fabric.links == sum(bundle.count for bundle in fabric.bundles)
    assert capacity.shape == (2 * fabric.links,)
    for start, bundle in zip(fabric.offsets, fabric.bundles, strict=True):
        for way in (0, fabric.links):
            assert np.all(capacity[way + start : way + start + bundle.count] == bundle.bandwidth)


def test_a_torus_has_no_trunks():
    fabric = topology.build(FabricDesign(kind="torus", link="50 GB/s"), 64, 4, None)
    assert fabric.trunks(np.array([0]), np.array([1])) is None


@pytest.mark.parametrize(("source", "target", "name"), [(96, 0, "source 96"), (0, -1, "target -1")])
def test_endpoints_that_do_not_exist_are_refused(source, target, name):
    fabric = build("clos", 96, 1)
    for way in (lambda s, t: fabric.routes(s, t, hashes(0, 2)), fabric.trunks):
        with pytest.raises(UsageError, match=f"{name} does not exist .*endpoints 0 to 95"):
            way(np.array([source, 0]), np.array([target, 1]))


def test_rails_without_a_path_are_refused():
    fabric = build("rail-only", 96, 8, ports=8)
    with pytest.raises(
        UsageError, match=r"endpoints 0 and 1 are on different rails.*hand it over inside the scale-up domains"
    ):
        fabric.routes(np.array([0]), np.array([1]), hashes(0, 1))


def test_hashes_alone_choose():
    fabric = build("clos", 1024, 1, ports=16)
    sources, targets = some_pairs(fabric, 1)
    chosen = hashes(1, len(sources))
    order = np.random.default_rng(0).permutation(len(sources))
    paths = fabric.routes(sources, targets, chosen)
    assert np.array_equal(fabric.routes(sources[order], targets[order], chosen[order]), paths[order])


COMPILED = {"compiled", "kernel", "routine", "jit"}


def test_compiled_walks_do_not_call_themselves():
    """Compiled functions that call themselves crash the process when numba loads them from its cache."""
    room = Path(topology.__file__).parents[1]
    for file in sorted(room.rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef) and COMPILED & set(map(ast.unparse, function.decorator_list)):
                called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                assert function.name not in called, f"{file.name}: {function.name}"

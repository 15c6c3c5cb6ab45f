"""Distances, connections and cuts against graphs that networkx and scipy see, on small fabrics of every kind."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from firstlight.network.topology import Dragonfly
from firstlight.twin.protocols import Topology

from ..graph import arcs
from .kinds import build

SMALL = {
    "dragonfly canonical": lambda: build("dragonfly", 72, dragonfly={"p": 2, "a": 4, "h": 2, "g": 9}),
    "dragonfly few groups": lambda: build("dragonfly", 40, dragonfly={"p": 2, "a": 4, "h": 3, "g": 5}),
    "dragonfly even groups": lambda: build("dragonfly", 60, dragonfly={"p": 2, "a": 5, "h": 2, "g": 6}),
    "dragonfly balanced": lambda: build("dragonfly", 342),
    "slim fly 3": lambda: build("slim-fly", 36, slim_fly={"q": 3}),
    "slim fly 4": lambda: build("slim-fly", 64, slim_fly={"q": 4}),
    "slim fly 5": lambda: build("slim-fly", 200, slim_fly={"q": 5}),
    "slim fly 8": lambda: build("slim-fly", 128, slim_fly={"q": 8}),
    "slim fly 9": lambda: build("slim-fly", 162, slim_fly={"q": 9}),
    "slim fly 11": lambda: build("slim-fly", 242, slim_fly={"q": 11}),
    "hypercube": lambda: build("hyperx", 32, hyperx={"dimensions": [2] * 5}),
    "hyperx": lambda: build("hyperx", 120, hyperx={"dimensions": [3, 4, 5], "widths": [1, 2, 1]}),
    "full mesh": lambda: build("hyperx", 30, hyperx={"dimensions": [10]}),
    "torus": lambda: build("torus", 4 * 3 * 6, torus={"dimensions": [4, 3, 6]}),
    "twisted one": lambda: build("torus", 4 * 4 * 8, torus={"dimensions": [4, 4, 8], "twisted": True}),
    "twisted two": lambda: build("torus", 4 * 8 * 8, torus={"dimensions": [4, 8, 8], "twisted": True}),
    "odd twisted": lambda: build("torus", 3 * 6 * 3, torus={"dimensions": [3, 6, 3], "twisted": True}),
    "slices": lambda: build("torus", 256, torus={"slices": [
        {"dimensions": [4, 4, 8], "cubes": [3, 0], "twisted": True}, {"dimensions": [8, 4, 4]}]}),
    "dual-tor": lambda: build("dual-tor", 128, 4, 16, taper=[2, 1]),
    "dual-tor apart": lambda: build("dual-tor", 128, 4, 16, planes=2),
    "clos of four": lambda: build("clos", 96, 1, 6, taper=[1, 2, 1]),
    "under-subscribed": lambda: build("clos", 90, 1, 16, taper=[0.5, 2]),
    "pods": lambda: build("clos", 192, 1, 12, 24, taper=[1, 3], groups=[6, 48], trunk=1),
    "sites": lambda: build("clos", 120, 1, 8, sites={"count": 3, "taper": 1, "length": "60 km"}),
    "sites of rails": lambda: build("rail-only", 96, 4, 8, sites={"count": 4, "taper": 1, "length": "60 km"}),
}  # fmt: skip
DIRECT = [name for name in SMALL if name.split()[0] in ("dragonfly", "slim", "hypercube", "hyperx", "full")]


def lengths_in_graph(fabric: Topology) -> np.ndarray:
    """Links between all endpoints on shortest paths that scipy finds; endpoints pass nothing on [endpoints, endpoints].

    A minimal path of a dragonfly takes one global link at most: a layer of the graph before it, another behind.
    """
    tails, heads = arcs(fabric)
    count = fabric.endpoints + sum(tier.switches for tier in fabric.tiers)
    if isinstance(fabric, Dragonfly) and fabric.across.size > 1:
        layer = np.zeros(len(tails), bool)
        for way in (0, fabric.links):
            layer[way + fabric.offsets[-1] : way + fabric.links] = True
        same = ~layer
        tails = np.concatenate([tails[same], tails[same] + count, tails[layer]])
        heads = np.concatenate([heads[same], heads[same] + count, heads[layer] + count])
        found = _search(tails, heads, 2 * count, fabric.endpoints)
        return np.minimum(found[:, : fabric.endpoints], found[:, count : count + fabric.endpoints])
    return _search(tails, heads, count, fabric.endpoints)[:, : fabric.endpoints]


def _search(tails: np.ndarray, heads: np.ndarray, count: int, endpoints: int) -> np.ndarray:
    graph = coo_array((np.ones(len(tails)), (tails, heads)), shape=(count, count)).tocsr()
    return shortest_path(graph, unweighted=True, indices=np.arange(endpoints))


def switch_graph(fabric: Topology) -> nx.MultiGraph:
    """Switches and the links between them."""
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(fabric.tiers[0].switches))
    for index in range(1, len(fabric.bundles)):
        ends = fabric.ends(index, np.arange(fabric.bundles[index].count))
        graph.add_edges_from(zip(*(end.tolist() for end in ends), strict=True))
    return graph


@pytest.mark.parametrize("name", SMALL)
def test_distance_is_that_of_the_graph(name):
    fabric = SMALL[name]()
    every = np.arange(fabric.endpoints)
    away = fabric.distance(every[:, None], every[None, :])
    searched = lengths_in_graph(fabric)
    ours = np.where(away > 0, away + (1 if fabric.tiers else 0), np.where(away < 0, np.inf, 0))
    assert np.array_equal(ours, searched)
    assert fabric.hops() == away.max()


@pytest.mark.parametrize("name", DIRECT)
def test_switches_are_connected(name):
    graph = switch_graph(SMALL[name]())
    assert nx.is_connected(graph)
    assert nx.number_of_selfloops(graph) == 0


@pytest.mark.parametrize("q", [3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 25, 27])
def test_a_slim_fly_has_diameter_two(q):
    """2 q^2 switches of (3q - d) / 2 links each, simple, any two at most two links apart (Besta and Hoefler 2014)."""
    fabric = build("slim-fly", 2 * q * q, slim_fly={"q": q})
    graph = switch_graph(fabric)
    degree = (3 * q - {0: 0, 1: 1, 3: -1}[q % 4]) // 2
    assert set(dict(graph.degree()).values()) == {degree}
    assert nx.Graph(graph).number_of_edges() == graph.number_of_edges() == q * q * degree
    adjacent = nx.to_numpy_array(nx.Graph(graph), dtype=np.float32)
    within = adjacent @ adjacent + adjacent
    assert np.all(within + np.eye(len(within)) > 0)


@pytest.mark.parametrize(("a", "h"), [(4, 2), (2, 1), (6, 3), (3, 3)])
def test_a_canonical_dragonfly_has_diameter_three(a, h):
    """a h + 1 groups, each joined to each other by one link; every switch has a - 1 + h links (Kim et al. 2008)."""
    g = a * h + 1
    fabric = build("dragonfly", g * a, dragonfly={"p": 1, "a": a, "h": h, "g": g})
    graph = switch_graph(fabric)
    assert set(dict(graph.degree()).values()) == {a - 1 + h}
    assert nx.diameter(graph) == 3
    between = [(u // a, v // a) for u, v in graph.edges() if u // a != v // a]
    assert len({frozenset(pair) for pair in between}) == len(between) == g * (g - 1) // 2


def test_a_hyperx_is_a_product_of_complete_graphs():
    fabric = build("hyperx", 60, hyperx={"dimensions": [3, 4, 5]})
    product = nx.cartesian_product(
        nx.cartesian_product(nx.complete_graph(3), nx.complete_graph(4)), nx.complete_graph(5)
    )
    named = nx.relabel_nodes(product, {((x, y), z): (x * 4 + y) * 5 + z for (x, y), z in product})
    assert nx.utils.edges_equal(nx.Graph(switch_graph(fabric)).edges(), named.edges())
    assert nx.diameter(named) == fabric.hops() - 1 == 3


@pytest.mark.parametrize("name", DIRECT)
def test_no_even_cut_that_is_searched_for_beats_the_bisection(name):
    """At least what the spectrum allows, (degree - second eigenvalue) / 4 a switch, and no more than the best of many
    searches (Kernighan and Lin 1970)."""
    fabric = SMALL[name]()
    graph = switch_graph(fabric)
    stated = fabric.bisection() / fabric.bundles[-1].bandwidth
    injection = fabric.endpoints / 2
    weights = nx.Graph()
    weights.add_nodes_from(graph)
    for u, v in graph.edges():
        weights.add_edge(u, v, weight=weights.get_edge_data(u, v, {"weight": 0})["weight"] + 1)
    searched = min(
        nx.cut_size(
            weights, nx.community.kernighan_lin_bisection(weights, seed=seed, weight="weight")[0], weight="weight"
        )
        for seed in range(12)
    )
    allowed = {"slim fly 3": 1.2, "slim fly 5": 1.04}.get(name, 1.0)  # no closed form is known for odd q
    assert stated <= min(searched, injection) * allowed + 1e-9
    laplacian = nx.laplacian_matrix(weights).astype(float)
    algebraic = np.sort(np.linalg.eigvalsh(laplacian.toarray()))[1]
    assert stated >= min(algebraic * len(weights) / 4, injection) * (1 - 1e-9) * (1 - 2 / len(weights))


@pytest.mark.parametrize("name", ["torus", "twisted one", "twisted two", "odd twisted"])
def test_bisection_of_a_torus_is_a_cut_and_none_that_is_searched_for_is_less(name):
    fabric = SMALL[name]()
    lower, upper = fabric.ends(0, np.arange(fabric.links))
    graph = nx.Graph(list(zip(lower.tolist(), upper.tolist(), strict=True)))
    searched = min(nx.cut_size(graph, nx.community.kernighan_lin_bisection(graph, seed=s)[0]) for s in range(8))
    assert fabric.bisection() / fabric.bundles[0].bandwidth <= searched + 1e-9


@pytest.mark.parametrize(
    ("name", "neighbours"),
    [("dragonfly canonical", [1, 1.5, 4]), ("dragonfly few groups", [1, 1.5, 6]), ("slim fly 5", [1, 3.5]),
     ("full mesh", [1, 4.5]), ("hypercube", [1, 2.5])],
)  # fmt: skip
def test_neighbours_are_reached_over_detours(name, neighbours):
    """Half of a switch's links to others, of a group's global links; never less than the straight ones."""
    assert [level.neighbour for level in SMALL[name]().levels()] == neighbours


def test_twisting_shortens_and_widens():
    """A twisted 4 x 4 x 8 has twice the bisection and a shorter longest path (TPU v4, arXiv 2304.01433)."""
    plain, twisted = (build("torus", 128, torus={"dimensions": [4, 4, 8], "twisted": twist}) for twist in (False, True))
    assert twisted.bisection() == 2 * plain.bisection()
    assert (plain.hops(), twisted.hops()) == (8, 6)


@pytest.mark.parametrize(
    "name",
    ["dragonfly canonical", "dragonfly few groups", "slim fly 5", "slim fly 4", "slim fly 3", "hyperx", "full mesh"],
)
def test_shares_are_those_of_the_busiest_link_under_uniform_traffic(name):
    """All endpoints send to all others, each pair over many hashes: the busiest bundle's mean link tells the share."""
    fabric = SMALL[name]()
    ends = np.arange(fabric.endpoints)
    sources, targets = (grid.ravel() for grid in np.meshgrid(ends, ends))
    loads, draws = np.zeros(2 * fabric.links), 4
    for seed in range(draws):
        hashes = np.random.default_rng(seed).integers(0, 2**64, len(sources), dtype=np.uint64)
        paths = fabric.routes(sources, targets, hashes)
        loads += np.bincount(paths[paths >= 0], minlength=2 * fabric.links)
    loads /= draws * (fabric.endpoints - 1)
    starts = [*fabric.offsets[1:], fabric.links]
    means = [loads[a:b].mean() for a, b in itertools.pairwise(starts)]
    whole = fabric.levels()[-1]
    leaving = 1 - 1 / fabric.tiers[0].switches
    assert min(1.0, leaving / max(means)) == pytest.approx(whole.share, rel=0.15)

"""The critical path method against the longest path of networkx, on random networks."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.schedule.cpm import critical_path, earliest, latest


@st.composite
def networks(draw):
    n = draw(st.integers(1, 25))
    durations = draw(st.lists(st.floats(0.5, 1e6), min_size=n, max_size=n))
    after = [sorted(draw(st.sets(st.integers(0, i - 1), max_size=4))) if i else [] for i in range(n)]
    return np.array(durations), after


def as_graph(durations, after) -> nx.DiGraph:
    """Activities as arcs between their beginnings and ends."""
    graph = nx.DiGraph()
    for i, duration in enumerate(durations):
        graph.add_edge(("begin", i), ("end", i), weight=float(duration))
        graph.add_edges_from((("end", j), ("begin", i), {"weight": 0.0}) for j in after[i])
    return graph


@given(networks())
def test_makespan_is_the_longest_path(network):
    durations, after = network
    _, finish = earliest(durations, after)
    assert finish.max() == pytest.approx(nx.dag_longest_path_length(as_graph(durations, after)))


@given(networks())
def test_latest_times_are_the_longest_way_to_the_end(network):
    durations, after = network
    _, finish = earliest(durations, after)
    late_start, late_finish = latest(durations, after, finish.max())
    graph = as_graph(durations, after)
    for i in range(len(durations)):
        onward = graph.subgraph({("begin", i)} | nx.descendants(graph, ("begin", i)))
        assert finish.max() - late_start[i] == pytest.approx(nx.dag_longest_path_length(onward))
        assert late_finish[i] == pytest.approx(late_start[i] + durations[i])


@given(networks())
def test_critical_path_is_as_long_as_the_project(network):
    durations, after = network
    start, finish = earliest(durations, after)
    path = critical_path(finish, start, after)
    assert durations[list(path)].sum() == pytest.approx(finish.max())
    late_start, _ = latest(durations, after, finish.max())
    assert np.allclose(late_start[list(path)], start[list(path)])


@given(networks(), st.integers(2, 5))
def test_cases_broadcast(network, cases):
    durations, after = network
    scaled = durations * np.arange(1, cases + 1)[:, None]
    _, finish = earliest(scaled, after)
    assert np.allclose(finish, earliest(durations, after)[1] * np.arange(1, cases + 1)[:, None])

"""Units in the rack: nothing overlaps, servers and switches fill their racks from the bottom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firstlight.twin.positions import ranks, switch_units, system_units


@given(st.lists(st.integers(0, 6), max_size=40))
def test_ranks_count_what_came_before(homes):
    found = ranks(np.array(homes, np.int64))
    assert found.tolist() == [homes[:place].count(home) for place, home in enumerate(homes)]


def factory(nodes: int, height: float, racks: list[int], switches: list[int] | None = None) -> Any:
    """Systems of `nodes` nodes and this height [U]; `racks` counts the systems of each."""
    offsets = np.append(0, np.cumsum(racks))

    def system_rack(systems):
        return np.searchsorted(offsets, systems, side="right") - 1

    return cast(
        "Any",
        SimpleNamespace(
            system=SimpleNamespace(nodes=nodes, rack_units=height),
            racks=SimpleNamespace(systems=offsets),
            nodes=nodes * sum(racks),
            system_rack=system_rack,
            switch_rack=(np.array(switches or [], np.int32),),
        ),
    )


def test_servers_fill_their_rack_from_the_bottom():
    assert system_units(factory(1, 8, [4, 0, 3])).tolist() == [1, 9, 17, 25, 1, 9, 17]


def test_two_nodes_of_one_system_share_its_height():
    assert system_units(factory(2, 4, [2])).tolist() == [1, 3, 5, 7]


def test_nodes_of_a_rack_scale_system_are_trays():
    assert system_units(factory(18, 0, [1, 1])).tolist() == [*range(1, 19), *range(1, 19)]


def test_switches_stand_on_each_other():
    assert switch_units(factory(1, 8, [1], [5, 5, 6, 5]), 0, 2).tolist() == [1, 3, 1, 5]

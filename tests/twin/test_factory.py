"""The factory's counts, and where a system or an accelerator stands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.twin.bill import BillLine
from firstlight.twin.factory import RackKind


def test_counts_by_arithmetic(make):
    made = make("gb300-nvl72", 100_000).factory
    assert (made.systems, made.accelerators, made.nodes) == (1389, 100_008, 25_002)
    assert made.accelerators_per_node == 4
    assert made.it_power == made.racks.power.sum()
    assert made.idle_power == made.racks.idle_power.sum()


def test_only_buildings_with_a_hall_count(make):
    assert make("hgx-h100", 4096, site={"buildings": 3}).factory.buildings == 3
    assert make("hgx-h100", 8, site={"buildings": 3}).factory.buildings == 1


def test_every_accelerator_has_its_rack(make):
    """Three servers of eight in a rack of four: the 25th accelerator is in the second."""
    made = make("hgx-h100", 48).factory
    compute = np.flatnonzero(made.racks.kind == RackKind.COMPUTE)
    assert np.diff(made.racks.systems)[compute].tolist() == [4, 2]
    assert made.accelerator_rack(np.array([0, 31, 32, 47])).tolist() == compute[[0, 0, 1, 1]].tolist()


@given(st.integers(1, 2000), st.integers(0, 10**9))
def test_a_system_stands_where_the_offsets_say(make, systems, pick):
    made = make("hgx-h100", 8 * systems).factory
    system = np.array([0, pick % systems, systems - 1])
    rack = made.system_rack(system)
    assert np.all((made.racks.systems[rack] <= system) & (system < made.racks.systems[rack + 1]))
    assert np.array_equal(made.accelerator_rack(system * 8 + 7), rack)


def test_a_system_of_several_racks_stands_in_its_first(make):
    made = make("cloudmatrix-384", 768).factory
    first = made.system_rack(np.arange(2))
    assert np.diff(first)[0] >= 16
    assert np.all(made.racks.kind[first[:, None] + np.arange(16)] == RackKind.COMPUTE)


def test_halls_and_racks_have_a_length(make):
    made = make("hgx-h100", 8, site={"halls": 1}).factory
    assert (len(made.halls), len(made.racks)) == (1, 3)


def test_a_line_of_the_bill():
    line = BillLine("IT", "server", "hgx-h100", 127, "", 250e3, "ours", "estimate")
    assert (line.amount, line.lead, line.rating) == (127 * 250e3, "", 0)
    assert np.isnan(BillLine("Building", "shell", "", 1, "m2", float("nan"), "", "estimate").amount)


def test_the_factory_cannot_be_changed(make):
    with pytest.raises(AttributeError):
        make("hgx-h100", 8).factory.systems = 2

"""Feeds and loops: neighbours share them, as few as their order allows, evenly, and none over its rating."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.spec.design import Design
from firstlight.twin.feeds import feeds, loops, share


def design(ups: str | None = None, cdu: str | None = None) -> Design:
    return Design.model_validate({"power": {"ups": ups}, "cooling": {"cdu": cdu}})


def halls(*racks: int) -> np.ndarray:
    return np.repeat(np.arange(len(racks)), racks)


def test_blocks_are_evenly_loaded():
    """No block is more than a rack above the mean: of ten racks on blocks of nine, not nine and one."""
    assert share(np.ones(10), 9.0, halls(10)).load.tolist() == [6, 4]
    assert share(np.ones(10), 4.0, halls(10)).load.tolist() == [4, 4, 2]
    assert share(np.ones(8), 4.0, halls(8)).load.tolist() == [4, 4]


def test_no_block_serves_two_halls():
    found = share(np.ones(6), 100.0, halls(1, 3, 2))
    assert found.block.tolist() == [0, 1, 1, 1, 2, 2]
    assert found.load.tolist() == [1, 3, 2]


def test_a_block_is_filled_to_the_last_watt():
    found = share(np.full(30, 0.1), 0.3, halls(30))
    assert found.load == pytest.approx([0.3] * 10)


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=1, max_size=30), min_size=1, max_size=4), st.floats(1, 8))
def test_as_few_as_the_order_allows(loads, limit):
    load, hall = np.concatenate(loads), halls(*map(len, loads))
    found = share(load, limit, hall)
    assert np.all(np.isin(np.diff(found.block), (0, 1)))
    assert (found.block[0], found.block[-1]) == (0, len(found.load) - 1)
    assert np.bincount(found.block, load) == pytest.approx(found.load)
    assert np.all(found.load <= limit * (1 + 1e-6))
    for number, own in enumerate(loads):
        blocks = np.unique(found.block[hall == number])
        assert len(blocks) <= _fewest(own, limit)
        assert found.load[blocks].max() <= sum(own) / len(blocks) + max(own) + 1e-6


def _fewest(loads: list[float], limit: float) -> int:
    """Blocks when each is filled as far as it goes."""
    count, left = 1, limit
    for load in loads:
        count, left = (count, left - load) if load <= left else (count + 1, limit - load)
    return count


def test_feeds_of_a_ups(catalog):
    found = feeds(design("ups-500kw"), np.full(30, 40e3), halls(18, 12), catalog)
    assert found.load == pytest.approx([400e3, 320e3, 480e3])
    assert found.block.tolist() == [0] * 10 + [1] * 8 + [2] * 12


def test_a_hall_is_one_feed_without_a_ups(catalog):
    found = feeds(design("none"), np.full(30, 40e3), halls(18, 12), catalog)
    assert found.load == pytest.approx([720e3, 480e3])
    assert np.array_equal(found.block, halls(18, 12))


def test_a_rack_that_is_more_than_a_ups(catalog):
    with pytest.raises(
        UsageError, match=r"design\.power\.ups: ups-500kw: takes 500 kW, and one rack draws 600 kW; choo"
    ):
        feeds(design("ups-500kw"), np.array([1e3, 600e3]), halls(2), catalog)
    with pytest.raises(UsageError, match=r'design\.power\.ups is open; write a UPS id of the catalogue, or "none"'):
        feeds(design(), np.array([1e3]), halls(1), catalog)
    with pytest.raises(UsageError, match='unknown ups "ups-50kw"; did you mean'):
        feeds(design("ups-50kw"), np.array([1e3]), halls(1), catalog)


def test_loops_pass_dry_racks(catalog):
    found = loops(design(cdu="cdu-row-800kw"), np.array([0, 500e3, 0, 500e3, 200e3, 0]), halls(5, 1), catalog)
    assert found.block.tolist() == [-1, 0, -1, 1, 1, -1]
    assert found.load.tolist() == [500e3, 700e3]


def test_a_cdu_inside_a_rack_cools_that_rack_only(catalog):
    found = loops(design(cdu="cdu-in-rack-100kw"), np.array([0, 20e3, 20e3, 0, 40e3]), halls(5), catalog)
    assert found.block.tolist() == [-1, 0, 1, -1, 2]
    assert found.load.tolist() == [20e3, 20e3, 40e3]


def test_no_loops_where_nothing_is_wet(catalog):
    found = loops(design(), np.zeros(3), halls(3), catalog)
    assert (found.block.tolist(), len(found.load)) == ([-1, -1, -1], 0)
    with pytest.raises(
        UsageError, match=r"design\.cooling\.cdu has no effect: no rack gives heat to liquid; remove it"
    ):
        loops(design(cdu="cdu-in-rack-100kw"), np.zeros(3), halls(3), catalog)


def test_a_rack_that_is_more_than_a_cdu(catalog):
    with pytest.raises(
        UsageError, match="cdu-in-rack-100kw: takes 100 kW, and one rack gives to liquid 120 kW; choose"
    ):
        loops(design(cdu="cdu-in-rack-100kw"), np.array([120e3]), halls(1), catalog)
    with pytest.raises(UsageError, match=r"design\.cooling\.cdu is open; write a CDU id of the catalogue"):
        loops(design(), np.array([120e3]), halls(1), catalog)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.facility.bank import block, needed, redundant, with_spares
from firstlight.spec.parts import Ups


def test_the_largest_of_which_eight_carry_the_load(catalog):
    parts = catalog.parts(Ups)
    assert block(parts, 100e6, "rating", "UPS").id == "ups-2500kw"
    assert block(parts, 12.1e6, "rating", "UPS").id == "ups-1500kw"
    assert block(parts, 1e3, "rating", "UPS").id == "ups-module-100kw"
    with pytest.raises(UsageError, match="the catalogue has no UPS; add one"):
        block([], 1e3, "rating", "UPS")


def test_needed_by_hand():
    assert [needed(load, 2.0) for load in (0.0, 0.1, 2.0, 2.1, 4.0)] == [1, 1, 1, 2, 2]
    assert needed(0.1 + 0.2, 0.1) == 3  # rounding asks for no fourth


def test_spares_by_hand():
    assert [with_spares(count, 0.15) for count in (1, 6, 7, 20, 100)] == [2, 7, 9, 23, 115]
    assert with_spares(5, 0.0) == 6


@given(st.integers(1, 10_000), st.integers(1, 100))
def test_more_redundancy_never_fewer_units(extra, halls):
    count = halls + extra  # every hall has a block of its own
    n, one_more, twice = (redundant(count, kind, halls) for kind in ("n", "n+1", "2n"))
    assert n == count < one_more <= twice == 2 * count

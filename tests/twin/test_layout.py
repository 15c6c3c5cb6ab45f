"""The floor: rows and aisles by hand, and halls and buildings that keep their distances whatever their sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.spec.assumptions import Assumptions, shipped, with_overrides
from firstlight.spec.site import Site
from firstlight.twin.layout import Floor, Slot, hall_count, lay, share_out

SLOT = Slot(0.6, 1.2)
PLAIN = {"row_racks": 10, "cold_aisle": "1.5 m", "hot_aisle": "1 m", "cross_aisle": "2 m", "support_share": "0 %"}


def of(**changes: object) -> Assumptions:
    return with_overrides(shipped(), {f"twin.{name}": value for name, value in (PLAIN | changes).items()})


def site(**given: object) -> Site:
    return Site.model_validate({"place": "Oslo", "power": "1 GW", "floor": "1 m2", **given})


def floor(*racks: int, buildings: int = 1, **changes: object) -> Floor:
    return lay(np.array(racks), SLOT, site(buildings=buildings), of(**changes))


def test_a_single_rack():
    """Cross aisles of 2 m at its sides, a cold aisle before and a hot one behind it."""
    found = floor(1)
    assert (found.width[0], found.depth[0]) == (pytest.approx(2 + 0.6 + 2), pytest.approx(1.5 + 1.2 + 1))
    assert (found.rack_x[0], found.rack_y[0]) == (pytest.approx(2.3), pytest.approx(2.1))


def test_rows_stand_back_to_back():
    """Three rows of ten: cold, row, hot, row, cold, row, hot."""
    found = floor(30)
    assert found.width[0] == pytest.approx(2 + 6 + 2)
    assert np.unique(found.rack_y) == pytest.approx([1.5 + 0.6, 1.5 + 1.2 + 1 + 0.6, 1.5 + 1.2 + 1 + 1.2 + 1.5 + 0.6])
    assert found.depth[0] == pytest.approx(3 * 1.2 + 2 * 1.5 + 2 * 1)
    assert found.row.tolist() == [0] * 10 + [1] * 10 + [2] * 10


def test_an_even_number_of_rows_ends_at_a_cold_aisle():
    assert floor(20).depth[0] == pytest.approx(2 * 1.2 + 1.5 + 1 + 1.5)


def test_each_length_has_its_effect():
    """A longer row, wider aisles or more room for support: a larger hall."""
    plain = floor(60)
    area = float(plain.width[0] * plain.depth[0])
    for name in ("cold_aisle", "hot_aisle", "cross_aisle"):
        found = floor(60, **{name: "3 m"})
        assert found.width[0] * found.depth[0] > area
    assert floor(60, support_share="20 %").depth[0] == pytest.approx(1.2 * plain.depth[0])
    assert floor(60, row_racks=20).row.max() == 2
    with pytest.raises(UsageError, match="row_racks is 0; it must be more than zero"):
        floor(60, row_racks=0)


def test_a_large_hall_is_about_square():
    found = floor(2000)
    assert 0.7 < found.width[0] / found.depth[0] < 1.4


def test_halls_and_buildings_keep_their_distances():
    """Four equal halls: in one building two by two, 6 m apart; in four buildings 30 m apart."""
    one, four = floor(10, 10, 10, 10, hall_gap="6 m"), floor(10, 10, 10, 10, buildings=4, building_gap="30 m")
    width, depth = one.width[0], one.depth[0]
    assert one.building.tolist() == [0, 0, 0, 0]
    assert (one.x.tolist(), one.y.tolist()) == ([0, width + 6] * 2, [0, 0, depth + 6, depth + 6])
    assert four.building.tolist() == [0, 1, 2, 3]
    assert four.x == pytest.approx([0, width + 30] * 2)
    assert four.y == pytest.approx([0, 0, depth + 30, depth + 30])


def test_an_odd_number_of_halls_is_shared_among_buildings():
    assert floor(5, 5, 5, buildings=2).building.tolist() == [0, 0, 1]
    assert floor(5, 5, buildings=5).building.tolist() == [0, 1]


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=12),
    st.integers(1, 6),
    st.tuples(*[st.floats(0.3, 4)] * 3),
    st.integers(1, 30),
    st.floats(0, 0.5),
)
def test_no_two_racks_on_the_same_floor(racks, buildings, aisles, longest, support):
    cold, hot, cross = aisles
    given_ = {"cold_aisle": f"{cold} m", "hot_aisle": f"{hot} m", "cross_aisle": f"{cross} m"}
    found = floor(*racks, buildings=buildings, row_racks=longest, support_share=support, **given_)
    hall = np.repeat(np.arange(len(racks)), racks)
    for at, half, low, size in (
        (found.rack_x, SLOT.width / 2, found.x, found.width),
        (found.rack_y, SLOT.depth / 2, found.y, found.depth),
    ):
        assert np.all(at - half > low[hall])
        assert np.all(at + half < (low + size)[hall])
    for number in range(len(racks)):
        x, y = found.rack_x[hall == number], found.rack_y[hall == number]
        apart = (np.abs(x[:, None] - x) > SLOT.width - 1e-6) | (np.abs(y[:, None] - y) > SLOT.depth - 1e-6)
        assert np.all(apart | np.eye(len(x), dtype=bool))
    counts = np.bincount(found.building)
    assert len(counts) == min(buildings, len(racks))
    assert np.ptp(counts) <= 1


@given(st.integers(1, 300), st.integers(1, 300))
def test_halls_share_pods_evenly(pods, halls):
    halls = min(halls, pods)
    found = share_out(pods, halls)
    assert np.all(np.isin(np.diff(found), (0, 1)))
    assert np.array_equal(np.unique(found), np.arange(halls))
    assert np.ptp(np.bincount(found)) <= 1


def counted(power: list[float], racks: list[float], rounding=(0.0, 0.0), given=(), **changes: object) -> int:
    changes = {"hall_power": "10 MW", "hall_racks": 100} | changes
    return hall_count(np.array([power, racks]), np.array(rounding), site(**dict(given)), of(**changes))


def test_halls_by_power_or_by_racks():
    assert counted([1e6] * 20, [1] * 20) == 2
    assert counted([1e6] * 21, [1] * 21) == 3
    assert counted([1.0] * 20, [10] * 20) == 2
    assert counted([1e6] * 20, [1] * 20, rounding=(1.0, 0.0)) == 3
    assert counted([1e6] * 20, [1] * 20, hall_power="5 MW") == 4
    assert counted([1.0] * 20, [10] * 20, hall_racks=40) == 5


def test_uneven_pods_fill_their_halls():
    """Pods of 3 and 1 MW by turns: two of each in a hall of 10 MW, not three as if all were large."""
    assert counted([3e6, 1e6] * 10, [1] * 20) == 5


def test_a_pod_may_be_more_than_a_hall():
    assert counted([11e6] * 3, [1] * 3) == 3
    assert counted([1e6] * 3, [1] * 3, rounding=(20e6, 0.0)) == 3


def test_the_site_says_how_many_halls():
    """As many as it has, though fuller than the assumptions; halls without a pod of their own stay empty."""
    assert counted([1e6] * 20, [1] * 20, given={"halls": 1}) == 1
    assert counted([1e6] * 20, [1] * 20, given={"halls": 7}) == 7
    assert counted([1e6] * 20, [1] * 20, given={"halls": 50}) == 20


def test_each_building_has_a_hall():
    assert counted([1e6] * 20, [1] * 20, given={"buildings": 4}) == 4
    assert counted([1e6] * 20, [1] * 20, given={"buildings": 40}) == 20


@given(st.lists(st.tuples(st.floats(1e3, 12e6), st.integers(1, 120)), min_size=1, max_size=80), st.floats(0, 1e6))
def test_no_hall_is_overfull(pods, spare):
    power, racks = (list(loads) for loads in zip(*pods, strict=True))
    halls = counted(power, racks, rounding=(spare, 1.0))
    hall = share_out(len(pods), halls)
    if max(power) + spare > 10e6 or max(racks) + 1 > 100:
        assert halls == len(pods)
    else:
        assert np.bincount(hall, power).max() + spare <= 10e6 * (1 + 1e-9)
        assert np.bincount(hall, racks).max() + 1 <= 100


@pytest.mark.parametrize("name", ["hall_power", "hall_racks"])
def test_a_hall_has_room(name):
    with pytest.raises(UsageError, match=f"{name} is 0.*; it must be more than zero"):
        counted([1e6], [1], **{name: "0 MW" if name == "hall_power" else 0})

"""What stands in each rack, of made-up kits as of real ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.spec import catalog as shelves
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.spec.parts import System
from firstlight.twin.cabinets import Cabinet, Shelf
from firstlight.twin.factory import RackKind
from firstlight.twin.racks import Filled, Kit, Pods, compute_racks, fill, service_need, shelf_racks

SYSTEM = shelves.shipped().part(System, "hgx-h100")
C, N, S = (kind.value for kind in (RackKind.COMPUTE, RackKind.NETWORK, RackKind.SERVICE))


def cabinet(holds: int = 1, each: int = 1, width: float = 0.6, depth: float = 1.2, mass: float = 100.0) -> Cabinet:
    return Cabinet(None, holds, each, width, depth, mass)


def kit(holds: int = 4, each: int = 1, shelves: tuple[int, ...] = (), service: int = 0) -> Kit:
    made = tuple(Shelf(cabinet(n), 1000.0, 850.0, 24.0) for n in shelves)
    return Kit(SYSTEM, cabinet(holds, each), made, cabinet(), service, 15e3, 9e3, 900.0)


def stood(systems: list[int], switches: list[list[int]] = (), service: list[int] | None = None, **of: int) -> Filled:
    """Racks of pods in one hall."""
    count = len(systems)
    homes = tuple(np.array(pods, np.int64) for pods in switches)
    held = Pods(np.zeros(count, np.int64), np.array(systems), homes, np.array(service or [0] * count))
    return fill(held, kit(shelves=(2,) * len(switches), service=sum(service or [0]), **of))


def test_exactly_full_racks():
    found = stood([8])
    assert np.diff(found.systems).tolist() == [4, 4]
    assert found.power.tolist() == [4 * SYSTEM.power] * 2
    assert found.idle.tolist() == [4 * SYSTEM.idle_power] * 2
    assert found.mass.tolist() == [4 * SYSTEM.mass + 100] * 2


def test_one_system_more_takes_another_rack():
    assert np.diff(stood([9]).systems).tolist() == [4, 4, 1]


def test_switches_stand_in_the_middle_and_service_at_the_end():
    """Three leaves of the first pod take two racks; the spine has a rack of its own."""
    found = stood([16, 4], [[0, 0, 1, 0], [0]], [2, 1])
    assert found.kind.tolist() == [C, C, N, N, N, C, C, S, S, N, C, S]
    assert found.offsets.tolist() == [0, 9, 12]
    assert [home.tolist() for home in found.switch_rack] == [[2, 2, 9, 3], [4]]
    assert found.power[[2, 3, 4]].tolist() == [2000, 1000, 1000]
    assert found.idle[[2, 3, 4]].tolist() == [1700, 850, 850]
    assert found.mass[[2, 3, 4]].tolist() == [148, 124, 124]
    assert (found.power[7], found.idle[7], found.mass[7]) == (15e3, 9e3, 900)


def test_a_system_of_several_racks_is_not_torn_apart():
    """Three systems of three racks: the switch comes after a whole one, and each rack bears a third."""
    found = stood([3], [[0]], holds=1, each=3)
    assert found.kind.tolist() == [C] * 3 + [N] + [C] * 6
    assert np.diff(found.systems).tolist() == [1, 0, 0, 0, 1, 0, 0, 1, 0, 0]
    assert found.power[found.kind == C] == pytest.approx([SYSTEM.power / 3] * 9)
    assert found.mass[found.kind == C] == pytest.approx([SYSTEM.mass / 3 + 100] * 9)


def test_several_systems_in_several_racks_share_them():
    """Five systems, two in each three racks: the last three racks bear one."""
    found = stood([5], holds=2, each=3)
    assert np.diff(found.systems).tolist() == [2, 0, 0, 2, 0, 0, 1, 0, 0]
    assert found.power / SYSTEM.power == pytest.approx(np.repeat([2 / 3, 2 / 3, 1 / 3], 3))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 5), st.integers(1, 4), st.data())
def test_everything_stands_once(systems, holds, each, data):
    pods = st.lists(st.integers(0, len(systems) - 1), max_size=30)
    switches = data.draw(st.lists(pods, max_size=3))
    service = data.draw(st.lists(st.integers(0, 3), min_size=len(systems), max_size=len(systems)))
    found = stood(systems, switches, service, holds=holds, each=each)
    racks = found.offsets[-1]
    assert [len(v) for v in (found.kind, found.power, found.idle, found.mass)] == [racks] * 4
    assert (len(found.systems), found.systems[-1]) == (racks + 1, sum(systems))
    pod = np.searchsorted(found.offsets, np.arange(racks), side="right") - 1
    assert np.array_equal(np.bincount(pod, np.diff(found.systems), minlength=len(systems)), systems)
    assert np.array_equal(np.bincount(pod[found.kind == S], minlength=len(systems)), service)
    for homes, wanted in zip(found.switch_rack, switches, strict=True):
        assert pod[homes].tolist() == wanted
        assert np.all(np.bincount(homes, minlength=racks) <= 2)
        assert np.all(found.kind[homes] == N)
    count = sum(len(wanted) for wanted in switches)
    assert found.power.sum() == pytest.approx(sum(systems) * SYSTEM.power + count * 1000 + sum(service) * 15e3)


def test_service_racks_are_a_share_of_the_power():
    """5 % of 1,000 servers of 10.2 kW are 510 kW: 34 racks of 15 kW; a fraction more takes another rack."""
    a = with_overrides(shipped(), {})
    assert service_need(SYSTEM, 1000, a) == (34, pytest.approx(15e3))
    assert service_need(SYSTEM, 1001, a) == (35, pytest.approx(1001 * 510 / 35))
    assert service_need(SYSTEM, 1, a) == (1, pytest.approx(510))
    assert service_need(SYSTEM, 1000, with_overrides(shipped(), {"twin.service_power": "0 %"})) == (0, 0)


@pytest.mark.parametrize("count", range(1, 30))
def test_whole_racks_stay_whole(count):
    """What fills its racks exactly takes no other for a rounding error."""
    a = with_overrides(shipped(), {"twin.service_rack_power": f"{0.05 * SYSTEM.power * 7!r} W"})
    assert service_need(SYSTEM, 7 * count, a)[0] == count


def test_counts_of_racks():
    assert compute_racks(np.array([0, 1, 4, 5]), cabinet(4)).tolist() == [0, 1, 1, 2]
    assert compute_racks(np.array([0, 1, 4, 5]), cabinet(4, 3)).tolist() == [0, 3, 3, 6]
    assert shelf_racks(np.array([0, 1, 12, 13]), Shelf(cabinet(12), 1, 1, 1)).tolist() == [0, 1, 1, 2]


def test_the_footprint_holds_every_rack():
    made = kit()
    large = Kit(SYSTEM, cabinet(width=0.8, depth=1.0), (), cabinet(width=0.6, depth=1.3), 0, 0, 0, 0)
    assert (made.footprint, large.footprint) == ((0.6, 1.2), (0.8, 1.3))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.facility.bank import Bank
from firstlight.facility.rejection import Water, chiller_capacity, compressor_power, cool, cop, reject
from firstlight.spec.parts import Chiller, DryCooler
from firstlight.units import CELSIUS_ZERO

from .conftest import air, assumed, the_catalog

WATER = Water(35 + CELSIUS_ZERO, 10.0)
HEAT = np.array(12e6)


def bank(pads: bool = False, count: int = 10) -> Bank[DryCooler]:
    """Ten coolers of 1.2 MW, with an approach of 8 K and fans of 26 kW."""
    part = the_catalog().part(DryCooler, "adiabatic-cooler-1200kw" if pads else "dry-cooler-1200kw")
    return Bank(part, count, "cooler", "")


def chiller(name: str = "chiller-air-warm-1750kw") -> Chiller:
    return the_catalog().part(Chiller, name)


def test_coolers_hold_the_supply_down_to_their_approach():
    done = cool(HEAT, WATER, bank(), air([10.0, 27.0, 27.5]), assumed())
    assert done.heat[:2] == pytest.approx([12e6, 12e6])
    assert done.heat[2] < 12e6
    assert done.fans == pytest.approx([260e3 * (8 / 25) ** 3, 260e3, 260e3])
    assert not done.water.any()


def test_beyond_it_the_water_leaves_warmer():
    # Air of 37 C: 10 K x (45 - 37) / (10 + 8) below the return are 4.44 K of the 10 K.
    done = cool(HEAT, WATER, bank(), air(37.0), assumed())
    assert done.heat == pytest.approx(12e6 * 8 / 18)
    assert cool(HEAT, WATER, bank(), air(45.0), assumed()).heat == pytest.approx(0, abs=1)
    assert cool(HEAT, WATER, bank(), air(60.0), assumed()).heat == 0


def test_fans_turn_no_slower_than_they_can():
    assert cool(HEAT / 100, WATER, bank(), air(-30.0), assumed()).fans == pytest.approx(260e3 * 0.2**3)


def test_pads_wet_only_as_far_as_is_needed():
    done = cool(HEAT, WATER, bank(pads=True), air([27.0, 31.0, 35.0], below=15.0), assumed())
    assert done.heat == pytest.approx([12e6] * 3)
    # 4 K of cooling by 80 % pads; air of 12 MW / 12 K takes up 4 MW as vapour of 2.45 MJ/kg, and a quarter is drained.
    assert done.water == pytest.approx([0, 4e6 / 2.45e6 * 1.25 / 1000, 8e6 / 2.45e6 * 1.25 / 1000])
    muggy = cool(HEAT, WATER, bank(pads=True), air(35.0, below=1.0), assumed())
    assert muggy.heat < 12e6
    assert muggy.heat > cool(HEAT, WATER, bank(), air(35.0, below=1.0), assumed()).heat


def test_cop_at_the_design_point_is_the_stated_one():
    for part in the_catalog().parts(Chiller):
        at_design = cop(part, part.leaving + CELSIUS_ZERO, part.design_ambient + CELSIUS_ZERO, assumed())
        assert at_design == pytest.approx(part.cop)


def test_cop_by_hand():
    # 20 C water and 25 C air: (20 + 273.15 - 2) / (25 + 12 - 18) against / (35 + 12 - 18)
    assert cop(chiller(), 293.15, 298.15, assumed()) == pytest.approx(5.0 * 29 / 19)
    cold = cop(chiller(), 293.15, np.array([250.0, 270.0]), assumed())
    assert cold == pytest.approx([5.0 * 29 / 12] * 2)


@given(st.floats(-20, 70), st.floats(-40, 55), st.floats(0.1, 20))
def test_cop_falls_with_air_and_rises_with_water(supply, ambient, more):
    here = cop(chiller(), supply + CELSIUS_ZERO, ambient + CELSIUS_ZERO, assumed())
    assert here > 0
    assert cop(chiller(), supply + CELSIUS_ZERO, ambient + more + CELSIUS_ZERO, assumed()) <= here
    assert cop(chiller(), supply + more + CELSIUS_ZERO, ambient + CELSIUS_ZERO, assumed()) >= here


def test_the_last_chiller_runs_unloaded():
    power = compressor_power([0.0, 0.5e6, 1.75e6, 17.5e6], 5.0, chiller(), assumed())
    assert power == pytest.approx([0, 0.55e6 / 5, 1.75e6 * 1.1 / 5, (17.5e6 + 0.175e6) / 5])


def test_capacity_falls_in_hot_air():
    hot = chiller_capacity(chiller(), np.array([20, 35, 45, 200]) + CELSIUS_ZERO, assumed())
    assert hot / 1.75e6 == pytest.approx([1, 1, 0.88, 1 / 3])


def test_chillers_all_year_take_everything():
    out = reject(HEAT, WATER, None, chiller(), air([0.0, 40.0]), assumed())
    assert out.chilled == pytest.approx([12e6, 12e6])
    assert not out.fans.any()
    assert not out.water.any()
    assert out.compressors[1] > out.compressors[0] > 0


def test_coolers_that_hardly_help_stand_still():
    out = reject(HEAT, WATER, bank(), chiller(), air([44.9, 27.0]), assumed())
    assert out.fans == pytest.approx([0, 260e3])
    assert out.chilled == pytest.approx([12e6, 0])


DRY, BELOW = st.floats(-40, 55), st.floats(0, 25)


@given(DRY, BELOW, st.floats(0, 20), st.floats(0, 1.0), st.booleans(), st.floats(5, 60))
def test_hotter_never_needs_less(dry, below, more, load, pads, supply):
    for coolers in (bank(pads), None):
        water = Water(supply + CELSIUS_ZERO, 10.0)
        # The wet bulb rises by less than the dry bulb: hotter air of the same water.
        both = air(np.array([dry, dry + more]), np.array([below, below + more / 2]))
        out = reject(HEAT * load, water, coolers, chiller(), both, assumed())
        used = out.fans + out.compressors
        assert used[1] >= used[0] * (1 - 1e-9) - 1e-6


@given(DRY, BELOW, st.floats(0.1, 1.0), st.floats(0.5, 1.0), st.booleans())
def test_heat_goes_somewhere_and_nothing_is_negative(dry, below, load, density, pads):
    done = cool(HEAT * load, WATER, bank(pads), air(dry, below, density), assumed())
    out = reject(HEAT * load, WATER, bank(pads), chiller(), air(dry, below, density), assumed())
    assert 0 <= done.heat <= HEAT * load
    assert 0 <= out.chilled <= HEAT * load * (1 + 1e-9)
    for value in (out.fans, out.compressors, out.water):
        assert value >= 0
        assert np.isfinite(value)


@given(DRY, BELOW, st.floats(0.05, 0.9), st.booleans())
def test_more_heat_never_needs_less(dry, below, load, pads):
    outside = air(dry, below)
    less, full = (reject(HEAT * share, WATER, bank(pads), chiller(), outside, assumed()) for share in (load, 1.0))
    assert full.fans + full.compressors >= (less.fans + less.compressors) * (1 - 1e-9)


def test_warmer_supply_needs_less():
    outside = air(np.linspace(-20, 45, 50))
    used = [
        float((out.fans + out.compressors).sum())
        for supply in (15, 20, 25, 30, 35, 40, 45)
        for out in [reject(HEAT, Water(supply + CELSIUS_ZERO, 10.0), bank(), chiller(), outside, assumed())]
    ]
    assert used == sorted(used, reverse=True)

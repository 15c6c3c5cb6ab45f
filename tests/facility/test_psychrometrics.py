import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.facility.psychrometrics import SEA_LEVEL, humidity_ratio, pressure_at, saturation_pressure, wet_bulb

ZERO = 273.15


@pytest.mark.parametrize(("celsius", "pascal"), [(0, 611.2), (10, 1228.0), (20, 2339.2), (30, 4247.0), (40, 7384.9)])
def test_saturation_by_the_steam_table(celsius, pascal):
    # ASHRAE Fundamentals, chapter 1, table 3
    assert saturation_pressure(celsius + ZERO) == pytest.approx(pascal, rel=0.003)


def test_humidity_ratio_by_table():
    # ASHRAE Fundamentals, chapter 1, table 2: saturated air at sea level, half a per cent above an ideal gas.
    assert humidity_ratio(ZERO + 20, SEA_LEVEL) == pytest.approx(0.01476, rel=0.006)
    assert humidity_ratio(ZERO + 30, SEA_LEVEL) == pytest.approx(0.02733, rel=0.008)


@pytest.mark.parametrize(
    ("dry", "dew", "wet"),
    [(40, 7.0, 20.0), (25, 13.9, 17.9), (30, 30, 30), (35, 19.4, 24.0)],  # the first: ASHRAE's example 1
)
def test_wet_bulb_by_the_chart(dry, dew, wet):
    assert wet_bulb(dry + ZERO, dew + ZERO, SEA_LEVEL) == pytest.approx(wet + ZERO, abs=0.2)


@given(st.floats(-40, 50), st.floats(0, 40), st.floats(50_000, 105_000))
def test_wet_bulb_lies_between_dew_point_and_dry_bulb(dry, below, pressure):
    wet = wet_bulb(dry + ZERO, dry - below + ZERO, pressure)
    assert dry - below + ZERO - 0.01 <= wet <= dry + ZERO + 0.01


@given(st.floats(-30, 50), st.floats(0.0, 30), st.floats(0.1, 5))
def test_hotter_air_of_the_same_dew_point_has_a_higher_wet_bulb(dry, below, more):
    low, high = wet_bulb(np.array([dry, dry + more]) + ZERO, dry - below + ZERO, SEA_LEVEL)
    assert high > low


def test_thin_air_is_wetter_at_the_same_dew_point_and_cools_further():
    assert humidity_ratio(ZERO + 10, 60_000) > humidity_ratio(ZERO + 10, SEA_LEVEL)
    assert wet_bulb(ZERO + 30, ZERO + 10, 60_000) < wet_bulb(ZERO + 30, ZERO + 10, SEA_LEVEL)


def test_pressure_falls_with_height_as_in_the_standard_atmosphere():
    # ISO 2533: 89,876 Pa at 1,000 m, mean temperature 284.9 K; 54,048 Pa at 5,000 m, 271.9 K
    assert pressure_at(SEA_LEVEL, 1000, 284.9) == pytest.approx(89_876, rel=0.001)
    assert pressure_at(SEA_LEVEL, 5000, 271.9) == pytest.approx(54_048, rel=0.002)
    assert pressure_at(SEA_LEVEL, 0, 288.0) == SEA_LEVEL
    assert pressure_at(90_000, -400, 288.0) > 90_000

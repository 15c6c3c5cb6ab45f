"""Moist air: saturation, wet bulb, and pressure with height. Everything broadcasts.

Sources: D. Bolton, "The computation of equivalent potential temperature", Monthly Weather Review 108 (1980), equation
10, for saturation (within 0.3 % from -35 to 35 C); ASHRAE Handbook Fundamentals (2021), chapter 1, for the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight import units
from firstlight.twin.protocols import Floats

GRAVITY = 9.80665
"""[m/s2]"""
GAS_CONSTANT = 287.05
"""Of dry air [J/(kg K)]."""
AIR_HEAT = 1006.0
"""Specific heat of dry air at constant pressure [J/(kg K)]."""
VAPORISATION = 2.45e6
"""Heat of vaporisation of water at about 20 C [J/kg]."""
SEA_LEVEL = 101_325.0
"""Standard pressure [Pa]."""
_STEPS = 40


def saturation_pressure(temperature: ArrayLike) -> Floats:
    """Pressure of water vapour over water at saturation [Pa] (Bolton 1980, equation 10).

    Args:
        temperature: [K].
    """
    celsius = np.asarray(temperature, np.float64) - units.CELSIUS_ZERO
    return 611.2 * np.exp(17.67 * celsius / (celsius + 243.5))


def humidity_ratio(dew_point: ArrayLike, pressure: ArrayLike) -> Floats:
    """Water per dry air [kg/kg] (ASHRAE Fundamentals, chapter 1, equation 20).

    Args:
        dew_point: [K].
        pressure: of the air [Pa].
    """
    vapour = saturation_pressure(dew_point)
    # Steam of more than the air's own pressure is no air: only absurd inputs come here, and stay finite.
    return 0.62198 * vapour / np.maximum(np.asarray(pressure, np.float64) - vapour, 0.05 * vapour)


def wet_bulb(dry_bulb: ArrayLike, dew_point: ArrayLike, pressure: ArrayLike) -> Floats:
    """Thermodynamic wet-bulb temperature [K] (ASHRAE Fundamentals, chapter 1, equation 33), by bisection.

    Args:
        dry_bulb: [K].
        dew_point: [K], not above the dry bulb.
        pressure: of the air [Pa].
    """
    dry = np.asarray(dry_bulb, np.float64)
    water = humidity_ratio(dew_point, pressure)
    low, high = np.minimum(np.asarray(dew_point, np.float64), dry), dry + 0.0 * water
    for _ in range(_STEPS):
        middle = (low + high) / 2
        wetter = _water_at(dry, middle, pressure) > water
        low, high = np.where(wetter, low, middle), np.where(wetter, middle, high)
    return (low + high) / 2


def _water_at(dry: Floats, wet: Floats, pressure: ArrayLike) -> Floats:
    """Humidity ratio of air of these dry- and wet-bulb temperatures [kg/kg]."""
    dry_c, wet_c = dry - units.CELSIUS_ZERO, wet - units.CELSIUS_ZERO
    saturated = humidity_ratio(wet, pressure)
    return ((2501 - 2.326 * wet_c) * saturated - 1.006 * (dry_c - wet_c)) / (2501 + 1.86 * dry_c - 4.186 * wet_c)


def pressure_at(pressure: ArrayLike, height: ArrayLike, temperature: ArrayLike) -> Floats:
    """Pressure at another height, by the hypsometric equation [Pa].

    Args:
        pressure: where it was measured [Pa].
        height: above that place [m].
        temperature: of the air between, about its mean [K].
    """
    exponent = -GRAVITY * np.asarray(height, np.float64) / (GAS_CONSTANT * np.asarray(temperature, np.float64))
    return np.asarray(pressure, np.float64) * np.exp(exponent)

"""How heat leaves the site: dry coolers, with pads or without, and air-cooled chillers. By hour; everything broadcasts.

The coolers cool the returning water as far as the air allows; what is left the chillers take from it. Whether the
coolers run at all in an hour is decided by which way takes less power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from firstlight import units
from firstlight.facility.bank import Bank
from firstlight.facility.psychrometrics import VAPORISATION
from firstlight.facility.weather import Air
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import Chiller, DryCooler
from firstlight.twin.protocols import Floats

WATER_DENSITY = 1000.0
"""[kg/m3]"""


@dataclass(frozen=True)
class Water:
    """A water loop: what it supplies [K], and by how much that is warmed [K]."""

    supply: float
    rise: float


@dataclass(frozen=True)
class Rejected:
    """Heat on its way out, by hour.

    Attributes:
        fans: of the coolers [W].
        compressors: of the chillers [W].
        chilled: heat that the chillers take [W].
        water: evaporated and drained [m3/s].
    """

    fans: Floats
    compressors: Floats
    chilled: Floats
    water: Floats


@dataclass(frozen=True)
class Cooled:
    """What coolers do: heat that they take [W], power of their fans [W], water [m3/s]."""

    heat: Floats
    fans: Floats
    water: Floats


def reject(
    heat: Floats, water: Water, coolers: Bank[DryCooler] | None, chiller: Chiller, air: Air, a: Assumptions
) -> Rejected:
    """Power and water that it takes to get rid of heat.

    Args:
        heat: of the loop [W].
        water: of the loop.
        coolers: None where chillers run all year.
        chiller: part; as many as it takes.
        air: outdoors.
        a: assumptions on coolers and chillers.
    """
    efficiency = cop(chiller, water.supply, air.dry_bulb, a)
    chilled = compressor_power(heat, efficiency, chiller, a)
    nothing = np.zeros(np.shape(chilled))
    if coolers is None:
        return Rejected(nothing, chilled, heat + nothing, nothing)
    cooled = cool(heat, water, coolers, air, a)
    left = np.maximum(heat - cooled.heat, 0.0)
    trim = compressor_power(left, efficiency, chiller, a)
    run = cooled.fans + trim < chilled
    return Rejected(
        np.where(run, cooled.fans, 0.0),
        np.where(run, trim, chilled),
        np.where(run, left, heat),
        np.where(run, cooled.water, 0.0),
    )


def cool(heat: ArrayLike, water: Water, bank: Bank[DryCooler], air: Air, a: Assumptions) -> Cooled:
    """What dry coolers do at full or lower fans.

    Leaving water is above the air by the cooler's approach, in proportion to its heat and inversely to its air flow.
    The fans turn as fast as the supply asks for. Where even full fans do not hold it, pads (where there are any) cool
    the air towards its wet bulb as far as is needed; beyond that the water leaves warmer, and the heat that is left
    follows from the water's own heat capacity.

    Args:
        heat: of the loop [W].
        water: of the loop.
        bank: the coolers.
        air: outdoors.
        a: assumptions `facility.fan_*`, `facility.pad_*`, `facility.cooler_air_rise`.
    """
    load, part = np.asarray(heat, np.float64), bank.part
    capacity = bank.count * part.capacity * air.density
    approach = part.approach * load / capacity
    wanted = water.supply - approach
    inlet = air.dry_bulb
    if part.adiabatic:
        padded = inlet - a["facility.pad_effectiveness"] * (inlet - air.wet_bulb)
        inlet = np.clip(wanted, padded, inlet)
    able = load / water.rise * (water.supply + water.rise - inlet) / (1 + approach / water.rise)
    taken = np.where(inlet <= wanted, load, np.clip(able, 0.0, load))
    speed = np.clip(approach / np.maximum(water.supply - air.dry_bulb, 1e-6), a["facility.fan_least"], 1.0)
    fans = bank.count * part.power * air.density * speed ** a["facility.fan_exponent"]
    evaporated = capacity / a.positive("facility.cooler_air_rise") * (air.dry_bulb - inlet) / VAPORISATION
    return Cooled(taken, fans, evaporated * (1 + a["facility.pad_bleed"]) / WATER_DENSITY)


def cop(chiller: Chiller, supply: ArrayLike, ambient: ArrayLike, a: Assumptions) -> Floats:
    """Heat removed per electricity: the same share of Carnot's as at the chiller's design point.

    The refrigerant evaporates below the leaving water and condenses above the outdoor air by an approach each (ASHRAE
    Handbook Fundamentals, chapter 2: coefficient of the reversed Carnot cycle).

    Args:
        chiller: part, with its design point.
        supply: leaving water [K].
        ambient: outdoor air [K].
        a: assumptions `facility.evaporator_approach`, `facility.condenser_approach`, `facility.least_lift`.
    """
    rated = _carnot(chiller.leaving + units.CELSIUS_ZERO, chiller.design_ambient + units.CELSIUS_ZERO, a)
    return chiller.cop * _carnot(supply, ambient, a) / rated


def _carnot(supply: ArrayLike, ambient: ArrayLike, a: Assumptions) -> Floats:
    # Colder than any refrigerant only with absurd assumptions; the power then stays positive.
    cold = np.maximum(np.asarray(supply, np.float64) - a["facility.evaporator_approach"], 100.0)
    lift = np.asarray(ambient, np.float64) + a["facility.condenser_approach"] - cold
    return cold / np.maximum(lift, a.positive("facility.least_lift"))


def compressor_power(chilled: ArrayLike, efficiency: ArrayLike, chiller: Chiller, a: Assumptions) -> Floats:
    """Power of chillers of which as many run as the heat asks for, the last one unloaded [W].

    Args:
        chilled: heat [W].
        efficiency: heat removed per electricity of a loaded one.
        chiller: part.
        a: assumption `facility.chiller_unloading`.
    """
    heat = np.asarray(chilled, np.float64)
    unloading = a["facility.chiller_unloading"] * np.minimum(heat, chiller.capacity)
    return (heat + unloading) / np.asarray(efficiency, np.float64)


def chiller_capacity(chiller: Chiller, ambient: ArrayLike, a: Assumptions) -> Floats:
    """Heat that one chiller takes in air hotter than its design point [W]; at least a third of its capacity.

    Args:
        chiller: part.
        ambient: outdoor air [K].
        a: assumption `facility.chiller_derate`.
    """
    hotter = np.maximum(np.asarray(ambient, np.float64) - units.CELSIUS_ZERO - chiller.design_ambient, 0.0)
    return chiller.capacity * np.maximum(1 - a["facility.chiller_derate"] * hotter, 1 / 3)

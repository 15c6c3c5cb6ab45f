"""The cooling plant: a liquid loop from the racks' coolant units, an air loop from the air handlers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.facility.bank import Bank, block, needed, with_spares
from firstlight.facility.psychrometrics import GRAVITY
from firstlight.facility.rejection import Water, chiller_capacity, cool, reject
from firstlight.facility.weather import Air
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import CoolingDesign
from firstlight.spec.parts import AirHandler, Cdu, Chiller, DryCooler
from firstlight.twin.factory import Factory
from firstlight.twin.protocols import Floats

WATER_HEAT = 4186.0
"""Specific heat of water [J/(kg K)]."""
WATER_DENSITY = 1000.0
"""[kg/m3]"""


@dataclass(frozen=True)
class Loop:
    """What carries heat from racks or halls to the outdoor air.

    Attributes:
        name: "liquid" or "air".
        water: temperatures.
        movers: coolant units or air handlers.
        heat: that they take at most [W].
        coolers: None where chillers run all year.
        chiller: part that takes what the coolers leave.
        chillers: None where the coolers take all heat even in a heat wave.
    """

    name: str
    water: Water
    movers: Bank[Cdu] | Bank[AirHandler]
    heat: float
    coolers: Bank[DryCooler] | None
    chiller: Chiller
    chillers: Bank[Chiller] | None

    @property
    def banks(self) -> tuple[Bank[Cdu] | Bank[AirHandler] | Bank[DryCooler] | Bank[Chiller], ...]:
        """All its units."""
        return tuple(bank for bank in (self.movers, self.coolers, self.chillers) if bank is not None)


@dataclass(frozen=True)
class Heat:
    """What a loop takes, by hour.

    Attributes:
        movers: coolant pumps or air handlers [W].
        pumps: of the facility water [W].
        fans: of the dry coolers [W].
        compressors: of the chillers [W].
        chilled: heat that the chillers take [W].
        water: [m3/s].
    """

    movers: Floats
    pumps: Floats
    fans: Floats
    compressors: Floats
    chilled: Floats
    water: Floats


def run(loop: Loop, heat: Floats, air: Air, a: Assumptions) -> Heat:
    """Power and water of a loop.

    Args:
        loop: as it was sized.
        heat: from racks or halls [W].
        air: outdoors, by hour.
        a: assumptions on pumps, fans, coolers and chillers.
    """
    movers, pumps = _moved(loop.movers, heat, air, a), _pumps(loop.water, loop.heat, heat, a)
    out = reject(heat + movers + pumps, loop.water, loop.coolers, loop.chiller, air, a)
    return Heat(movers, pumps, out.fans, out.compressors, out.chilled, out.water)


def _moved(bank: Bank[Cdu] | Bank[AirHandler], heat: Floats, air: Air, a: Assumptions) -> Floats:
    """Power of coolant pumps or of the fans of air handlers [W]; all of it becomes heat of the loop."""
    part = bank.part
    if isinstance(part, Cdu):
        return bank.count * part.power * (heat / (bank.count * part.capacity)) ** a["facility.pump_exponent"]
    share = np.maximum(heat / (bank.count * part.capacity * air.density), a["facility.fan_least"])
    return bank.count * part.power * air.density * share ** a["facility.fan_exponent"]


def _pumps(water: Water, most: float, heat: Floats, a: Assumptions) -> Floats:
    """Power of the facility water's pumps [W]: weight of the water lifted by their head, over their efficiency."""
    full = most / (WATER_HEAT * water.rise) * GRAVITY * a["facility.pump_head"] / a.positive("facility.pump_efficiency")
    return full * (heat / most) ** a["facility.pump_exponent"]


@dataclass(frozen=True)
class Surroundings:
    """What loops are sized in: the design, the outdoor air, parts and assumptions."""

    design: CoolingDesign
    air: Air
    catalog: Catalog
    a: Assumptions


def liquid_loop(supply: float | None, factory: Factory, around: Surroundings) -> Loop | None:
    """The loop of the racks' coolant units; None where no rack gives heat to liquid.

    Args:
        supply: facility water, as the site states it [K]; None: the assumed coolant less the unit's approach.
        factory: with its racks.
        around: design, air, parts and assumptions.

    Raises:
        UsageError: the CDU or the way of rejection is open.
    """
    if not len(factory.loop_power):
        return None
    if around.design.cdu is None:
        raise UsageError("design.cooling.cdu is open; write a CDU id of the catalogue")
    cdu, most = around.catalog.part(Cdu, around.design.cdu), float(factory.racks.liquid.sum())
    count = with_spares(len(factory.loop_power), around.a["facility.cooling_spare"])
    sized = f"{units.show(most, 'power')} of heat to liquid by rack, {count - len(factory.loop_power)} spare"
    supply = around.a["facility.rack_coolant"] - cdu.approach if supply is None else supply
    rise = cdu.capacity / (max(cdu.flow, 1e-6) * WATER_DENSITY * WATER_HEAT)
    return _loop("liquid", Water(supply, rise), Bank(cdu, count, "Coolant unit", sized), most, around)


def air_loop(heat: float, around: Surroundings) -> Loop:
    """The loop of the air handlers, for so much heat to the air of the halls [W].

    Raises:
        UsageError: the way of rejection is open.
    """
    a = around.a
    handler = block(around.catalog.parts(AirHandler), heat, "capacity", "air handler")
    count = needed(heat, handler.capacity * float(around.air.density.min()))
    total = with_spares(count, a["facility.cooling_spare"])
    sized = f"{units.show(heat, 'power')} of heat to air, {total - count} spare"
    water = Water(a["facility.supply_air"] - handler.approach, a.positive("facility.chilled_water_rise"))
    return _loop("air", water, Bank(handler, total, "Air handler", sized), heat, around)


def _loop(name: str, water: Water, movers: Bank[Cdu] | Bank[AirHandler], most: float, around: Surroundings) -> Loop:
    """A loop with its coolers and chillers."""
    if around.design.rejection is None:
        raise UsageError('design.cooling.rejection is open; write "dry" or "chiller"')
    parts = [part for part in around.catalog.parts(Chiller) if not part.water_cooled]
    chiller = block(parts, most, "capacity", "air-cooled chiller")
    loop = Loop(name, water, movers, most, None, chiller, None)
    heat = _most_heat(loop, around)
    if around.design.rejection == "dry":
        loop = replace(loop, coolers=_coolers(loop, heat, around))
    return replace(loop, chillers=_chillers(loop, heat, around))


def _most_heat(loop: Loop, around: Surroundings) -> Floats:
    """Heat that a loop gives to coolers and chillers at its most, by hour [W]."""
    heat = np.full(np.shape(around.air.dry_bulb), loop.heat)
    return heat + _moved(loop.movers, heat, around.air, around.a) + _pumps(loop.water, loop.heat, heat, around.a)


def _chillers(loop: Loop, heat: Floats, around: Surroundings) -> Bank[Chiller] | None:
    """Chillers for what the coolers leave of so much heat in a heat wave [W]; None where they leave nothing."""
    hot = around.air.hotter(around.a["facility.heat_wave"])
    chilled = reject(heat, loop.water, loop.coolers, loop.chiller, hot, around.a).chilled
    most = float((chilled / chiller_capacity(loop.chiller, hot.dry_bulb, around.a)).max())
    if not most:
        return None
    total = with_spares(needed(most, 1.0), around.a["facility.cooling_spare"])
    sized = f"{units.show(float(chilled.max()), 'power')} of heat in a heat wave, {total - needed(most, 1.0)} spare"
    return Bank(loop.chiller, total, f"Chiller, {loop.name} loop", sized)


def _coolers(loop: Loop, heat: Floats, around: Surroundings) -> Bank[DryCooler]:
    """Dry coolers; with pads where those save the assumed share of the chillers."""
    plain, padded = (_bank(loop.name, pads, float(heat.max()), around) for pads in (False, True))
    left, still = (
        float((heat - cool(heat, loop.water, bank, around.air, around.a).heat).max()) for bank in (plain, padded)
    )
    return padded if left > 0 and still <= (1 - around.a["facility.pads_worth"]) * left else plain


def _bank(name: str, pads: bool, most: float, around: Surroundings) -> Bank[DryCooler]:
    """Dry coolers with or without pads for so much heat [W]."""
    parts = [part for part in around.catalog.parts(DryCooler) if part.adiabatic is pads]
    part = block(parts, most, "capacity", f"dry cooler {'with' if pads else 'without'} pads")
    count = needed(most, part.capacity * float(around.air.density.min()))
    total = with_spares(count, around.a["facility.cooling_spare"])
    role = f"{'Adiabatic' if pads else 'Dry'} cooler, {name} loop"
    return Bank(part, total, role, f"{units.show(most, 'power')} of heat at their approach, {total - count} spare")

"""A year of the factory at its site: power, cooling, water and carbon by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firstlight import units
from firstlight.facility import carbon, cooling, power
from firstlight.facility.bank import Bank
from firstlight.facility.cooling import Loop, Surroundings
from firstlight.facility.power import Supply
from firstlight.facility.result import FacilityResult, Plant
from firstlight.facility.weather import Air, weather
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.parts import Ups
from firstlight.spec.site import Site
from firstlight.twin.factory import Factory
from firstlight.twin.protocols import Floats, PowerProfile

Parts = dict[str, Floats]
"""Power of each use, by hour [W] [8760]."""


@dataclass(frozen=True)
class Board:
    """What hangs on the halls' boards.

    Attributes:
        house: light, controls, offices [W].
        ups: None where the racks are fed without.
        liquid: None where no rack gives heat to liquid.
        air: of the halls.
    """

    house: float
    ups: Bank[Ups] | None
    liquid: Loop | None
    air: Loop


@dataclass(frozen=True)
class Hours:
    """Uses by hour: power [W], heat that the chillers take [W], water [m3/s]."""

    parts: Parts
    chilled: Floats
    water: Floats

    @property
    def power(self) -> Floats:
        """All uses together [W]."""
        return np.sum(list(self.parts.values()), axis=0)


def year(
    site: Site, design: Design, factory: Factory, profile: PowerProfile, catalog: Catalog, a: Assumptions, base: Path
) -> FacilityResult:
    """Power, cooling, water and carbon of a factory over a typical year.

    The peak is that of the worst hour for the plant: the hottest one; where pads cool, a hot and humid one.

    Args:
        site: where it stands.
        design: with power chain and cooling resolved.
        factory: as assembled from it.
        profile: how much of the systems' power range the demand uses, by hour.
        catalog: parts.
        a: assumptions `facility.*`.
        base: folder that the site's weather file is relative to.

    Raises:
        UsageError: something of the design is open, the place is unknown, or the weather file is none.
    """
    power.require_resolved(design.power)
    sky = weather(site, a, base)
    board = _board(site, design, factory, sky.air, catalog, a)
    most = np.full(len(sky.air.dry_bulb), factory.it_power)
    full = _board_hours(board, most, factory, sky.air, a)
    chain = power.supply(design.power, float(full.power.max()), factory, catalog, a)
    full = _feed_hours(full, chain, factory, a)
    share = np.clip(profile(np.arange(len(most))), 0.0, 1.0)
    it = factory.idle_power + share * (factory.it_power - factory.idle_power)
    used = _feed_hours(_board_hours(board, it, factory, sky.air, a), chain, factory, a)
    grid, source = carbon.intensity(site, sky.utc_offset, a)
    worst = int(np.argmax(full.power))
    peak = {name: float(watts[worst]) for name, watts in full.parts.items() if watts[worst] > 0}
    energy = {name: float(watts.sum()) * units.HOUR for name, watts in used.parts.items() if watts.any()}
    water = float(used.water.sum()) * units.HOUR
    return FacilityResult(
        station=sky.station,
        station_distance=sky.distance,
        it_peak=factory.it_power,
        it_idle=factory.idle_power,
        peak=sum(peak.values()),
        available=site.power,
        energy=sum(energy.values()),
        it_energy=energy["IT"],
        pue=sum(energy.values()) / energy["IT"],
        pue_peak=float((used.power / it).max()),
        water=water,
        wue=water / energy["IT"],
        carbon=float((used.power * grid).sum()) * units.HOUR,
        carbon_source=source,
        carbon_assumed=source == a.entry("facility.carbon_intensity").source,
        energy_parts=energy,
        peak_parts=peak,
        hourly_power=used.power,
        hourly_it=it,
        hourly_water=used.water,
        hourly_ambient=sky.air.dry_bulb,
        chiller_hours=int(np.count_nonzero(used.chilled > 0)),
        floor_used=float((factory.halls.width * factory.halls.depth).sum()),
        floor_available=site.floor,
        plant=_plant(board, chain),
    )


def _board(site: Site, design: Design, factory: Factory, air: Air, catalog: Catalog, a: Assumptions) -> Board:
    """What hangs on the halls' boards, sized for the greatest IT power."""
    house = a["facility.house_load"] * float((factory.halls.width * factory.halls.depth).sum())
    ups = power.ups_bank(design.power, factory, catalog)
    most = np.array(factory.it_power)
    lost = power.distribution_loss(most, factory.it_power, a)
    lost = lost + (power.ups_loss(ups, most + lost) if ups else 0.0)
    # At least a watt: halls without any heat in their air still divide by it.
    to_air = max(float(factory.it_power - factory.racks.liquid.sum() + lost) + house, 1.0)
    around = Surroundings(design.cooling, air, catalog, a)
    liquid = cooling.liquid_loop(site.supply_temperature, factory, around)
    return Board(house, ups, liquid, cooling.air_loop(to_air, around))


def _board_hours(board: Board, it: Floats, factory: Factory, air: Air, a: Assumptions) -> Hours:
    """Uses on the halls' boards while the racks draw some power [W]."""
    nothing = np.zeros(np.shape(it))
    distribution = power.distribution_loss(it, factory.it_power, a)
    ups = power.ups_loss(board.ups, it + distribution) if board.ups else nothing
    liquid_share = float(factory.racks.liquid.sum()) / factory.it_power
    loops = [cooling.run(board.air, it * (1 - liquid_share) + distribution + ups + board.house, air, a)]
    coolant = nothing
    if board.liquid:
        loops.append(cooling.run(board.liquid, it * liquid_share, air, a))
        coolant = loops[1].movers
    parts = {
        "IT": it,
        "UPS losses": ups,
        "Distribution": distribution,
        "Coolant units": coolant,
        "Air handlers": loops[0].movers,
        "Pumps": nothing + sum(loop.pumps for loop in loops),
        "Dry coolers": nothing + sum(loop.fans for loop in loops),
        "Chillers": nothing + sum(loop.compressors for loop in loops),
        "Lighting and rest": nothing + board.house,
    }
    return Hours(parts, nothing + sum(loop.chilled for loop in loops), nothing + sum(loop.water for loop in loops))


def _feed_hours(board: Hours, chain: Supply, factory: Factory, a: Assumptions) -> Hours:
    """Uses at the utility's feed: those of the boards, and what the chain up to them takes."""
    load = board.power
    rest = np.zeros(np.shape(load))
    parts = dict(board.parts)
    if chain.generators:
        parts["Generators"] = rest + power.generator_heaters(chain.generators, a)
    if chain.batteries:
        parts["Batteries"] = power.battery_loss(chain.batteries, board.parts["IT"], factory.idle_power, a)
    load = load + parts.get("Generators", rest)
    lost = power.transformer_loss(chain.hall, load, a)
    if chain.substation:
        lost = lost + power.transformer_loss(chain.substation, load + lost + parts.get("Batteries", rest), a)
    return Hours({**parts, "Transformers": lost}, board.chilled, board.water)


def _plant(board: Board, chain: Supply) -> tuple[Plant, ...]:
    """All equipment, from the feed to the heat's way out."""
    loops = [loop for loop in (board.liquid, board.air) if loop]
    banks = [*chain.banks, *((board.ups,) if board.ups else ()), *(bank for loop in loops for bank in loop.banks)]
    return tuple(bank.plant for bank in banks)

"""What the factory costs to build: the bill, and what stands around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from firstlight.economics.facts import BuildingFacts, EnergyFacts
from firstlight.economics.result import CostLine
from firstlight.errors import UsageError
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.bill import BillLine

IT = ("IT", "Network")
PLANT = ("Power", "Cooling")
CATEGORIES = (*IT, *PLANT, "Building")


@dataclass(frozen=True)
class Asset:
    """One line of the capital, and the assumption that says how long it lasts ("" for land: for ever)."""

    line: CostLine
    life: str


def assets(bill: Sequence[BillLine], energy: EnergyFacts, building: BuildingFacts, a: Assumptions) -> list[Asset]:
    """All capital, line by line: what is bought in pieces, the plant and building around it, and the soft costs.

    Args:
        bill: what is bought in pieces.
        energy: for the power at the feed.
        building: for IT power, floor, and what already stands.
        a: the run's assumptions.

    Raises:
        UsageError: a line of an unknown category, or without a price and without what one could be estimated from.
    """
    bought = [_bought(line, a) for line in bill]
    built = [*bought, *_around(bill, energy, building, a)]
    return [*built, *_installation(built, a), *_soft(built, a)]


def amount(assets: Iterable[Asset], categories: Sequence[str]) -> float:
    """What the assets of some categories cost together [USD]."""
    return sum(asset.line.amount for asset in assets if asset.line.path[1] in categories)


def _bought(line: BillLine, a: Assumptions) -> Asset:
    """One line of the bill, with an estimated price where it has none."""
    if line.category not in CATEGORIES:
        raise UsageError(f'"{line.item}" is of category "{line.category}"; known are {", ".join(CATEGORIES)}')
    life = {"Building": "life_building"} | dict.fromkeys(IT, "life_it") | dict.fromkeys(PLANT, "life_plant")
    price, source, standing = _unit_price(line, a)
    path = ("Capital", line.category, line.item)
    cost = CostLine(path, line.count * price, line.count, line.part, source, standing)
    return Asset(cost, life[line.category])


def _unit_price(line: BillLine, a: Assumptions) -> tuple[float, str, str]:
    """Price of one piece [USD], its source and standing."""
    if math.isfinite(line.unit_price):
        return line.unit_price, line.source, line.standing
    name = f"economics.price_{line.lead}"
    if name not in a:
        raise UsageError(f'"{line.item}" ({line.part or line.category}) has no price; give it one in a catalogue file')
    entry = a.entry(name)
    if entry.dimension == "money":
        return a[name], entry.source, entry.standing
    watts = 1.0 if line.unit == "W" else line.rating
    if watts <= 0:
        raise UsageError(
            f'"{line.item}" ({line.part or line.category}) has neither a price nor a rating to estimate one from; '
            "give it a price in a catalogue file"
        )
    return a[name] * watts, entry.source, entry.standing


def _around(bill: Sequence[BillLine], energy: EnergyFacts, building: BuildingFacts, a: Assumptions) -> Iterator[Asset]:
    """What no part of the catalogue stands for. A bill that lists storage, switchgear or busway replaces them."""
    listed = {line.lead for line in bill}
    systems = [_bought(line, a).line.amount for line in bill if line.lead == "accelerators"]
    if "storage" not in listed:
        yield _asset("IT", "Storage", "storage", sum(systems), a, "life_it")
    if "switchgear" not in listed:
        yield _asset("Power", "Switchgear", "switchgear", energy.peak, a, "life_plant")
    if "busway" not in listed:
        yield _asset("Power", "Busway", "busway", building.it_peak, a, "life_plant")
    yield _asset("Power", "Electrical works", "electrical_works", building.it_peak, a, "life_plant")
    yield _asset("Cooling", "Mechanical works", "mechanical_works", building.it_peak, a, "life_plant")
    if "utility" not in building.existing:
        yield _asset("Power", "Utility connection", "utility_connection", energy.peak, a, "life_plant")
    if "shell" not in building.existing:
        area = building.floor + building.it_peak / a.positive("economics.support_density")
        yield _asset("Building", "Shell", "shell", area, a, "life_building")
        yield _asset("Building", "Site works", "site_works", building.it_peak, a, "life_building")
        yield _asset("Building", "Land", "land", energy.peak, a, "")


def _asset(category: str, item: str, assumption: str, base: float, a: Assumptions, life: str) -> Asset:
    """One asset that costs so much of an assumption's unit."""
    value, entry = a[f"economics.{assumption}"], a.entry(f"economics.{assumption}")
    return Asset(CostLine(("Capital", category, item), value * base, 0, "", entry.source, entry.standing), life)


def _installation(built: Sequence[Asset], a: Assumptions) -> Iterator[Asset]:
    """Freight, racking and cabling of IT."""
    yield _asset("IT", "Installation", "it_installation", amount(built, IT), a, "life_it")


def _soft(built: Sequence[Asset], a: Assumptions) -> Iterator[Asset]:
    """Engineering, commissioning and contingency, on the construction without the land."""
    land = sum(asset.line.amount for asset in built if not asset.life)
    construction = amount(built, (*PLANT, "Building")) - land
    for item in ("Engineering", "Commissioning", "Contingency"):
        yield _asset("Project", item, item.lower(), construction, a, "life_plant")

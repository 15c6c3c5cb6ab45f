"""What the factory costs to run, a year."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from firstlight.economics.capital import IT, PLANT, Asset, amount
from firstlight.economics.facts import EnergyFacts
from firstlight.economics.result import CostLine
from firstlight.spec.assumptions import Assumptions


def energy_line(energy: EnergyFacts, a: Assumptions) -> CostLine:
    """Electricity [USD a year]: at the site's price, else at the assumed one."""
    path = ("Running", "Energy", "Electricity")
    if energy.price is not None:
        return CostLine(path, energy.energy * energy.price, 0, "", "the plan", "user")
    entry = a.entry("economics.energy_price")
    return CostLine(path, energy.energy * a["economics.energy_price"], 0, "", entry.source, entry.standing)


def running(assets: Sequence[Asset], energy: EnergyFacts, a: Assumptions) -> list[CostLine]:
    """All running costs but the electricity [USD a year].

    Args:
        assets: the capital, that upkeep, insurance and tax are shares of.
        energy: a year at the feed.
        a: the run's assumptions.
    """
    whole = min(energy.peak / a.positive("economics.staff_shared"), 1.0)
    people = a["economics.staff_base"] * whole + energy.peak / a.positive("economics.staff_power")
    return [
        _line("Energy", "Demand charge", "demand_charge", energy.peak, a),
        _line("Water", "Water", "water_price", energy.water, a),
        _line("Staff", "Staff", "salary", people, a, people),
        *_shares(assets, a),
    ]


def _shares(assets: Sequence[Asset], a: Assumptions) -> Iterator[CostLine]:
    """Yearly costs that are a share of the capital."""
    it, facility = amount(assets, IT), amount(assets, (*PLANT, "Building"))
    everything = sum(asset.line.amount for asset in assets)
    yield _line("Upkeep", "Maintenance of plant and building", "plant_maintenance", facility, a)
    yield _line("Upkeep", "IT spare parts", "it_spares", it, a)
    yield _line("Upkeep", "Software and support", "it_support", it, a)
    yield _line("Insurance and tax", "Insurance", "insurance", everything, a)
    yield _line("Insurance and tax", "Property tax", "property_tax", facility, a)


def _line(group: str, item: str, assumption: str, base: float, a: Assumptions, count: float = 0) -> CostLine:
    value, entry = a[f"economics.{assumption}"], a.entry(f"economics.{assumption}")
    return CostLine(("Running", group, item), value * base, count, "", entry.source, entry.standing)

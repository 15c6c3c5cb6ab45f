"""The power chain from the utility's feed to the racks: what each link loses, and how many of each there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.facility.bank import Bank, block, needed, redundant
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import PowerDesign, Redundancy
from firstlight.spec.parts import Battery, Generator, Transformer, Ups
from firstlight.twin.factory import Factory
from firstlight.twin.protocols import Floats

NONE = "none"


def require_resolved(design: PowerDesign) -> None:
    """Pass a power chain of which nothing is open.

    Raises:
        UsageError: names what is open.
    """
    fields = ("ups", "transformer", "generator", "battery")
    open_fields = [name for name in fields if getattr(design, name) is None]
    if design.ups != NONE and design.redundancy is None:
        open_fields.append("redundancy")
    if open_fields:
        raise UsageError(f"design.power.{open_fields[0]} is open; write it, or let `firstlight plan` propose it")


def redundancy(design: PowerDesign) -> Redundancy:
    """Of the chain; without a UPS there is none."""
    return "n" if design.ups == NONE or design.redundancy is None else design.redundancy


def distribution_loss(it: Floats, most: float, a: Assumptions) -> Floats:
    """Loss in busways, switchboards and cables between UPS and racks [W]; grows with the square of the load.

    Args:
        it: power of the racks [W].
        most: their greatest [W].
        a: assumption `facility.distribution_loss`.
    """
    return a["facility.distribution_loss"] * it**2 / most


def ups_bank(design: PowerDesign, factory: Factory, catalog: Catalog) -> Bank[Ups] | None:
    """UPS blocks: those that the racks hang on, and redundant ones hall by hall; None where the design has none."""
    if design.ups is None or design.ups == NONE:
        return None
    blocks, halls = len(factory.feed_power), len(factory.halls)
    count = redundant(blocks, redundancy(design), halls)
    sized = f"{units.show(factory.it_power, 'power')} of IT by rack, {redundancy(design)} in each hall"
    return Bank(catalog.part(Ups, design.ups), count, "UPS", sized)


def ups_loss(bank: Bank[Ups], load: Floats) -> Floats:
    """Loss of UPS blocks that share a load evenly [W].

    At half load and above the stated efficiency; below, a straight line to the loss without load.

    Args:
        bank: the blocks.
        load: that they feed [W].
    """
    part = bank.part
    share = load / (bank.count * part.rating)
    lost = 1 / max(part.efficiency, 0.01) - 1
    at_half = lost * part.rating / 2
    idle = min(part.no_load_loss, at_half)
    return np.where(share >= 0.5, lost * load, bank.count * (idle + (at_half - idle) * 2 * share))


@dataclass(frozen=True)
class Supply:
    """What stands between the feed and the halls' boards.

    Attributes:
        substation: None where the utility feeds the halls at medium voltage.
        hall: transformers in front of the halls.
        generators, batteries: None where the design has none.
    """

    substation: Bank[Transformer] | None
    hall: Bank[Transformer]
    generators: Bank[Generator] | None
    batteries: Bank[Battery] | None

    @property
    def banks(self) -> tuple[Bank[Transformer] | Bank[Generator] | Bank[Battery], ...]:
        """All units."""
        every = (self.substation, self.hall, self.generators, self.batteries)
        return tuple(bank for bank in every if bank is not None)


def supply(design: PowerDesign, load: float, factory: Factory, catalog: Catalog, a: Assumptions) -> Supply:
    """What carries the greatest load of the halls' boards [W].

    A design names the substation's transformer; or that of the halls, and then there is no substation.

    Raises:
        UsageError: something is open.
    """
    require_resolved(design)
    named, spare = catalog.part(Transformer, design.transformer or ""), redundancy(design)
    hall = named
    if named.high_voltage:
        parts = [part for part in catalog.parts(Transformer) if not part.high_voltage]
        hall = block(parts, load / len(factory.halls), "rating", "hall transformer")
    # The substation carries the halls' losses also while their redundant transformers are out.
    bare = _transformers(hall, load, "n", len(factory.halls), "", a)
    above = load + float(transformer_loss(bare, np.array(load), a))
    return Supply(
        substation=_transformers(named, above, spare, 1, "Substation transformer", a) if named.high_voltage else None,
        hall=_transformers(hall, load, spare, len(factory.halls), "Hall transformer", a),
        generators=_generators(design, load, catalog),
        batteries=_batteries(design, factory, catalog, a),
    )


def _transformers(
    part: Transformer, load: float, spare: Redundancy, groups: int, role: str, a: Assumptions
) -> Bank[Transformer]:
    each = part.rating * a.positive("facility.transformer_load") * a.positive("facility.power_factor")
    count = max(needed(load, each), groups)
    return Bank(part, redundant(count, spare, groups), role, f"{units.show(load, 'power')} in the peak hour, {spare}")


def transformer_loss(bank: Bank[Transformer], load: Floats, a: Assumptions) -> Floats:
    """Loss of transformers that share a load evenly [W]: without load, and with the square of the load (IEC 60076-1).

    Args:
        bank: the transformers.
        load: [W].
        a: assumption `facility.power_factor`.
    """
    share = load / (a.positive("facility.power_factor") * bank.count * bank.part.rating)
    return bank.count * (bank.part.no_load_loss + bank.part.load_loss * share**2)


def _generators(design: PowerDesign, load: float, catalog: Catalog) -> Bank[Generator] | None:
    if design.generator is None or design.generator == NONE:
        return None
    part, spare = catalog.part(Generator, design.generator), redundancy(design)
    count = redundant(needed(load, part.rating), spare, 1)
    return Bank(part, count, "Generator", f"{units.show(load, 'power')} in the peak hour, {spare}")


def generator_heaters(bank: Bank[Generator], a: Assumptions) -> float:
    """Power that keeps stand-by sets warm [W]."""
    return bank.count * bank.part.rating * a["facility.generator_heater"]


def _batteries(design: PowerDesign, factory: Factory, catalog: Catalog, a: Assumptions) -> Bank[Battery] | None:
    if design.battery is None or design.battery == NONE:
        return None
    part = catalog.part(Battery, design.battery)
    swing = a["facility.battery_cover"] * max(factory.it_power - factory.idle_power, 0.0)
    return Bank(part, needed(swing, part.rating), "Battery", f"swings of {units.show(swing, 'power')}")


def battery_loss(bank: Bank[Battery], it: Floats, idle: float, a: Assumptions) -> Floats:
    """Loss of the energy that passes through batteries on the way to the racks [W].

    Args:
        bank: the batteries.
        it: power of the racks [W].
        idle: of it that does not swing [W].
        a: assumption `facility.battery_cycled`.
    """
    round_trip = max(bank.part.round_trip, 0.01)
    return a["facility.battery_cycled"] * np.maximum(it - idle, 0.0) * (1 / round_trip - 1)

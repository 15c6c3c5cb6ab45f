"""The bill of materials holds what factory, fabric and plant say is needed, each once."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from firstlight.evaluate.notes import notes


def count(evaluation, lead: str) -> float:
    return sum(line.count for line in evaluation.bill if line.lead == lead)


def test_systems_switches_cables_and_modules_are_those_of_factory_and_fabric(evaluated):
    one = evaluated()
    assert count(one, "accelerators") == one.factory.systems
    assert count(one, "switches") == sum(n for _, _, n in one.network.tiers)
    assert count(one, "cables") == sum(line.count for line in one.network.cables) == len(one.cable_plan)
    assert count(one, "optics") == sum(line.transceivers for line in one.network.cables)


def test_plant_is_that_of_the_facility(evaluated):
    one = evaluated()
    billed, standing = Counter[str](), Counter[str]()
    for line in one.bill:
        billed[line.part] += line.count if line.category in ("Power", "Cooling") else 0
    for unit in one.facility.plant:
        standing[unit.part] += unit.count if unit.role != "Substation transformer" else 0
    assert +billed == +standing


def test_a_substation_that_stands_is_not_bought(evaluated):
    bought = evaluated(**{"site.existing": "[shell]", "design.power.transformer": "transformer-10mva"})
    assert count(bought, "transformer-high-voltage") > 0
    assert count(evaluated(), "transformer-high-voltage") == 0
    assert evaluated().economics.capital < bought.economics.capital


def test_rack_scale_systems_bring_their_own_racks(evaluated):
    one = evaluated(**{"design.system": "gb200-nvl72", "design.accelerators": "720"})
    assert count(one, "racks") == one.factory.network_racks + one.factory.service_racks
    servers = evaluated()
    assert count(servers, "racks") == len(servers.twin.racks)


def test_amounts_add_up_to_the_cost_of_what_is_bought(evaluated):
    one = evaluated()
    bought = sum(line.amount for line in one.bill if line.category in ("IT", "Network") and not math.isnan(line.amount))
    paid = sum(
        line.amount for line in one.economics.lines if line.path[:2] in (("Capital", "IT"), ("Capital", "Network"))
    )
    assert paid >= bought > 0.8 * paid


def test_a_part_without_a_price_is_estimated_and_noted(evaluated):
    """No shipped part that is bought is without one, so a system is made that is."""
    one = evaluated()
    unpriced = [replace(line, unit_price=math.nan) if line.lead == "accelerators" else line for line in one.bill]
    told = notes(one.plan, one.twin, one.training, one.serving, one.facility, (), 0, unpriced, one.schedule.start)
    assert any("no price is known for hgx-h100" in note for note in told)
    assert not any("no price is known" in note for note in one.warnings)

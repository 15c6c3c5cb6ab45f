"""A plan for a given number of accelerators: fabric, power chain and cooling plant proposed where they are open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from firstlight.design import choose
from firstlight.design.choose import Reasons
from firstlight.evaluate.build import Parts
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training
from firstlight.twin.cabinets import compute_cabinet


@dataclass(frozen=True)
class Setting:
    """What a proposal works with.

    Attributes:
        made_of: the parts of the system.
        catalog: parts.
        a: assumptions.
        base: folder that the plan's paths are relative to.
    """

    made_of: Parts
    catalog: Catalog
    a: Assumptions
    base: Path


def with_design(plan: Plan, **changes: object) -> Plan:
    """The plan with some fields of its design replaced."""
    return plan.model_copy(update={"design": plan.design.model_copy(update=changes)})


def settle(plan: Plan, setting: Setting, accelerators: int) -> tuple[Plan, Reasons]:
    """The plan for so many accelerators, everything but spares and placements resolved; and why.

    Args:
        plan: its system is resolved.
        setting: of the proposal.
        accelerators: rounded up to whole systems, and to a compact torus where the plan leaves their number open.

    Raises:
        UsageError: no switch of the catalogue joins them.
    """
    given, made_of, catalog = plan.design, setting.made_of, setting.catalog
    if given.accelerators is None:
        accelerators = made_of.whole(accelerators, up=True)
    systems = -(-accelerators // made_of.system.accelerators)
    count, load = systems * made_of.system.accelerators, systems * made_of.system.power
    cabinet = compute_cabinet(made_of.system, catalog, setting.a)
    rack = made_of.system.power * cabinet.holds / cabinet.racks_each
    training = any(isinstance(workload, Training) for workload in plan.demand)
    fabric, why_fabric = choose.fabric(given.fabric, made_of, count, catalog)
    power, why_power = choose.power(given.power, load, rack, training, catalog, setting.a)
    liquid = made_of.system.liquid
    cooling, why_cooling = choose.cooling(given.cooling, load * liquid, rack * liquid, catalog)
    settled = with_design(plan, accelerators=count, fabric=fabric, power=power, cooling=cooling)
    return settled, {**why_fabric, **why_power, **why_cooling}

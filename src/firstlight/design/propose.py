"""Demand -> the first feasible Design: everything that a plan leaves open is chosen, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from firstlight.design import choose, system
from firstlight.design.choose import Reasons
from firstlight.design.room import most_accelerators
from firstlight.design.size import Share, Sizer
from firstlight.evaluate import build
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training


@dataclass(frozen=True)
class Proposal:
    """A plan with nothing left open, and why each proposed value was proposed, by its path."""

    plan: Plan
    reasons: Reasons


def propose(plan: Plan, catalog: Catalog, a: Assumptions, base: Path = Path()) -> Proposal:
    """Choose what a plan leaves open: system, fabric, count, placements, power chain and cooling plant.

    Raises:
        InfeasibleError: no system of the catalogue can meet the demand; which limits bind and what would fit.
        UsageError: choices already made do not go together.
    """
    if plan.design.system is None:
        chosen, reasons = system.cheapest(plan, catalog, a, base)
        settled = propose(_with(plan, plan.design.model_copy(update={"system": chosen})), catalog, a, base)
        return Proposal(settled.plan, {**reasons, **settled.reasons})
    return on_system(plan, catalog, a, base)

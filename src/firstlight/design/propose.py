"""Demand -> the first feasible Design: everything that a plan leaves open is chosen, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from firstlight import units
from firstlight.design import cheapest
from firstlight.design.choose import Reasons
from firstlight.design.place import place
from firstlight.design.room import most_accelerators
from firstlight.design.settle import Setting, settle, with_design
from firstlight.design.size import Share, Sizer
from firstlight.errors import InfeasibleError, Limit, UsageError
from firstlight.evaluate import hand
from firstlight.evaluate.build import build, parts
from firstlight.evaluate.run import wire
from firstlight.performance.result import TrainingResult
from firstlight.reliability.assess import assess_run, spare_nodes
from firstlight.reliability.rates import interruption_rates
from firstlight.reliability.result import RunReliability
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.fabric import SitesDesign
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training
from firstlight.twin.factory import Factory


@dataclass(frozen=True)
class Proposal:
    """A plan with nothing left open, and why each proposed value was proposed, by its path."""

    plan: Plan
    reasons: Reasons


def propose(plan: Plan, catalog: Catalog, a: Assumptions, base: Path = Path()) -> Proposal:
    """Choose what a plan leaves open: system, fabric, count, placements, power chain and cooling plant.

    Where a fabric joins several sites, the plan's site stands for all of them together.

    Args:
        plan: as written.
        catalog: parts.
        a: assumptions.
        base: folder that the plan's paths are relative to.

    Raises:
        InfeasibleError: no system of the catalogue can meet the demand; which limits bind and what would fit.
        UsageError: choices already made do not go together.
    """
    sites = plan.design.fabric.sites
    if sites is not None:
        found = propose(_joined(plan, None), catalog, a, base)
        return replace(found, plan=_joined(found.plan, sites))
    if plan.design.system is not None:
        return _on_system(plan, Setting(parts(plan.design, catalog), catalog, a, base))
    able, refused = cheapest.ranked(plan, catalog, a, base)
    tried: list[cheapest.Refusal] = []
    for system, why in able or [(system, "the nearest") for system, _ in cheapest.nearest(refused)]:
        chosen = with_design(plan, system=system)
        try:
            found = _on_system(chosen, Setting(parts(chosen.design, catalog), catalog, a, base))
        except (InfeasibleError, UsageError) as error:
            tried.append((system, error))
            continue
        return Proposal(found.plan, {"design.system": f"{system}: {why}", **found.reasons})
    raise cheapest.none_fits(tried, refused)


def _joined(plan: Plan, sites: SitesDesign | None) -> Plan:
    """The plan with a fabric of so many sites; None is one."""
    return with_design(plan, fabric=plan.design.fabric.model_copy(update={"sites": sites}))


def _on_system(plan: Plan, setting: Setting) -> Proposal:
    """Everything but the system, which is chosen."""
    count, binds, why_count = _count(plan, setting)
    settled, reasons = settle(plan, setting, count)
    if why_count:
        reasons["design.accelerators"] = f"{settled.design.accelerators:,}: {why_count}"
    factory = _Factory.of(settled, setting)
    settled, why_spare = _with_spares(settled, factory, setting.a)
    reasons |= why_spare
    if settled.design.placements is not None:
        return Proposal(settled, reasons)
    shares, fewest = _shares(settled, setting, factory, binds)
    if fewest:
        placed = sum(share.placement.accelerators for share in shares)
        settled, why = _fewest(plan, setting, placed)
        reasons |= why
    for index, share in enumerate(shares):
        reasons[f"design.placements[{index}]"] = f"{share.placement.accelerators:,} accelerators: {share.reason}"
    return Proposal(_placed(settled, shares), reasons)


def _fewest(plan: Plan, setting: Setting, placed: int) -> tuple[Plan, Reasons]:
    """The plan for no more accelerators than are placed and stand by for them; and why."""
    settled, why = settle(plan, setting, hand.holding(placed, plan.design.spare or 0.0))
    if plan.design.spare is None:
        twin = _Factory.of(settled, setting).twin
        settled, why = settle(plan, setting, placed + spare_nodes(twin, setting.a) * twin.accelerators_per_node)
        count = settled.design.accelerators or 0
        settled = with_design(settled, spare=(count - placed) / count)
        share = units.show(settled.design.spare or 0.0, "fraction")
        why["design.spare"] = f"{share}: what the placements leave over, {spare_nodes(twin, setting.a):,} nodes or more"
    return settled, {**why, "design.accelerators": f"{settled.design.accelerators:,}: the fewest that meet the demand"}


def _count(plan: Plan, setting: Setting) -> tuple[int, str, str]:
    """Accelerators, what binds their number where the site does, and why so many where they are not given."""
    given = plan.design.accelerators
    if given is not None:
        return given, "", ""
    if plan.design.placements is not None:
        placed = sum(placement.accelerators for placement in plan.design.placements)
        return hand.holding(placed, plan.design.spare or 0.0), "", "what the placements take"
    room = most_accelerators(plan, setting)
    return room.accelerators, room.binds, f"as many as {room.binds} holds"


def _shares(plan: Plan, setting: Setting, factory: _Factory, binds: str) -> tuple[tuple[Share, ...], bool]:
    """The workloads' shares; and whether they are the fewest, where the site would hold more than they take."""
    measured = all(not isinstance(workload, Training) or workload.within for workload in plan.demand)
    fewest = bool(binds) and measured
    made_of = parts(plan.design, setting.catalog)
    sizer = Sizer(made_of, plan.design.fabric, setting.a, setting.base, partial(factory.interrupted, plan.design))
    try:
        return place(plan.demand, sizer, hand.usable(plan.design), fill=not fewest), fewest
    except InfeasibleError as error:
        if not binds or not any(limit.name in ("design.accelerators", "within") for limit in error.limits):
            raise
        room = f"room for {plan.design.accelerators:,} accelerators"
        bound = Limit(binds, "more", room, f"{binds} is what limits their number.")
        raise InfeasibleError(error.summary, (*error.limits, bound)) from None


def _placed(plan: Plan, shares: Sequence[Share]) -> Plan:
    """The plan with its placements, and its workloads with their batches."""
    demand = tuple(share.workload for share in shares)
    placed = with_design(plan, placements=tuple(share.placement for share in shares))
    return placed.model_copy(update={"demand": demand})


def _with_spares(plan: Plan, factory: _Factory, a: Assumptions) -> tuple[Plan, Reasons]:
    """The plan with its share of hot spares, and why where it was open."""
    if plan.design.spare is not None:
        return plan, {}
    if plan.design.placements is not None:
        return with_design(plan, spare=0.0), {"design.spare": "0: the placements are given"}
    nodes = min(spare_nodes(factory.twin, a), factory.twin.nodes)
    share = nodes / factory.twin.nodes
    return with_design(plan, spare=share), {
        "design.spare": f"{100 * share:.2g} %: {nodes:,} nodes stand by for those under repair"
    }


@dataclass(frozen=True)
class _Factory:
    """The factory that a proposal would be, and how often it breaks.

    Attributes:
        twin: assembled.
        rates: of its interruptions [1/s].
        a: assumptions.
    """

    twin: Factory
    rates: dict[str, float]
    a: Assumptions

    @classmethod
    def of(cls, plan: Plan, setting: Setting) -> _Factory:
        """Build and wire it."""
        built = build(plan, setting.catalog, setting.a)
        _, network = wire(built, setting.catalog, setting.a)
        rates = interruption_rates(built.factory, hand.fabric_counts(network), setting.a)
        return cls(built.factory, rates, setting.a)

    def interrupted(self, design: Design, result: TrainingResult) -> RunReliability:
        """What interruptions make of a run."""
        (run,) = hand.runs((result,), design, self.twin, self.a)
        return assess_run(self.twin, run, self.rates, self.a)

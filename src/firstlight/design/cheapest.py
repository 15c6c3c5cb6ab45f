"""Which system to build from, where the plan leaves it open."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from firstlight import units
from firstlight.design import choose
from firstlight.design.place import place
from firstlight.design.settle import with_design
from firstlight.design.size import Share, Sizer
from firstlight.errors import InfeasibleError, UsageError
from firstlight.evaluate.build import parts
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Accelerator, System
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training

_REMEDY = "Write design.system to choose another, or change the demand or the site."
_TOLD = 3
"""Systems whose limits are told; of the others only the names."""


Refusal = tuple[str, InfeasibleError | UsageError]
"""A system that is not chosen, and why."""


def ranked(plan: Plan, catalog: Catalog, a: Assumptions, base: Path) -> tuple[list[tuple[str, str]], list[Refusal]]:
    """The systems that could do the work, best first, each with what speaks for it; and those that could not.

    Where every workload knows its measure (a rate, a deadline) the system with the lowest cost of its systems and their
    electricity over their life comes first; where a run takes all there is, the one on which the runs end the soonest.
    Both count without plant and interruptions; the plan that follows counts with them.
    """
    found: list[tuple[float, str, str]] = []
    refused: list[Refusal] = []
    for system in on_sale(plan, catalog, a):
        try:
            found.append((*_score(plan, system, catalog, a, base), system.id))
        except (InfeasibleError, UsageError) as error:
            refused.append((system.id, error))
    of = f"the least of {len(found)} systems that can do the work"
    return [(ident, f"{why}, {of}") for _, why, ident in sorted(found)], refused


def nearest(refused: Iterable[Refusal]) -> list[Refusal]:
    """The few systems that miss their limits by the least."""
    return sorted(refused, key=lambda pair: pair[1].over if isinstance(pair[1], InfeasibleError) else math.inf)[:_TOLD]


def none_fits(tried: Sequence[Refusal], refused: Sequence[Refusal]) -> InfeasibleError:
    """That no system will do: the limits of those that come nearest, and the names of the others.

    Args:
        tried: with the whole factory around them. refused: before that.
    """
    near = nearest(tried)
    told = [f"  {system}: {error}".replace("\n", "\n  ") for system, error in near]
    others = {system for system, _ in (*tried, *refused)} - {system for system, _ in near}
    if others:
        told.append(f"  Farther off: {', '.join(sorted(others))}.")
    return InfeasibleError("\n".join(["none of the systems on sale can do the work:", *told, _REMEDY]))


def on_sale(plan: Plan, catalog: Catalog, a: Assumptions) -> list[System]:
    """Systems sold at a known price, shipping at the start of the plan and not old then, that the site can cool."""
    year = (plan.start or dt.date.today()).year
    oldest = year - a["design.newest_years"]
    return [
        system
        for system in catalog.parts(System)
        if system.sold
        and system.price is not None
        and oldest <= catalog.part(Accelerator, system.accelerator).released <= year
        and (not system.liquid or "liquid" in plan.site.cooling)
        and (system.liquid >= 1 or "air" in plan.site.cooling)
    ]


def _score(plan: Plan, system: System, catalog: Catalog, a: Assumptions, base: Path) -> tuple[float, str]:
    """What to keep small, and the same in words."""
    each = system.accelerators
    made_of = parts(with_design(plan, system=system.id).design, catalog)
    most = -(-(plan.design.accelerators or 0) // each) * each
    most = most or made_of.whole(int(plan.site.power / system.power) * each, up=False)
    if not most:
        raise InfeasibleError(f"the site's {units.show(plan.site.power, 'power')} do not feed a single system")
    fabric, _ = choose.fabric(plan.design.fabric, made_of, most, catalog)
    made_of = parts(with_design(plan, system=system.id, fabric=fabric).design, catalog)
    shares = place(plan.demand, Sizer(made_of, fabric, a, base), most, fill=plan.design.accelerators is not None)
    runs = [share for share in shares if isinstance(share.workload, Training) and share.workload.within is None]
    if runs:
        longest = max(share.duration for share in runs)
        return longest, f"{units.show(longest, 'time')} to train what has no deadline"
    cost = _cost(shares, system, plan, a)
    return cost, f"{units.show(cost, 'money')} for systems and their electricity"


def _cost(shares: tuple[Share, ...], system: System, plan: Plan, a: Assumptions) -> float:
    """Systems and their electricity over their life [USD]."""
    systems = sum(share.placement.accelerators for share in shares) / system.accelerators
    tariff = plan.site.energy_price or a["economics.energy_price"]
    electricity = system.power * a["economics.life_it"] * tariff
    return systems * ((system.price or 0.0) + electricity)

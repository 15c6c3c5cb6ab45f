"""Serving alone: every served model of a plan on its share of the factory, in closed form and request by request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from firstlight import __version__, units
from firstlight.errors import UsageError
from firstlight.evaluate.build import Parts, fabric, parts
from firstlight.evaluate.evaluation import Evaluation, Margin
from firstlight.evaluate.margins import serving_margins
from firstlight.evaluate.run import evaluate, input_hash, placed
from firstlight.performance.result import ServingResult, ServingTraffic
from firstlight.performance.serving import serve
from firstlight.performance.serving.fleet import FleetResult, Hours, Replicated, play_fleet, playable, served_model
from firstlight.performance.serving.play import Play, play
from firstlight.performance.serving.search import Asked, Machinery, Prices, ServingSearch, search
from firstlight.reliability.rates import system_rates
from firstlight.spec import models
from firstlight.spec.assumptions import Assumption, Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Placement
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Serving
from firstlight.twin.result import Result, plain, quantity

DOMAINS = (8, 72, 144, 576)
"""Accelerators of the scale-up domains that a search compares."""


@dataclass(frozen=True, repr=False)
class ServingRun(Result):
    """One served model."""

    demand: int = quantity("", "place in the demand, from 0")
    result: ServingResult = quantity("", "capacity, latencies and memory in closed form")
    margins: tuple[Margin, ...] = quantity("", "how close the steady state comes to each limit, closest first")
    traffic: ServingTraffic = quantity("", "the same, with requests played one by one")
    search: ServingSearch | None = quantity("", "every layout of it, where that was asked for")
    fleet: FleetResult | None = quantity("", "hours of its fleet, where that was asked for")

    @property
    def met(self) -> bool:
        """The asked rate is taken, within the limits."""
        return not any(margin.broken for margin in self.margins)

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON has it, SI units."""
        return {"met": self.met, **{f.name: plain(getattr(self, f.name)) for f in fields(self)}}


@dataclass(frozen=True, repr=False)
class ServingAnswer(Result):
    """Every served model of one plan."""

    name: str = quantity("", "name of the factory")
    version: str = quantity("", "version of firstlight")
    input_hash: str = quantity("", "SHA-256 of the resolved plan, the catalogue and the assumptions")
    seed: int = quantity("", "of everything random")
    system: str = quantity("", "system id")
    accelerators: int = quantity("", "accelerators of the factory")
    runs: tuple[ServingRun, ...] = quantity("", "one for each serving workload, in the demand's order")
    assumptions: tuple[Assumption, ...] = quantity("", "every assumption that the run has read")
    proposed: tuple[str, ...] = quantity("", "paths of the design that firstlight chose, with the reason")
    plan: Plan = quantity("", "the plan with everything resolved")
    base: Path = quantity("", "folder that the paths in the plan are relative to (not part of the JSON)")

    @property
    def met(self) -> bool:
        """Every model is served as the demand asks."""
        return all(run.met for run in self.runs)

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON has it, SI units."""
        body = {"met": self.met, **{f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "base"}}
        return body | {"plan": self.plan.model_dump(mode="json", exclude_none=True)}


def evaluate_serving(
    plan: Plan,
    catalog: Catalog,
    a: Assumptions,
    how: Play,
    *,
    base: Path = Path(),
    proposed: tuple[str, ...] = (),
    searched: bool = False,
    is_open: bool = False,
    hours: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> ServingAnswer:
    """Every served model of a plan whose design is resolved.

    Args:
        plan: nothing left open (see `design.propose`).
        catalog: parts.
        a: assumptions; those that are read are listed in the answer.
        how: the traffic and the engine.
        base: folder that the plan's paths are relative to.
        proposed: what was chosen for the plan, and why.
        searched: try every layout of each model. is_open: and take the best where it goes into the placement.
        hours: of the fleet that are played too; None: none.
        progress: called as each model begins.

    Raises:
        UsageError: nothing is served, or a layout does not go.
        InfeasibleError: a model or its batch does not fit.
    """
    served = _asked(plan)
    if hours is not None:
        playable([one for one in plan.demand if isinstance(one, Serving)], traced=how.trace is not None)
    made_of = parts(plan.design, catalog)
    _, time = fabric(plan.design.fabric, made_of, plan.design.accelerators or 0, a)
    found = dict[int, ServingSearch]()
    if searched:
        progress("price of the factory")
        found = _searched(plan, catalog, made_of, a, base, served, progress)
        if is_open:
            plan, proposed = _filled(plan, found), _explained(proposed, found)
    runs, fleet = list[ServingRun](), list[Replicated]()
    for index in served:
        workload, placement = plan.demand[index], (plan.design.placements or ())[index]
        if not isinstance(workload, Serving) or placement.serving is None:
            continue
        model = models.find(workload.serve, base)
        progress(f"serving {model.id}")
        machine = model, made_of.system, made_of.accelerator, made_of.host
        with placed(index):
            result = serve(workload, *machine, placement.accelerators, placement.serving, time, a)
        with placed(index, "demand"):
            traffic = play(workload, result, *machine, time, a, how)
        margins = tuple(sorted(serving_margins(f"demand[{index}]", workload, result), key=lambda one: -one.share))
        runs.append(ServingRun(index, result, margins, traffic, found.get(index), None))
        fleet.append(served_model(workload, result, *machine, time, a))
    if hours is not None:
        progress(f"{hours:g} hours of the fleet")
        played = play_fleet(fleet, Hours(hours, how.policy, _failures(made_of, a), how.seed))
        runs = [replace(run, fleet=one) for run, one in zip(runs, played, strict=True)]
    return ServingAnswer(
        name=plan.name,
        version=__version__,
        input_hash=input_hash(plan, catalog, a),
        seed=how.seed,
        system=made_of.system.id,
        accelerators=plan.design.accelerators or 0,
        runs=tuple(runs),
        assumptions=a.used(),
        proposed=proposed,
        plan=plan,
        base=base,
    )


def _asked(plan: Plan) -> list[int]:
    """Places of the served models in the demand."""
    served = [index for index, workload in enumerate(plan.demand) if isinstance(workload, Serving)]
    if not served:
        raise UsageError(
            "the plan serves nothing; add {serve: MODEL, requests: ..., prompt: ..., answer: ...} to demand"
        )
    return served


def _failures(made_of: Parts, a: Assumptions) -> float:
    """Failures of an accelerator with its share of the system [1/s]."""
    return sum(system_rates(made_of.system, made_of.accelerator, a).values()) / made_of.system.accelerators


def _searched(
    plan: Plan, catalog: Catalog, made_of: Parts, a: Assumptions, base: Path, served: Sequence[int],
    progress: Callable[[str], None],
) -> dict[int, ServingSearch]:  # fmt: skip
    """Every layout of each served model, by its place in the demand."""
    prices, systems = _prices(evaluate(plan, catalog, a, base=base)), _domains(plan, made_of, a)
    found = dict[int, ServingSearch]()
    for index in served:
        workload, placement = plan.demand[index], (plan.design.placements or ())[index]
        if isinstance(workload, Serving):
            model = models.find(workload.serve, base)
            progress(f"every layout of {model.id}")
            asked = Asked(
                workload, model, made_of.accelerator, made_of.host, placement.accelerators, prices, a
            )  # fmt: skip
            found[index] = search(asked, systems, made_of.system.scale_up_domain)
    return found


def _filled(plan: Plan, found: Mapping[int, ServingSearch]) -> Plan:
    """The plan with the layouts that searches have found, and as many accelerators as the asked rates take."""
    placements = [*(plan.design.placements or ())]
    for index, one in found.items():
        each, most = one.best.accelerators, placements[index].accelerators
        count = min(one.accelerators, most // each * each)
        placements[index] = Placement(accelerators=count, serving=one.best.layout)
    return plan.model_copy(update={"design": plan.design.model_copy(update={"placements": tuple(placements)})})


def _explained(proposed: Sequence[str], found: Mapping[int, ServingSearch]) -> tuple[str, ...]:
    """What was chosen, with the reasons of searches for the placements that they have filled."""
    why = {
        f"design.placements[{index}]": f"{one.accelerators:,} accelerators: the fewest for the asked rate within the "
        f"limits, of {one.tried:,} configurations"
        for index, one in found.items()
    }
    kept = (told for told in proposed if told.partition(" = ")[0] not in why)
    return (*kept, *(f"{path} = {reason}" for path, reason in why.items()))


def _prices(whole: Evaluation) -> Prices:
    """What an accelerator of the evaluated factory takes and costs."""
    money, facility, twin = whole.economics, whole.facility, whole.twin
    hours = twin.accelerators * whole.reliability.availability * units.YEAR / units.HOUR
    around = twin.it_power / (twin.systems * twin.system.power)
    return Prices(
        facility.pue * around, (money.annual - money.energy_cost) / hours, money.energy_cost / facility.energy
    )


def _domains(plan: Plan, made_of: Parts, a: Assumptions) -> dict[int, Machinery]:
    """The system with scale-up domains of several sizes, and its own; only that where a torus joins accelerators."""
    own = made_of.system.scale_up_domain
    found = dict[int, Machinery]()
    for size in sorted({own, *(DOMAINS if made_of.nic else ())}):
        sized = replace(made_of, system=made_of.system.model_copy(update={"scale_up_domain": size}))
        _, time = fabric(plan.design.fabric, sized, plan.design.accelerators or 0, a)
        found[size] = Machinery(sized.system, time)
    return found

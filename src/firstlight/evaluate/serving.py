"""Serving alone: every served model of a plan on its share of the factory, in closed form and request by request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from firstlight import __version__
from firstlight.errors import UsageError
from firstlight.evaluate.build import fabric, parts
from firstlight.evaluate.run import input_hash, placed
from firstlight.performance.result import ServingResult, ServingTraffic
from firstlight.performance.serving import serve
from firstlight.performance.serving.play import Play, play
from firstlight.spec import models
from firstlight.spec.assumptions import Assumption, Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Serving
from firstlight.twin.result import Result, plain, quantity


@dataclass(frozen=True, repr=False)
class ServingRun(Result):
    """One served model."""

    demand: int = quantity("", "place in the demand, from 0")
    result: ServingResult = quantity("", "capacity, latencies and memory in closed form")
    traffic: ServingTraffic = quantity("", "the same, with requests played one by one")

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON has it, SI units."""
        return {"demand": self.demand, "result": self.result.to_dict(), "traffic": self.traffic.to_dict()}


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

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON has it, SI units."""
        body = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "base"}
        return body | {"plan": self.plan.model_dump(mode="json", exclude_none=True)}


def evaluate_serving(
    plan: Plan,
    catalog: Catalog,
    a: Assumptions,
    how: Play,
    *,
    base: Path = Path(),
    proposed: tuple[str, ...] = (),
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
        progress: called as each model begins.

    Raises:
        UsageError: nothing is served, or a layout does not go.
        InfeasibleError: a model or its batch does not fit.
    """
    served = [index for index, workload in enumerate(plan.demand) if isinstance(workload, Serving)]
    if not served:
        raise UsageError(
            "the plan serves nothing; add {serve: MODEL, requests: ..., prompt: ..., answer: ...} to demand"
        )
    made_of = parts(plan.design, catalog)
    _, time = fabric(plan.design.fabric, made_of, plan.design.accelerators or 0, a)
    machine = made_of.system, made_of.accelerator, made_of.host
    runs = list[ServingRun]()
    for index in served:
        workload, placement = plan.demand[index], (plan.design.placements or ())[index]
        if not isinstance(workload, Serving) or placement.serving is None:
            continue
        model = models.find(workload.serve, base)
        progress(f"serving {model.id}")
        with placed(index):
            result = serve(workload, model, *machine, placement.accelerators, placement.serving, time, a)
            runs.append(ServingRun(index, result, play(workload, result, model, *machine, time, a, how)))
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

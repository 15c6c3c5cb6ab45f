"""Training alone: every run of a plan on its share of the factory, with its search and its timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from firstlight import __version__, units
from firstlight.errors import InfeasibleError, Limit, UsageError
from firstlight.evaluate.build import Parts, fabric, parts
from firstlight.evaluate.run import input_hash, placed
from firstlight.network.collectives import FabricTime
from firstlight.performance.result import TrainingResult
from firstlight.performance.training import Run, train
from firstlight.performance.training.search.advice import advice
from firstlight.performance.training.search.found import TrainingSearch
from firstlight.performance.training.search.search import search
from firstlight.performance.training.timeline import Timeline, timeline
from firstlight.spec import models, teachers
from firstlight.spec.assumptions import Assumption, Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Placement, TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training
from firstlight.twin.result import Result, plain, quantity

TENTHS = 10
"""How often a search tells how far it has come."""
Progress = Callable[[str], None]


@dataclass(frozen=True, repr=False)
class TrainingRun(Result):
    """One training run, and everything that it can be computed again with."""

    demand: int = quantity("", "place in the demand, from 0")
    result: TrainingResult = quantity("", "step time, where it goes, memory")
    advice: str = quantity("", "what to change so that it fits; empty where it does")
    search: TrainingSearch | None = quantity("", "all layouts; None where they were not asked for")
    workload: Training = quantity("", "what is trained, with its batch")
    parts: Parts = quantity("", "of the system (not part of the JSON)")
    time: FabricTime = quantity("", "of collectives (not part of the JSON)")
    model: Model = quantity("", "architecture (not part of the JSON)")
    teacher: Model | None = quantity("", "that of the teacher, if any (not part of the JSON)")
    a: Assumptions = quantity("", "of the run (not part of the JSON)")

    @property
    def fits(self) -> bool:
        """The memory holds it, the accelerator's and the host's."""
        kept = self.result.host_memory <= self.result.host_memory_available
        return kept and self.result.memory <= self.result.memory_available

    def timeline(self) -> Timeline:
        """One optimizer step, pass by pass."""
        made_of = self.parts
        run = Run(
            self.workload, self.model, made_of.system, made_of.accelerator, made_of.host, self.result.accelerators,
            self.time, self.a, self.teacher,
        )  # fmt: skip
        return timeline(run, self.result.layout)

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON has it, SI units."""
        hidden = ("parts", "time", "model", "teacher", "a")
        body = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name not in hidden}
        return body | {"units": TrainingResult.units()}


@dataclass(frozen=True, repr=False)
class TrainingAnswer(Result):
    """Every training run of one plan."""

    name: str = quantity("", "name of the factory")
    version: str = quantity("", "version of firstlight")
    input_hash: str = quantity("", "SHA-256 of the resolved plan, the catalogue and the assumptions")
    system: str = quantity("", "system id")
    accelerator: str = quantity("", "accelerator id")
    accelerators: int = quantity("", "accelerators of the factory")
    scale_up_domain: int = quantity("", "accelerators of a scale-up domain")
    runs: tuple[TrainingRun, ...] = quantity("", "one for each training workload, in the demand's order")
    assumptions: tuple[Assumption, ...] = quantity("", "every assumption that the run has read")
    proposed: tuple[str, ...] = quantity("", "paths of the design that firstlight chose, with the reason")
    plan: Plan = quantity("", "the plan with everything resolved")
    base: Path = quantity("", "folder that the paths in the plan are relative to (not part of the JSON)")

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON has it, SI units."""
        body = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "base"}
        return body | {"plan": self.plan.model_dump(mode="json", exclude_none=True)}


def evaluate_training(
    plan: Plan,
    catalog: Catalog,
    a: Assumptions,
    *,
    base: Path = Path(),
    searched: Mapping[int, TrainingLayout | None] | None = None,
    is_open: frozenset[int] = frozenset(),
    progress: Progress = lambda _: None,
) -> TrainingAnswer:
    """Every training run of a plan whose design is resolved.

    Args:
        plan: nothing left open (see `design.propose`).
        catalog: parts.
        a: assumptions; those that are read are listed in the answer.
        base: folder that the plan's paths are relative to.
        searched: runs whose layouts are all tried, by their place in the demand, with the layout to keep; None takes
            the fastest.
        is_open: runs whose batch firstlight chose.
        progress: called as `TENTHS` parts of the searches are done.

    Raises:
        UsageError: a layout does not divide; says which, and what would.
        InfeasibleError: a search in which nothing fits.
    """
    made_of = parts(plan.design, catalog)
    _, time = fabric(plan.design.fabric, made_of, plan.design.accelerators or 0, a)
    runner = _Runner(made_of, time, a, base, searched or {}, is_open, progress)
    placements = enumerate(zip(plan.demand, plan.design.placements or (), strict=True))
    runs = tuple(
        runner.run(index, workload, placement.accelerators, placement.training)
        for index, (workload, placement) in placements
        if isinstance(workload, Training) and placement.training
    )
    resolved = _resolved(plan, runs)
    return TrainingAnswer(
        name=plan.name,
        version=__version__,
        input_hash=input_hash(resolved, catalog, a),
        system=made_of.system.id,
        accelerator=made_of.accelerator.id,
        accelerators=plan.design.accelerators or 0,
        scale_up_domain=made_of.system.scale_up_domain,
        runs=runs,
        assumptions=a.used(),
        proposed=(),
        plan=resolved,
        base=base,
    )


@dataclass(frozen=True)
class _Runner:
    """Runs the workloads of one plan; what `evaluate_training` is given."""

    made_of: Parts
    time: FabricTime
    a: Assumptions
    base: Path
    searched: Mapping[int, TrainingLayout | None]
    is_open: frozenset[int]
    progress: Progress

    def run(self, index: int, workload: Training, count: int, layout: TrainingLayout) -> TrainingRun:
        """One workload: its search where it is asked for, and the run in the layout that is taken."""
        model, teacher, found = models.find(workload.train, self.base), teachers.find(workload, self.base), None
        with placed(index):
            if index in self.searched:
                found = self._search(index, workload, model, teacher, count)
                if self.searched[index] is None:
                    layout, count = found.layout, _used(found.layout, count)
                    workload = workload.model_copy(update={"batch": found.batch})
            asked = self._asked(workload, model, teacher, count)
            result, hint = train(asked, layout), ""
            if result.memory > result.memory_available:
                hint = advice(asked, layout)
        return TrainingRun(index, result, hint, found, workload, self.made_of, self.time, model, teacher, self.a)

    def _search(
        self, index: int, workload: Training, model: Model, teacher: Model | None, count: int
    ) -> TrainingSearch:
        asked = workload.model_copy(update={"batch": None}) if index in self.is_open else workload
        tell = _tenths(f"layouts of {model.id}", len(self.searched), self.progress)
        return search(self._asked(asked, model, teacher, count), given=self.searched[index], progress=tell)

    def _asked(self, workload: Training, model: Model, teacher: Model | None, count: int) -> Run:
        parts = self.made_of
        return Run(workload, model, parts.system, parts.accelerator, parts.host, count, self.time, self.a, teacher)


def _used(layout: TrainingLayout, accelerators: int) -> int:
    """Accelerators that have a part in a layout."""
    group = layout.tensor * layout.pipeline * layout.context
    return accelerators // group * group


def _resolved(plan: Plan, runs: tuple[TrainingRun, ...]) -> Plan:
    """The plan with the batches and layouts that were taken."""
    demand, placements = [*plan.demand], [*(plan.design.placements or ())]
    for run in runs:
        demand[run.demand] = run.workload
        placements[run.demand] = Placement(accelerators=run.result.accelerators, training=run.result.layout)
    design = plan.design.model_copy(update={"placements": tuple(placements)})
    return plan.model_copy(update={"demand": tuple(demand), "design": design})


def _tenths(what: str, searches: int, progress: Progress) -> Callable[[int, int], None]:
    """Progress of one of several searches in tenths of all of them."""
    told = 0

    def tell(done: int, whole: int) -> None:
        nonlocal told
        reached = done * TENTHS // (whole * searches)
        if reached > told:
            told = reached
            progress(f"{done:,} of {whole:,} {what}")

    return tell


def require_memory(answer: TrainingAnswer) -> None:
    """Pass an answer whose runs all fit their accelerators.

    Raises:
        InfeasibleError: which do not, by how much, and what would fit.
    """
    limits = tuple(
        Limit(
            f"demand[{run.demand}].memory", units.show(run.result.memory, "bytes"),
            units.show(run.result.memory_available, "bytes"), f"{run.advice[:1].upper()}{run.advice[1:].rstrip('.')}.",
            run.result.memory / run.result.memory_available,
        )
        for run in answer.runs
        if not run.fits
    )  # fmt: skip
    if limits:
        raise InfeasibleError(f"{answer.name} does not hold what it should train:", limits)


def trained(plan: Plan) -> tuple[int, ...]:
    """Places in the demand of what is trained.

    Raises:
        UsageError: nothing is.
    """
    found = tuple(index for index, workload in enumerate(plan.demand) if isinstance(workload, Training))
    if not found:
        raise UsageError(
            f"{plan.name} has nothing to train: its demand only serves; add a workload with `train:`, such as "
            "`- {train: llama-3-8b, tokens: 1T}`"
        )
    return found

"""Runs the disciplines in order and hands numbers across."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from firstlight import __version__
from firstlight.economics import price
from firstlight.errors import UsageError
from firstlight.evaluate import hand
from firstlight.evaluate.bill import bill
from firstlight.evaluate.build import Built, build
from firstlight.evaluate.evaluation import Evaluation, FactorySummary
from firstlight.evaluate.margins import margins
from firstlight.evaluate.notes import notes
from firstlight.facility import year
from firstlight.network import cables
from firstlight.network.cables import CablePlan
from firstlight.network.describe import describe
from firstlight.network.result import NetworkResult
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.performance.serving import serve
from firstlight.performance.training import Run, train
from firstlight.reliability import assess
from firstlight.reliability.assess import spare_nodes
from firstlight.schedule import programme
from firstlight.spec import models, teachers
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training
from firstlight.twin.factory import Factory, RackKind

STEPS = ("fabric and factory", "cables", "workloads", "facility", "reliability", "schedule", "cost")


def evaluate(
    plan: Plan,
    catalog: Catalog,
    a: Assumptions,
    *,
    base: Path = Path(),
    seed: int = 0,
    proposed: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Everything that firstlight says about a plan whose design is resolved.

    Args:
        plan: nothing left open (see `design.propose`).
        catalog: parts.
        a: assumptions; those that are read are listed in the answer.
        base: folder that the plan's paths are relative to.
        seed: of everything random.
        proposed: why each proposed value was proposed, by path.
        progress: called with each of `STEPS` as it begins.

    Raises:
        UsageError: something is left open, or parts do not go together.
        InfeasibleError: no such factory can exist.
    """
    progress(STEPS[0])
    built = build(plan, catalog, a)
    factory = built.factory
    progress(STEPS[1])
    cable_plan, network = wire(built, catalog, a)
    progress(STEPS[2])
    training, serving = workloads(plan, built, a, base)
    progress(STEPS[3])
    profile = hand.power_profile(factory, training, serving)
    facility = year(plan.site, plan.design, factory, profile, catalog, a, base)
    progress(STEPS[4])
    reliability = assess(factory, hand.runs(training, plan.design, factory, a), hand.fabric_counts(network), a)
    progress(STEPS[5])
    bought = bill(built, network, facility, catalog, plan.site)
    start, ready_by = dates(plan)
    schedule = programme(
        start, ready_by, hand.orders(bought, catalog, built.parts.accelerator.released),
        hand.build_facts(factory, network, plan), a, np.random.SeedSequence(seed).spawn(1)[0],
    )  # fmt: skip
    progress(STEPS[6])
    economics = price(
        bought, hand.energy_facts(plan.site, facility), hand.building_facts(plan.site, facility), factory.accelerators,
        reliability.availability, hand.workload_facts(plan, factory, training, serving, reliability.runs), a,
    )  # fmt: skip
    return Evaluation(
        name=plan.name,
        version=__version__,
        input_hash=input_hash(plan, catalog, a),
        seed=seed,
        plan=plan,
        factory=summarise(factory),
        network=network,
        training=training,
        serving=serving,
        facility=facility,
        reliability=reliability,
        economics=economics,
        schedule=schedule,
        bill=bought,
        margins=margins(plan, training, serving, reliability.runs, facility, schedule),
        assumptions=a.used(),
        proposed=tuple(f"{path} = {why}" for path, why in (proposed or {}).items()),
        warnings=notes(
            plan, factory, training, serving, facility, reliability.runs, spare_nodes(factory, a), bought, start
        ),
        twin=factory,
        cable_plan=cable_plan,
        base=base,
    )


def wire(built: Built, catalog: Catalog, a: Assumptions) -> tuple[CablePlan, NetworkResult]:
    """The fabric's cables, and what there is to say about it."""
    plan = cables.plan(built.factory, catalog, a)
    return plan, describe(built.factory, plan, built.time, catalog, a)


def workloads(
    plan: Plan, built: Built, a: Assumptions, base: Path
) -> tuple[tuple[TrainingResult, ...], tuple[ServingResult, ...]]:
    """Every workload of the demand on its placement: training runs and served models, each in the demand's order."""
    training: list[TrainingResult] = []
    serving: list[ServingResult] = []
    parts, time = built.parts, built.time
    if plan.design.placements is None:
        raise UsageError("design.placements is open; let `design.propose` resolve the plan first")
    for index, (workload, placement) in enumerate(zip(plan.demand, plan.design.placements, strict=True)):
        machine = (parts.system, parts.accelerator, parts.host, placement.accelerators)
        with placed(index):
            if isinstance(workload, Training) and placement.training:
                model, teacher = models.find(workload.train, base), teachers.find(workload, base)
                training.append(train(Run(workload, model, *machine, time, a, teacher), placement.training))
            elif not isinstance(workload, Training) and placement.serving:
                model = models.find(workload.serve, base)
                serving.append(serve(workload, model, *machine, placement.serving, time, a))
    return tuple(training), tuple(serving)


@contextmanager
def placed(index: int, within: str = "design.placements") -> Iterator[None]:
    """Say of a layout, or of what else does not go, where it stands in the document."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{within}[{index}]: {error}") from None


def dates(plan: Plan) -> tuple[dt.date, dt.date | None]:
    """Start and wanted first light of a plan; a time is counted from the start."""
    start = plan.start or dt.date.today()
    if plan.ready_by is None or isinstance(plan.ready_by, dt.date):
        return start, plan.ready_by
    return start, start + dt.timedelta(seconds=plan.ready_by)


def summarise(factory: Factory) -> FactorySummary:
    """Counts of what was assembled."""
    kinds = np.bincount(factory.racks.kind, minlength=len(RackKind))
    return FactorySummary(
        system=factory.system.id,
        accelerator=factory.accelerator.id,
        accelerators=factory.accelerators,
        systems=factory.systems,
        nodes=factory.nodes,
        compute_racks=int(kinds[RackKind.COMPUTE]),
        network_racks=int(kinds[RackKind.NETWORK]),
        service_racks=int(kinds[RackKind.SERVICE]),
        pods=len(factory.pods) - 1,
        halls=len(factory.halls),
        buildings=factory.buildings,
        scale_up_domain=factory.system.scale_up_domain,
    )


def input_hash(plan: Plan, catalog: Catalog, a: Assumptions) -> str:
    """SHA-256 of all that the answer depends on: the resolved plan, the catalogue and the assumptions."""
    content = {
        "version": __version__,
        "plan": plan.model_dump(mode="json"),
        "catalogue": [part.model_dump(mode="json") for part in catalog],
        "assumptions": {name: a.entry(name).text for name in a},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

"""The verb `train`: from a document to every training run of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from firstlight.design.propose import propose
from firstlight.design.settle import with_design
from firstlight.evaluate.hand import usable
from firstlight.evaluate.training import TENTHS, TrainingAnswer, evaluate_training, trained
from firstlight.spec import load
from firstlight.spec.design import TrainingLayout
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Training

_ELSEWHERE = ("design.power", "design.cooling")
"""What training asks nothing of."""
TRAIN_STEPS = 2 + TENTHS
"""How often `train` reports progress, at the most."""


def train(
    path: Path | str,
    *,
    search: bool = False,
    sets: Mapping[str, str] | None = None,
    parts: Path | None = None,
    today: dt.date | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> TrainingAnswer:
    """Check a plan, propose what it leaves open, and say how fast each of its training runs is.

    Args:
        path: of the plan document.
        search: try every layout; where the plan leaves the placements open, the fastest one is taken.
        sets: values to change for this run, by path ("demand[0].sequence": "4096").
        parts: a Catalog document with parts of the user's own, in the place of the plan's.
        today: the day of the run; start of the plan where it names none.
        progress: called at the start of each of `TRAIN_STEPS` steps, at the most.

    Raises:
        DocumentError: the document is wrong; all of its problems.
        InfeasibleError: no factory or no layout can meet it; which limits bind and what would fit.
        UsageError: there is nothing to train, or parts or a layout do not go together.
    """
    today = today or dt.date.today()
    own = {"catalog": json.dumps(str(parts.resolve()))} if parts else {}
    loaded = load.load_plan(Path(path), sets={**(sets or {}), **own}, today=today)
    given = loaded.plan if loaded.plan.start else loaded.plan.model_copy(update={"start": today})
    runs = trained(given)
    progress("design")
    proposal = propose(given, loaded.catalog, loaded.assumptions, loaded.base)
    progress("training")
    is_open = search and given.design.placements is None
    answer = evaluate_training(
        _filled(proposal.plan, runs) if is_open else proposal.plan,
        loaded.catalog,
        loaded.assumptions,
        base=loaded.base,
        searched={index: _written(given, index) for index in runs} if search else {},
        is_open=frozenset(index for index in runs if _batch(given, index) is None),
        progress=progress,
    )
    reasons = {**proposal.reasons, **(_reasons(answer) if is_open else {})}
    told = [f"{path} = {why}" for path, why in reasons.items() if not path.startswith(_ELSEWHERE)]
    return replace(answer, proposed=tuple(told))


def _reasons(answer: TrainingAnswer) -> dict[str, str]:
    """Why the placements that a search has chosen, by path."""
    return {
        f"design.placements[{run.demand}]": f"{run.result.accelerators:,} accelerators: the fastest of "
        f"{run.search.fit:,} layouts that fit, out of {run.search.tried:,} on {run.search.accelerators:,}"
        for run in answer.runs
        if run.search
    }


def _filled(plan: Plan, runs: tuple[int, ...]) -> Plan:
    """The plan with the accelerators that its layouts leave idle shared among its training runs, for other layouts."""
    placements = [*(plan.design.placements or ())]
    idle = usable(plan.design) - sum(placement.accelerators for placement in placements)
    for index in runs:
        more = placements[index].accelerators + max(idle, 0) // len(runs)
        placements[index] = placements[index].model_copy(update={"accelerators": more})
    return with_design(plan, placements=tuple(placements))


def _written(plan: Plan, index: int) -> TrainingLayout | None:
    """The layout that the document gives a run, if any."""
    return plan.design.placements[index].training if plan.design.placements else None


def _batch(plan: Plan, index: int) -> float | None:
    workload = plan.demand[index]
    return workload.batch if isinstance(workload, Training) else None

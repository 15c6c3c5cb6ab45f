"""The verb `plan`: from a document to everything that firstlight says about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

from firstlight import units
from firstlight.design.propose import propose
from firstlight.evaluate import Evaluation, evaluate
from firstlight.evaluate.run import STEPS as EVALUATION_STEPS
from firstlight.spec import load

STEPS = 1 + len(EVALUATION_STEPS)
"""How often `plan` reports progress."""


def plan(
    path: Path | str,
    *,
    sets: Mapping[str, str] | None = None,
    seed: int = 0,
    today: dt.date | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Check a plan, propose what it leaves open, assemble the factory and evaluate it.

    Args:
        path: of the plan document.
        sets: values to change for this run, by path ("site.power": "75 MW").
        seed: of everything random.
        today: the day of the run; start of the plan where it names none.
        progress: called at the start of each of `STEPS` steps.

    Raises:
        DocumentError: the document is wrong; all of its problems.
        InfeasibleError: no factory can meet it; which limits bind and what would fit.
        UsageError: parts that do not go together.
    """
    today = today or dt.date.today()
    loaded = load.load_plan(Path(path), sets=sets or {}, today=today)
    given = loaded.plan if loaded.plan.start else loaded.plan.model_copy(update={"start": today})
    progress("design")
    proposal = propose(given, loaded.catalog, loaded.assumptions, loaded.base)
    return evaluate(
        proposal.plan,
        loaded.catalog,
        loaded.assumptions,
        base=loaded.base,
        seed=seed,
        proposed=proposal.reasons,
        progress=progress,
    )


def dry_run(path: Path | str, *, sets: Mapping[str, str] | None = None) -> str:
    """What `plan` would do with a document, and about how long it would take; plans nothing.

    Raises:
        DocumentError: the document is wrong.
    """
    loaded = load.load_plan(Path(path), sets=sets or {}, today=dt.date.today())
    design = loaded.plan.design
    open_fields = [name for name in ("system", "accelerators", "placements") if getattr(design, name) is None]
    # Seconds that do not depend on the size, and seconds for each accelerator: from benchmarks/test_main_job.py.
    seconds = 4.0 + 12.0 * (design.system is None) + 30e-6 * (design.accelerators or 100_000)
    return (
        f"{path}: a valid plan; would propose {', '.join(open_fields) or 'nothing'} "
        f"and take about {units.show(seconds, 'time', 1)}"
    )

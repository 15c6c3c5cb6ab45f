"""The verb `collective`: from a document to the time of one collective on its fabric."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

from firstlight.design.propose import propose
from firstlight.evaluate.collective import CollectiveAnswer, Question, evaluate_collective
from firstlight.spec import load


def collective(
    path: Path | str,
    asked: Question,
    *,
    sets: Mapping[str, str] | None = None,
    parts: Path | None = None,
    today: dt.date | None = None,
) -> CollectiveAnswer:
    """Check a plan, propose what its design leaves open, and time one collective on its fabric.

    Args:
        path: of the plan document.
        asked: what is asked.
        sets: values to change for this run, by path ("design.fabric.taper": "2").
        parts: a Catalog document with parts of the user's own, in the place of the plan's.
        today: the day of the run; start of the plan where it names none.

    Raises:
        DocumentError: the document is wrong; all of its problems.
        InfeasibleError: no factory can meet its demand.
        UsageError: parts do not go together, or the group does not fit the fabric.
    """
    own = {"catalog": json.dumps(str(parts.resolve()))} if parts else {}
    loaded = load.load_plan(Path(path), sets={**(sets or {}), **own}, today=today or dt.date.today())
    given = loaded.plan if loaded.plan.start else loaded.plan.model_copy(update={"start": today or dt.date.today()})
    resolved = propose(given, loaded.catalog, loaded.assumptions, loaded.base).plan
    return evaluate_collective(resolved, loaded.catalog, loaded.assumptions, asked)

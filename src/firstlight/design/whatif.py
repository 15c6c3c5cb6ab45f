"""The verb `whatif`: from a document to what failures and placements do to its jobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from firstlight.design.fabric import fabric
from firstlight.design.train import train
from firstlight.evaluate.effects import WhatIf, WhatIfResult
from firstlight.evaluate.whatif import evaluate_whatif


def whatif(
    path: Path | str, asked: WhatIf, *, sets: Mapping[str, str] | None = None, today: dt.date | None = None
) -> WhatIfResult:
    """Check a plan, propose what it leaves open, and see its jobs under failures and in another placement.

    Args:
        path: of the plan document.
        asked: what is asked.
        sets: values to change for this run, by path ("design.fabric.taper": "2").
        today: the day of the run; start of the plan where it names none.

    Raises:
        DocumentError: the document is wrong; all of its problems.
        InfeasibleError: no factory can meet its demand.
        UsageError: nothing is trained, an unknown failure, or a placement that the fabric does not have.
    """
    answer = train(path, sets=sets, today=today)
    topology, latencies, _ = fabric(path, sets=sets, today=today)
    return evaluate_whatif(answer, topology, latencies, asked)

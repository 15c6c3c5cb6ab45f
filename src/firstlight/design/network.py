"""The verb `build_network`: from a document to its fabric, cable by cable."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from firstlight.design.propose import propose
from firstlight.evaluate.network import NETWORK_STEPS as _STEPS
from firstlight.evaluate.network import NetworkAnswer, evaluate_network
from firstlight.spec import load

NETWORK_STEPS = 1 + len(_STEPS)
"""How often `build_network` reports progress."""
_ELSEWHERE = ("design.power", "design.cooling", "design.placements")
"""What the fabric asks nothing of."""


def build_network(
    path: Path | str,
    *,
    sets: Mapping[str, str] | None = None,
    parts: Path | None = None,
    today: dt.date | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> NetworkAnswer:
    """Check a plan, propose what it leaves open, and lay out its fabric.

    Args:
        path: of the plan document.
        sets: values to change for this run, by path ("design.fabric.taper": "2").
        parts: a Catalog document with parts of the user's own, in the place of the plan's.
        today: the day of the run; start of the plan where it names none.
        progress: called at the start of each of `NETWORK_STEPS` steps.

    Raises:
        DocumentError: the document is wrong; all of its problems.
        InfeasibleError: no factory can meet it; which limits bind and what would fit.
        UsageError: the fabric cannot be built so; what would do.
    """
    today = today or dt.date.today()
    own = {"catalog": json.dumps(str(parts.resolve()))} if parts else {}
    loaded = load.load_plan(Path(path), sets={**(sets or {}), **own}, today=today)
    given = loaded.plan if loaded.plan.start else loaded.plan.model_copy(update={"start": today})
    progress("design")
    proposal = propose(given, loaded.catalog, loaded.assumptions, loaded.base)
    reasons = ((at, why) for at, why in proposal.reasons.items() if not at.startswith(_ELSEWHERE))
    return evaluate_network(
        proposal.plan,
        loaded.catalog,
        loaded.assumptions,
        base=loaded.base,
        proposed=tuple(f"{at} = {why}" for at, why in reasons),
        progress=progress,
    )

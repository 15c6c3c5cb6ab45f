"""Whether served models meet their limits, which of them bind, and what would fit."""

from __future__ import annotations

from firstlight import units
from firstlight.errors import InfeasibleError
from firstlight.evaluate.evaluation import Margin
from firstlight.evaluate.margins import broken_limit, times_and_enough
from firstlight.evaluate.serving import ServingAnswer, ServingRun


def require_served(answer: ServingAnswer) -> None:
    """Pass models that take the asked rates within their limits.

    Raises:
        InfeasibleError: which limits are broken, by how much, and what would fit.
    """
    limits = tuple(
        broken_limit(margin, _remedy(margin, run)) for run in answer.runs for margin in run.margins if margin.broken
    )
    if limits:
        raise InfeasibleError(f"{answer.name} is not served as it asks:", limits)


def _remedy(margin: Margin, run: ServingRun) -> str:
    """What would fit: by proportion, or the layout that a search has found."""
    times, enough = times_and_enough(margin)
    if run.search:
        other = f"take the best layout of the search, on {run.search.accelerators:,} accelerators"
    else:
        other = "let --search try every layout"
    field = margin.name.rpartition(".")[2]
    if field == "requests":
        rate = units.show(margin.available, "rate")
        slow = any(one.broken and one.name.endswith("_token") for one in run.margins)
        more = "mend its latencies first" if slow else f"give it {times} times its accelerators"
        return f"Within its limits it takes {rate}; {more}, or {other}."
    if field == "memory":
        return f"Lower the batch of its layout, or {other}."
    return f"Allow {enough}, lower the batch of its layout, or {other}."

"""The verb `serve`: from a document to every served model of it, in closed form and request by request."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from firstlight.design.propose import propose
from firstlight.evaluate.serving import ServingAnswer, evaluate_serving
from firstlight.performance.serving.events.policy import engine as policy
from firstlight.performance.serving.play import Play
from firstlight.spec import load
from firstlight.spec.traces import read_trace

_ELSEWHERE = ("design.power", "design.cooling", "design.fabric")
"""What serving tells nothing of."""


def serve(
    path: Path | str,
    *,
    trace: Path | None = None,
    engine: str = "vllm",
    router: str = "least-loaded",
    cache: float | None = None,
    seed: int = 0,
    search: bool = False,
    hours: float | None = None,
    sets: Mapping[str, str] | None = None,
    parts: Path | None = None,
    today: dt.date | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> ServingAnswer:
    """Check a plan, propose what it leaves open, and say how each of its models is served.

    Args:
        path: of the plan document.
        trace: file of requests to play, at the asked rate; by default requests come at random.
        engine: whose scheduling: "vllm", "sglang" or "trtllm".
        router: "round-robin", "least-loaded", "power-of-two" or "prefix-affinity".
        cache: tokens that the accelerators of each replica keep of prompts, for a trace with hashes of blocks; None:
            as the workload says.
        seed: of everything random.
        search: try every layout, with one pool of engines and with two; where the plan leaves the placements open, the
            one that takes the fewest accelerators is taken.
        hours: of the whole fleet that are played too, around the busiest of the day; None: none.
        sets: values to change for this run, by path ("demand[0].requests": "50 /s").
        parts: a Catalog document with parts of the user's own, in the place of the plan's.
        today: the day of the run; start of the plan where it names none.
        progress: called at the start of each step.

    Raises:
        DocumentError: the document or the trace is wrong; all of its problems.
        InfeasibleError: no factory or no layout can meet it; which limits bind and what would fit.
        UsageError: there is nothing to serve, or an option that would have no effect.
    """
    how = Play(engine, policy(engine, router), read_trace(Path(trace)) if trace else None, cache, seed)
    today = today or dt.date.today()
    own = {"catalog": json.dumps(str(parts.resolve()))} if parts else {}
    loaded = load.load_plan(Path(path), sets={**(sets or {}), **own}, today=today)
    given = loaded.plan if loaded.plan.start else loaded.plan.model_copy(update={"start": today})
    progress("design")
    proposal = propose(given, loaded.catalog, loaded.assumptions, loaded.base)
    reasons = ((at, why) for at, why in proposal.reasons.items() if not at.startswith(_ELSEWHERE))
    return evaluate_serving(
        proposal.plan, loaded.catalog, loaded.assumptions, how, base=loaded.base,
        proposed=tuple(f"{at} = {why}" for at, why in reasons), searched=search,
        is_open=search and given.design.placements is None, hours=hours, progress=progress,
    )  # fmt: skip

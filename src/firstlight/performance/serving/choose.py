"""The layout that serves a rate within its limits on the fewest accelerators."""

from __future__ import annotations

import numpy as np

from firstlight import units
from firstlight.errors import InfeasibleError, Limit
from firstlight.performance.serving.batching import flow
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.memory import cache_room, mean_cache, slots
from firstlight.performance.serving.scheduling import scheduled
from firstlight.performance.serving.serve import allowed
from firstlight.performance.serving.space import space
from firstlight.performance.serving.steady import Flow
from firstlight.performance.serving.tails import limited
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import ServingLayout
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Serving
from firstlight.twin.protocols import CollectiveTime, Floats, Ints

COARSE, FINE = 24, 12
"""Batches that are tried for each layout, over its whole range and then around the best of them."""


def best(
    workload: Serving,
    model: Model,
    system: System,
    accelerator: Accelerator,
    host: Host,
    collective: CollectiveTime,
    a: Assumptions,
) -> tuple[ServingLayout, int, int]:
    """The layout that serves the asked rate within the limits on the fewest accelerators, all replicas together.

    Of layouts with equally many, the one with the shorter time per token. Its batch is the greatest within the limits.

    Returns:
        The layout of a replica, its accelerators, replicas.

    Raises:
        InfeasibleError: no layout fits the memory, or none meets a limit; says how near the best one comes.
    """
    case = Case.asked(
        workload, model, system, accelerator, host, space(model, scheduled(a, workload), workload.prompt), collective, a
    )
    most = slots(case)
    if not (most >= 1).any():
        raise too_large(case)
    case = case.of(np.flatnonzero(most >= 1))
    most = most[most >= 1]
    batch, found = _greatest(case, workload, most)
    met = allowed(workload, found)
    if not met.any():
        raise too_slow(case, workload, *found.within, case.layouts.accelerators)
    each = case.layouts.accelerators
    replicas = np.ceil(workload.requests / found.rate - 1e-9)
    total = np.where(met, each * np.maximum(replicas, 1.0), np.inf)
    chosen = int(np.lexsort((found.per_token, total))[0])
    layout = case.layouts.one(chosen).model_copy(update={"batch": int(limited(case, batch)[chosen])})
    return layout, int(each[chosen]), int(max(replicas[chosen], 1.0))


def fastest(
    workload: Serving,
    model: Model,
    system: System,
    accelerator: Accelerator,
    host: Host,
    accelerators: int,
    collective: CollectiveTime,
    a: Assumptions,
) -> tuple[ServingLayout, float]:
    """The layout with which a number of accelerators serves the most requests within the limits, whatever is asked for.

    Its batch is the greatest within the limits.

    Returns:
        The layout of a replica, requests of all replicas [1/s].

    Raises:
        InfeasibleError: no layout on so many accelerators fits the memory, or none meets a limit.
    """
    case = Case.asked(
        workload, model, system, accelerator, host, space(model, scheduled(a, workload), workload.prompt), collective, a
    )
    case = case.of(np.flatnonzero(case.layouts.accelerators <= accelerators))
    most = slots(case)
    if not (most >= 1).any():
        raise too_large(case)
    case = case.of(np.flatnonzero(most >= 1))
    batch, found = _greatest(case, workload, most[most >= 1])
    met = allowed(workload, found)
    if not met.any():
        raise too_slow(case, workload, *found.within, case.layouts.accelerators)
    rate = np.where(met, accelerators // case.layouts.accelerators * found.rate, 0.0)
    chosen = int(np.argmax(rate))
    return case.layouts.one(chosen).model_copy(update={"batch": int(limited(case, batch)[chosen])}), float(rate[chosen])


def _greatest(case: Case, workload: Serving, most: Floats) -> tuple[Floats, Flow]:
    """The greatest batch of each layout within the limits, and the flow at it; batch 1 where not even that is (n,).

    Latencies and rate both grow with the batch, so the greatest batch within the limits has the greatest rate.
    """
    share = np.linspace(0.0, 1.0, COARSE)[:, None]
    grid = np.unique(np.floor(most**share), axis=0)
    low, high = _bracket(case, workload, grid)
    grid = np.floor(low + (high - low) * np.linspace(0.0, 1.0, FINE)[:, None])
    batch, _ = _bracket(case, workload, grid)
    return batch, flow(case, batch)


def _bracket(case: Case, workload: Serving, grid: Floats) -> tuple[Floats, Floats]:
    """Of each column of ascending batches, the last within the limits and the next (n,)."""
    good = allowed(workload, flow(case, grid))
    last = np.maximum(len(grid) - 1 - np.argmax(good[::-1], axis=0), 0) * good.any(axis=0)
    columns = np.arange(grid.shape[1])
    return grid[last, columns], grid[np.minimum(last + 1, len(grid) - 1), columns]


def too_large(case: Case) -> InfeasibleError:
    """What the smallest share of the model takes of an accelerator, over all layouts."""
    needed = case.work.memory - cache_room(case) + mean_cache(case)
    least = int(np.argmin(needed))
    each = int(case.layouts.accelerators[least])
    remedy = "Serve in fewer bits, shorten prompt and answer, or choose an accelerator with more memory."
    limit = Limit(
        "memory", f"{units.show(float(needed[least]), 'bytes')} an accelerator on a replica of {each:,}",
        units.show(case.work.memory, "bytes"), remedy, float(needed[least]) / case.work.memory,
    )  # fmt: skip
    return InfeasibleError(f"{case.model.id} does not fit on {case.work.accelerator}:", (limit,))


def too_slow(case: Case, workload: Serving, first: Floats, token: Floats, accelerators: Ints) -> InfeasibleError:
    """The least latencies, one request at a time, of the layout that comes nearest to all limits.

    Args:
        first, token: time to the first token and per further token of the layouts [s]. accelerators: of them.
    """
    asked = {"first_token": (workload.first_token, first), "per_token": (workload.per_token, token)}
    over = [reached / limit for limit, reached in asked.values() if limit]
    nearest = int(np.argmin(np.max(over, axis=0)))
    limits = tuple(
        _limit(name, float(reached[nearest]), limit, int(accelerators[nearest]))
        for name, (limit, reached) in asked.items()
        if limit and reached[nearest] > limit
    )
    return InfeasibleError(f"{case.model.id} cannot answer that fast on {case.work.accelerator}:", limits)


def _limit(name: str, reached: float, limit: float, each: int) -> Limit:
    time = units.show(reached, "time")
    over = f"{units.show(reached / limit - 1, 'fraction')} over"
    needed = f"{time} at best ({over}), one request at a time on {each:,} accelerators"
    return Limit(name, needed, units.show(limit, "time"), f"Allow {time}, or choose a faster system.", reached / limit)

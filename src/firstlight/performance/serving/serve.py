"""One served model on its share of the factory: its result."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from firstlight import units
from firstlight.errors import InfeasibleError, Limit
from firstlight.performance.result import ServingCurve, ServingResult
from firstlight.performance.serving.batching import flow
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.memory import (
    cache_room,
    fitting_requests,
    mean_cache,
    memory_parts,
    slots,
    weight_bytes,
)
from firstlight.performance.serving.pools import Pools, pooled
from firstlight.performance.serving.power import powers, share_of_power
from firstlight.performance.serving.space import check
from firstlight.performance.serving.steady import Flow, Law
from firstlight.performance.serving.users import Load
from firstlight.performance.uncertainty import serving_interval
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import ServingLayout
from firstlight.spec.model import Model
from firstlight.spec.parameters import active_parameters, parameters
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Serving, Users
from firstlight.twin.protocols import CollectiveTime, Floats
from firstlight.twin.result import Prediction

PERCENTILES = (50, 90, 99)
"""Of latencies that are told."""


def serve(
    workload: Serving,
    model: Model,
    system: System,
    accelerator: Accelerator,
    host: Host,
    accelerators: int,
    layout: ServingLayout,
    collective: CollectiveTime,
    a: Assumptions,
) -> ServingResult:
    """One model served in a given layout.

    As many replicas as go into the accelerators share the requests evenly. `layout.batch` is the most that a replica
    decodes at once; at the asked rate it decodes what Little's law says, and users ask at the rate that it leaves them.
    A rate beyond what the replicas can take leaves `requests` above `capacity`: latencies are then those at the full
    batch, of the requests that are served.

    Raises:
        UsageError: a parallelism that does not divide or go into the accelerators; says which, and what would.
        InfeasibleError: weights or the batch's cache are beyond the memory; says by how much, and what would fit.
    """
    check(model, layout, accelerators)
    case = Case.asked(workload, model, system, accelerator, host, Layouts.of([layout]), collective, a)
    a, work = case.a, case.work
    _check_memory(case, layout)
    each = layout.accelerators
    replicas = accelerators // each
    law = law_of(case, layout, replicas)
    curve = law(batches(layout.batch)[:, None], np.inf)
    most = within_limits(law, workload, layout.batch)
    full = law(np.asarray([most]), np.inf)
    load = Load.of(workload, law, layout.batch, replicas)
    if isinstance(workload.traffic.questions, Users):
        workload = workload.model_copy(update={"requests": load.rate * replicas})  # what comes of it
    reached = law(load.batch, load.offered)
    first, token = _percentiles(case, layout, replicas, load, workload.percentile)
    capacity = _capacity(case, layout, full, replicas)
    done = min(workload.requests, float(curve.rate[-1, 0]) * replicas)
    share = share_of_power(reached, replicas * each / accelerators, a)
    memory = {name: float(size[0]) for name, size in memory_parts(case, layout.batch).items()}
    return ServingResult(
        model=model.id,
        parameters=float(parameters(model)),
        active_parameters=float(active_parameters(model)),
        accelerators=accelerators,
        layout=layout,
        replica_accelerators=each,
        replicas=replicas,
        precision=workload.precision,
        requests=workload.requests,
        prompt=workload.prompt,
        answer=workload.answer,
        capacity=capacity,
        first_token=serving_interval(float(reached.first_token[0]) + load.wait, "first", case.layers, layout, work, a),
        per_token=serving_interval(float(reached.per_token[0]), "token", case.layers, layout, work, a),
        percentile=workload.percentile,
        first_token_at=first,
        per_token_at=token,
        tokens_per_s=_output(workload, capacity),
        memory_parts=memory,
        memory=sum(memory.values()),
        memory_available=work.memory,
        step_parts=reached.shown,
        tokens_per_step=case.gain,
        curve=_curve(curve, workload, each),
        utilisation=share,
        power=powers(reached, system, share, accelerators / (done * workload.answer), a),
    )


def law_of(case: Case, layout: ServingLayout, replicas: int) -> Law:
    """The flow of one layout, of one pool or two.

    Raises:
        InfeasibleError: a prompt does not fit on an engine that reads.
    """
    if not layout.prefill:
        return partial(flow, case)
    pools = Pools.of(case, layout, replicas)
    if slots(pools.reading)[0] < 1:
        raise _too_large(pools.reading, "an engine that reads prompts")
    return partial(pooled, pools)


def _percentiles(
    case: Case, layout: ServingLayout, replicas: int, load: Load, asked: int
) -> tuple[dict[str, Prediction], dict[str, Prediction]]:
    """Both latencies at the percentiles of `PERCENTILES` and the asked one, as uncertain as the medians [s]."""
    first, token = dict[str, Prediction](), dict[str, Prediction]()
    for percentile in sorted({*PERCENTILES, asked}):
        law = law_of(replace(case, share=percentile / 100.0), layout, replicas)
        reached = law(load.batch, load.offered)
        times = list(reached.within)
        if load.wait:  # all users queue, one behind the other: hardly any of them waits less or longer
            times[0] = reached.first_token + load.wait
        for found, kind, time in zip((first, token), ("first", "token"), times, strict=True):
            found[f"p{percentile}"] = serving_interval(float(time[0]), kind, case.layers, layout, case.work, case.a)
    return first, token


def batches(most: int) -> Floats:
    """Batches of the curve: the powers of two up to the greatest, and the greatest."""
    return np.asarray(sorted({*(2**power for power in range(most.bit_length())), most}), dtype=float)


def allowed(workload: Serving, found: Flow) -> NDArray[np.bool_]:
    """Where both latencies are within their limits at the workload's percentile; boolean, in the shape of the flow."""
    token, first = workload.per_token or np.inf, workload.first_token or np.inf
    return (found.within[1] <= token * (1 + 1e-9)) & (found.within[0] <= first * (1 + 1e-9))


def within_limits(law: Law, workload: Serving, most: int) -> float:
    """The greatest batch of a layout up to `most` whose latencies are within the limits; 1 where not even that is.

    The latencies at the asked rate are then beyond the limits too, and say by how much.
    """
    grid = np.unique(np.round(np.geomspace(1.0, most, 256)))
    good = np.flatnonzero(allowed(workload, law(grid[:, None], np.inf))[:, 0])
    return float(grid[good[-1]]) if len(good) else 1.0


def _check_memory(case: Case, layout: ServingLayout) -> None:
    """Pass a layout whose weights and batch fit, the batch also the engine's scheduler.

    Raises:
        InfeasibleError: they do not; says which limit binds, by how much, and what would fit.
    """
    most, model = int(slots(case)[0]), case.model.id
    if layout.batch <= most:
        return
    ranks = int(case.layouts.data[0])
    if most >= 1 and int(fitting_requests(case)[0]) * ranks >= layout.batch:
        needed = -(-layout.batch // (ranks * layout.pipeline))
        remedy = f"Write a batch of at most {most:,}, or scheduler: {{sequences: {needed:,}}}."
        limit = Limit("scheduler.sequences", f"{layout.batch:,} requests at once", f"{most:,}", remedy)
        raise InfeasibleError(f"The scheduler of {model} does not take the batch:", (limit,))
    if most >= 1:
        remedy = f"Write a batch of at most {most:,}, or spread the replica over more accelerators."
        limit = Limit("batch", f"{layout.batch:,} requests at once", f"room for {most:,}", remedy)
        raise InfeasibleError(f"The batch of {model} does not fit:", (limit,))
    raise _too_large(case, case.work.accelerator)


def _too_large(case: Case, where: str) -> InfeasibleError:
    """What weights and one request take of an accelerator."""
    weights, one = float(weight_bytes(case)[0]), float(mean_cache(case)[0])
    needed = case.work.memory - float(cache_room(case)[0]) + one
    times = units.show(max(needed / case.work.memory, 1.0), "number")
    remedy = (
        f"Weights alone are {units.show(weights, 'bytes')}; spread the replica over {times} times its accelerators or "
        "more, or serve in fewer bits."
    )
    limit = Limit(
        "memory", f"{units.show(needed, 'bytes')} an accelerator", units.show(case.work.memory, "bytes"), remedy
    )
    return InfeasibleError(f"{case.model.id} does not fit on {where}:", (limit,))


def _capacity(case: Case, layout: ServingLayout, full: Flow, replicas: int) -> Prediction:
    """Requests per second of all replicas [1/s]: as uncertain as the time per token."""
    rate = float(full.rate[0]) * replicas
    return serving_interval(1.0 / rate, "token", case.layers, layout, case.work, case.a).inverse()


def _output(workload: Serving, capacity: Prediction) -> Prediction:
    """Output tokens per second [1/s]: what is asked for, as far as the capacity goes."""
    low, mid, high = (
        min(workload.requests, rate) * workload.answer for rate in (capacity.p10, capacity.p50, capacity.p90)
    )
    return Prediction(low, mid, high, capacity.calibrated, capacity.basis)


def _curve(found: Flow, workload: Serving, each: int) -> ServingCurve:
    return ServingCurve(
        batch=tuple(int(batch) for batch in found.batch[:, 0]),
        per_token=tuple(found.per_token[:, 0].tolist()),
        first_token=tuple(found.first_token[:, 0].tolist()),
        tokens_per_s_each=tuple((found.rate[:, 0] * workload.answer / each).tolist()),
        tokens_per_s_user=tuple((1.0 / found.per_token[:, 0]).tolist()),
    )

"""How close a factory comes to each limit, and what would fit where it goes beyond."""

from __future__ import annotations

import math

from firstlight import units
from firstlight.errors import InfeasibleError, Limit
from firstlight.evaluate.evaluation import Evaluation, Margin
from firstlight.facility.result import FacilityResult
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.reliability.result import RunReliability
from firstlight.schedule.result import ScheduleResult
from firstlight.spec.plan import Plan
from firstlight.spec.workload import Serving, Training

_SURE = 0.99
"""Share that does fit of what would by proportion: what the accelerators have in common shrinks less."""
_ROUNDED_UP = 1.005
"""Three printed digits of a number times this are no less than the number."""


def margins(
    plan: Plan,
    training: tuple[TrainingResult, ...],
    serving: tuple[ServingResult, ...],
    runs: tuple[RunReliability, ...],
    facility: FacilityResult,
    schedule: ScheduleResult,
) -> tuple[Margin, ...]:
    """Every limit of the site and target of the demand, the closest first."""
    found = [
        Margin("site.power", facility.peak, facility.available, "power", "hard"),
        Margin("site.floor", facility.floor_used, facility.floor_available, "area", "hard"),
    ]
    if schedule.ready_by is not None:
        allowed = (schedule.ready_by - schedule.start).days * units.DAY
        found.append(Margin("ready_by", schedule.makespan, max(allowed, units.DAY), "time", "target"))
    trained, served = iter(zip(training, runs, strict=True)), iter(serving)
    for index, workload in enumerate(plan.demand):
        where = f"demand[{index}]"
        if isinstance(workload, Training):
            found += _training_margins(where, workload, *next(trained))
        else:
            found += serving_margins(where, workload, next(served))
    return tuple(sorted(found, key=lambda margin: -margin.share))


def _training_margins(where: str, workload: Training, result: TrainingResult, run: RunReliability) -> list[Margin]:
    found = [Margin(f"{where}.memory", result.memory, result.memory_available, "bytes", "hard")]
    if result.host_memory:
        available = max(result.host_memory_available, 1.0)
        found.append(Margin(f"{where}.host_memory", result.host_memory, available, "bytes", "hard"))
    if workload.within is None:
        return found
    return [*found, Margin(f"{where}.within", run.duration.p50, workload.within, "time", "target")]


def serving_margins(where: str, workload: Serving, result: ServingResult) -> list[Margin]:
    """Memory, rate and latencies of one served model.

    Args:
        where: the workload stands in the document ("demand[0]").
    """
    found = [
        Margin(f"{where}.memory", result.memory, result.memory_available, "bytes", "hard"),
        Margin(f"{where}.requests", result.requests, result.capacity.p50, "rate", "target"),
    ]
    at = f"p{result.percentile}"
    if workload.first_token is not None:
        first = result.first_token_at[at].p50
        found.append(Margin(f"{where}.first_token", first, workload.first_token, "time", "target"))
    if workload.per_token is not None:
        token = result.per_token_at[at].p50
        found.append(Margin(f"{where}.per_token", token, workload.per_token, "time", "target"))
    return found


def require(evaluation: Evaluation) -> None:
    """Pass a factory that meets every limit and target.

    Raises:
        InfeasibleError: which limits are broken, by how much, and what would fit.
    """
    broken = [margin for margin in evaluation.margins if margin.broken]
    if broken:
        limits = tuple(broken_limit(margin, _remedy(margin, evaluation)) for margin in broken)
        raise InfeasibleError(f"{evaluation.name} does not meet its plan:", limits)


def broken_limit(margin: Margin, remedy: str) -> Limit:
    """A broken margin as it is told, with what would fit."""
    over = f"{units.show(margin.share - 1, 'fraction')} over"
    needed = f"{units.show(margin.used, margin.dimension)} ({over})"
    return Limit(margin.name, needed, units.show(margin.available, margin.dimension), remedy, margin.share)


def _remedy(margin: Margin, evaluation: Evaluation) -> str:
    """What would fit, by proportion; the user is told what to change."""
    times, enough = times_and_enough(margin)
    field = margin.name.rpartition(".")[2]
    if field in ("power", "floor"):
        fewer = _fewer(margin.share, evaluation)
        return f"About {fewer:,} accelerators would fit." if fewer else f"Give it {enough}."
    if field == "within":
        # More accelerators are interrupted more often: the proportion is the least that could do.
        return f"Allow {enough}, or give the run more than {times} times its accelerators."
    if field == "requests":
        rate = units.show(margin.available, "rate")
        return f"It can take {rate}; give it {times} times its accelerators for all of them."
    if field == "ready_by":
        first = evaluation.schedule.critical_path[0] if evaluation.schedule.critical_path else "the build"
        return f"First light is {evaluation.schedule.first_light}; the critical path begins with: {first}."
    if field == "memory":
        return "Spread it over more accelerators (tensor, pipeline, ZeRO), or compute activations again."
    if field == "host_memory":
        return "Offload less, or spread it over more accelerators."
    return f"Allow {enough}, or lower the batch of its layout."


def times_and_enough(margin: Margin) -> tuple[str, str]:
    """How many times as much as there is would do, and how much that is, in words that are no less than the numbers."""
    enough = units.show(margin.used * _ROUNDED_UP, margin.dimension)
    return units.show(margin.share * _ROUNDED_UP, "number"), enough


def _fewer(share: float, evaluation: Evaluation) -> int:
    """Accelerators, in whole systems, that take no more than there is where the factory takes `share` of it."""
    count, each = evaluation.factory.accelerators, evaluation.factory.accelerators // evaluation.factory.systems
    return math.floor(count / share * _SURE / each) * each

"""One optimizer step on every pipeline rank: the schedule's passes, what is seen of communication, and waits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight.performance.machine import machine
from firstlight.performance.training.batch import settled
from firstlight.performance.training.layer import kernels, sharded
from firstlight.performance.training.layouts import Case, Layouts
from firstlight.performance.training.orders import SCHEDULES, Order, schedule_of, starts
from firstlight.performance.training.overlap import step_end
from firstlight.performance.training.pipeline import pipeline_parts
from firstlight.performance.training.space import check
from firstlight.performance.training.step import case_of, step_parts
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training
from firstlight.twin.protocols import CollectiveTime, Floats

COMMUNICATION = ("tensor", "context", "expert", "data", "pipeline")
"""Parts of a step that run beside the compute stream, of which only what is seen counts."""


@dataclass(frozen=True)
class Event:
    """Something that a pipeline rank does.

    Attributes:
        rank: pipeline rank. stream: "compute" or "communication".
        name: "forward", "backward", "bubble", a kind of communication, or what ends the step.
        start, duration: [s].
        micro_batch, chunk: of a pass; -1 without one.
    """

    rank: int
    stream: str
    name: str
    start: float
    duration: float
    micro_batch: int = -1
    chunk: int = -1


@dataclass(frozen=True)
class Timeline:
    """One optimizer step.

    Attributes:
        model: id. layout: of the run.
        schedule: key of `orders.SCHEDULES`.
        micro_batches: of a data-parallel rank.
        step_time: where the last event ends [s].
        scale: what the schedule's own length was stretched by to be as long as the step model says.
        ranks: pipeline ranks there are. events: of those that are told, in order of rank and start.
    """

    model: str
    layout: TrainingLayout
    schedule: str
    micro_batches: int
    step_time: float
    scale: float
    ranks: int
    events: tuple[Event, ...]


MOST_EVENTS = 200_000
"""Of a timeline; where a step has more, only some of its ranks are told."""


def timeline(
    workload: Training,
    model: Model,
    system: System,
    accelerator: Accelerator,
    host: Host,
    accelerators: int,
    layout: TrainingLayout,
    collective: CollectiveTime,
    a: Assumptions,
) -> Timeline:
    """One optimizer step of a run, pass by pass; the arguments are those of `train`.

    Each pass starts when its rank is free and its input has come. The slowest stage is put last, where the head is, and
    the hand-over is spread over the passes. The step model reckons fill and drain at the mean stage; the little that
    the schedule's length differs from it by is evened out over all passes (`scale`).

    Raises:
        UsageError: the layout cannot be run; says why.
    """
    workload = settled(workload, model, a)
    check(model, workload, accelerators, layout)
    work = machine(accelerator, host, system, workload.precision, a)
    case = case_of(model, workload, work, Layouts.of([layout]), accelerators, collective, a)
    parts, fullest = pipeline_parts(case)
    pipeline, total = _sum(parts), _sum(step_parts(case))
    micro_batches, schedule = int(case.micro_batches[0]), schedule_of(layout.interleave, layout.schedule)
    forward, backward = _passes(case, parts, micro_batches)
    weights = _weights(layout.pipeline, float(fullest[0]), (_sum(forward) + _sum(backward)))
    orders = [
        SCHEDULES[schedule](rank, layout.pipeline, layout.interleave, micro_batches) for rank in range(layout.pipeline)
    ]
    each = (_sum(forward) / layout.interleave * weights, _sum(backward) / layout.interleave * weights)
    begun = starts(orders, layout.interleave, *each)
    length = max(own[-1] + float(each[1][rank]) for rank, own in enumerate(begun))
    scale = pipeline / length
    events: list[Event] = []
    kinds = 2 + sum(name in COMMUNICATION for name in forward)
    for rank in _told(layout.pipeline, 2 * micro_batches * layout.interleave * kinds):
        share = scale * weights[rank] / layout.interleave
        events += _rank(rank, orders[rank], [scale * start for start in begun[rank]], _scaled(forward, share),
                        _scaled(backward, share), pipeline)  # fmt: skip
        events += _end(rank, step_end(case, fullest), pipeline, total)
    return Timeline(model.id, layout, schedule, micro_batches, total, scale, layout.pipeline, tuple(events))


def _sum(parts: dict[str, Floats]) -> float:
    return float(sum(float(time[0]) for time in parts.values()))


def _scaled(parts: dict[str, Floats], factor: float) -> dict[str, float]:
    return {name: float(time[0]) * factor for name, time in parts.items()}


def _passes(case: Case, parts: dict[str, Floats], micro_batches: int) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Forward and backward time of a micro-batch on the mean stage, by part [s]; arrays (1,)."""
    forward: dict[str, Floats] = {}
    backward: dict[str, Floats] = {}
    stages = case.layouts.pipeline
    for layer in case.layers:
        own = kernels(layer, case)
        ahead, back = (sum((getattr(one, way) for one in own.values()), np.zeros(1)) for way in ("forward", "backward"))
        own["data"] = sharded(layer, case, ahead, back)
        for name, one in own.items():
            forward[name] = forward.get(name, np.zeros(1)) + layer.count * one.forward / stages
            backward[name] = backward.get(name, np.zeros(1)) + layer.count * one.backward / stages
    passes = micro_batches + (stages - 1) / case.layouts.interleave
    outside = {
        "head": parts["head"] / micro_batches,
        "overhead": parts["overhead"] / micro_batches,
        "pipeline": parts["pipeline"] / passes,
    }
    for name, time in outside.items():
        forward[name], backward[name] = time * _FORWARD[name], time * (1.0 - _FORWARD[name])
    kept = [name for name in forward if forward[name][0] + backward[name][0] > 0]
    return {name: forward[name] for name in kept}, {name: backward[name] for name in kept}


_FORWARD = {"head": 1 / 3, "overhead": 1 / 2, "pipeline": 1 / 2}
"""Share of the forward pass, which has one of the head's three products."""


def _weights(stages: int, fullest: float, mean: float) -> Floats:
    """Time of a pass on each rank over the mean one (p,)."""
    if stages == 1:
        return np.ones(1)
    most = min(max(fullest / mean, 1.0), float(stages))
    return np.append(np.full(stages - 1, (stages - most) / (stages - 1)), most)


def _told(stages: int, each: int) -> list[int]:
    """The ranks that are told: all, or evenly spread ones with the first and the last."""
    most = max(MOST_EVENTS // max(each, 1), 2)
    return sorted({round(rank) for rank in np.linspace(0, stages - 1, min(most, stages))})


def _rank(
    rank: int, order: Order, begun: list[float], forward: dict[str, float], backward: dict[str, float], end: float
) -> list[Event]:
    """Passes and bubbles of one rank: in each pass computation first, then what is seen of communication."""
    events: list[Event] = []
    free = 0.0
    for one, start in zip(order, begun, strict=True):
        parts = backward if one.backward else forward
        events += _bubble(rank, free, start)
        compute = sum(time for name, time in parts.items() if name not in COMMUNICATION)
        named = "backward" if one.backward else "forward"
        events.append(Event(rank, "compute", named, start, compute, one.micro_batch, one.chunk))
        free = start + compute
        for name in COMMUNICATION:
            if parts.get(name, 0.0) > 0:
                events.append(Event(rank, "communication", name, free, parts[name], one.micro_batch, one.chunk))
                free += parts[name]
    return events + _bubble(rank, free, end)


def _bubble(rank: int, start: float, end: float) -> list[Event]:
    """Where a rank waits for others, unless that is rounding."""
    return [Event(rank, "compute", "bubble", start, end - start)] if end - start > 1e-9 * max(end, 1.0) else []


def _end(rank: int, parts: dict[str, Floats], start: float, total: float) -> list[Event]:
    """What happens once per step, and at last the waiting of accelerators for each other."""
    events: list[Event] = []
    for name, time in parts.items():
        if time[0] > 0:
            stream = "communication" if name in COMMUNICATION else "compute"
            events.append(Event(rank, stream, name, start, float(time[0])))
            start += float(time[0])
    return [*events, *([Event(rank, "compute", "jitter", start, total - start)] if total > start else [])]

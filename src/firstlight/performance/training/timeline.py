"""One optimizer step on every pipeline rank: the schedule's passes, what is seen of communication, and waits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from firstlight.performance.training.layouts.arrays import Layouts
from firstlight.performance.training.layouts.case import Case
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.schedules.orders import SCHEDULES, Kind, Order, schedule_of, starts
from firstlight.performance.training.space.check import check
from firstlight.performance.training.step import case_of, step_parts
from firstlight.performance.training.time.layer import kernels, sharded
from firstlight.performance.training.time.pipeline import pipeline_parts
from firstlight.spec.design import TrainingLayout
from firstlight.twin.protocols import Floats

COMMUNICATION = ("tensor", "context", "expert", "data", "pipeline", "offload", "sites")
"""Parts of a step that run beside the compute stream, of which only what is seen counts."""
_NAMES = {"inputs": "backward (inputs)", "weights": "backward (weights)"}
"""What passes are called, where not as in `orders.Kind`."""
_FORWARD = {"head": 1 / 3, "overhead": 1 / 2, "pipeline": 1 / 2, "offload": 1 / 2, "teacher": 1.0}
"""Share of the forward pass in what stands outside the layers: one of the head's three products, all of a teacher, half
of others."""


@dataclass(frozen=True)
class Event:
    """Something that a pipeline rank does.

    Attributes:
        rank: pipeline rank. stream: "compute" or "communication".
        name: of a pass ("forward", "backward", or apart "backward (inputs)" and "backward (weights)"), "bubble", a kind
            of communication, or what ends the step.
        start, duration: [s].
        micro_batch, chunk: of a pass, chunks in the order of the model; -1 without one.
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


def timeline(run: Run, layout: TrainingLayout) -> Timeline:
    """One optimizer step of a run in a layout, pass by pass.

    Each pass starts when its rank is free and its input has come. The slowest stage is put last, where the head is, and
    the hand-over is spread over the passes. The step model reckons fill and drain at the mean stage; the little that
    the schedule's length differs from it by is evened out over all passes (`scale`).

    Raises:
        UsageError: the layout cannot be run; says why.
    """
    run = run.settled
    check(run, layout)
    case = case_of(run, Layouts.of([layout]))
    parts, fullest = pipeline_parts(case)
    whole = step_parts(case)
    after = {name: float(time[0]) - float(parts.get(name, _NOTHING)[0]) for name, time in whole.items()}
    passes = _passes(case, parts)
    taught = passes["forward"].get("teacher", 0.0)
    weights = _weights(layout.pipeline, float(fullest[0]) + taught, sum(sum(passes[way].values()) for way in _BOTH))
    name, micro_batches, chunks = schedule_of(layout), int(case.micro_batches[0]), layout.interleave
    ranks = range(layout.pipeline)
    orders = [SCHEDULES[name](rank, layout.pipeline, chunks, micro_batches) for rank in ranks]
    times: dict[Kind, Floats] = {kind: sum(own.values()) / chunks * weights for kind, own in passes.items()}
    begun = starts(orders, layout.pipeline * chunks, times)
    length = max(own[-1] + times[order[-1].kind][rank] for rank, order, own in zip(ranks, orders, begun, strict=True))
    pipeline, scale = _sum(parts), _sum(parts) / float(length)
    seen = sum(part in COMMUNICATION for part in passes["forward"])
    events: list[Event] = []
    for rank in _told(layout.pipeline, len(orders[0]) * (2 + seen)):
        share, begin = scale * float(weights[rank]) / chunks, [scale * start for start in begun[rank]]
        events += _rank(rank, orders[rank], begin, {kind: _times(own, share) for kind, own in passes.items()}, pipeline)
        events += _end(rank, after, pipeline)
    return Timeline(run.model.id, layout, name, micro_batches, _sum(whole), scale, layout.pipeline, tuple(events))


_NOTHING = np.zeros(1)
_ROUNDING = 1e-9
"""Share of the passes below which a part of them is what a difference of sums leaves."""
_BOTH: tuple[Kind, Kind] = ("forward", "backward")


def _times(parts: dict[str, float], factor: float) -> dict[str, float]:
    return {name: time * factor for name, time in parts.items()}


def _sum(parts: dict[str, Floats]) -> float:
    return float(sum(float(time[0]) for time in parts.values()))


def _passes(case: Case, parts: dict[str, Floats]) -> dict[Kind, dict[str, float]]:
    """Time of a micro-batch on the mean stage in each kind of pass, by part [s].

    Both directions are shared out as the layers have them; together they are what the step model says of the part,
    which may hide more.
    """
    forward, backward, weight = _directions(case)
    outside = {name: share for name, share in _FORWARD.items() if name in parts}
    forward |= outside
    backward |= {name: 1.0 - share for name, share in outside.items()}
    weight["head"] = _FORWARD["head"]
    found: dict[Kind, dict[str, float]] = {"forward": {}, "backward": {}, "inputs": {}, "weights": {}}
    stages, chunks, micro_batches = case.layouts.pipeline[0], case.layouts.interleave[0], case.micro_batches[0]
    whole = _sum(parts)
    for name in forward:
        count = micro_batches + (stages - 1) / chunks if name == "pipeline" else micro_batches
        each, both = float(parts[name][0] / count), forward[name] + backward[name]
        if each <= _ROUNDING * whole / count or both <= 0:
            continue
        shares = forward[name] / both, backward[name] / both, weight.get(name, 0.0) / both
        found["forward"][name], found["backward"][name] = each * shares[0], each * shares[1]
        found["inputs"][name], found["weights"][name] = each * (shares[1] - shares[2]), each * shares[2]
    return found


def _directions(case: Case) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """One micro-batch through all layers, by part: forward, backward, and weight gradients in that [s]."""
    forward, backward, weight = (defaultdict[str, float](float) for _ in range(3))
    for layer in case.layers:
        own = kernels(layer, case)
        ahead, back = (sum((getattr(one, way) for one in own.values()), np.zeros(1)) for way in ("forward", "backward"))
        own["data"] = sharded(layer, case, ahead, back)
        for name, one in own.items():
            forward[name] += layer.count * float(one.forward[0])
            backward[name] += layer.count * float(one.backward[0])
            weight[name] += layer.count * float(np.asarray(one.weight).ravel()[0])
    return dict(forward), dict(backward), dict(weight)


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


def _rank(rank: int, order: Order, begun: list[float], times: dict[Kind, dict[str, float]], end: float) -> list[Event]:
    """Passes and bubbles of one rank: in each pass computation first, then what is seen of communication."""
    events: list[Event] = []
    free = 0.0
    for one, start in zip(order, begun, strict=True):
        parts = times[one.kind]
        events += _bubble(rank, free, start)
        compute = sum(time for name, time in parts.items() if name not in COMMUNICATION)
        events.append(
            Event(rank, "compute", _NAMES.get(one.kind, one.kind), start, compute, one.micro_batch, one.chunk)
        )
        free = start + compute
        for name in COMMUNICATION:
            if parts.get(name, 0.0) > 0:
                events.append(Event(rank, "communication", name, free, parts[name], one.micro_batch, one.chunk))
                free += parts[name]
    return events + _bubble(rank, free, end)


def _bubble(rank: int, start: float, end: float) -> list[Event]:
    """Where a rank waits for others, unless that is rounding."""
    return [Event(rank, "compute", "bubble", start, end - start)] if end - start > 1e-9 * max(end, 1.0) else []


def _end(rank: int, parts: dict[str, float], start: float) -> list[Event]:
    """What comes after the passes of a step, one after the other; waiting for other accelerators and sites at last."""
    events: list[Event] = []
    for name in sorted(parts, key=lambda name: _LAST.get(name, 0)):
        if parts[name] > 1e-12 * start:
            stream = "communication" if name in COMMUNICATION else "compute"
            events.append(Event(rank, stream, name, start, parts[name]))
            start += parts[name]
    return events


_LAST = {"data": -1, "optimizer": 1, "overhead": 2, "jitter": 3, "sites": 4}
"""Order of what ends a step."""

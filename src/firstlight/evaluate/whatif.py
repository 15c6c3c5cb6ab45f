"""What failures and placements do to the jobs of a plan: their collectives, and the time of their training steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from firstlight.errors import UsageError
from firstlight.evaluate.congested import CongestedTime, Placed, Quantile, carried
from firstlight.evaluate.training import TrainingAnswer, TrainingRun
from firstlight.network.collectives.levels import Levels
from firstlight.network.jobs import Fabric, Place, Steering, Units, Usage, Wave, order, units
from firstlight.network.routing import Failures, fail, rails_of
from firstlight.network.topology import RailOnly
from firstlight.network.transport.fabric import Latency
from firstlight.performance.machine import machine
from firstlight.performance.training import train
from firstlight.performance.training.axes import Axis, axes
from firstlight.performance.training.batch import settled
from firstlight.performance.training.layouts import Layouts
from firstlight.performance.training.step import case_of
from firstlight.spec.workload import Training
from firstlight.twin.protocols import Ints, Operation, Topology
from firstlight.twin.result import Prediction, Result, quantity

NETWORK = ("tensor", "context", "expert", "data", "pipeline", "sites")
"""Parts of a step in which its fabric is at work."""
Heard = tuple[Operation, float, float, float]
"""A collective that was asked for: operation, size [B], members in one domain, domains."""
NAMED = 8
"""Nodes that are named."""


@dataclass(frozen=True)
class WhatIf:
    """What is asked.

    Attributes:
        fails: failures, as `routing.fail` reads them.
        place: how jobs are placed.
        routing: how packets choose among equal paths; queue_pairs: of a connection, under hashing.
        seed: of hashes and draws.
    """

    fails: tuple[str, ...] = ()
    place: Place = "packed"
    routing: Steering = "spray"
    queue_pairs: int = 1
    seed: int = 0


@dataclass(frozen=True)
class CollectiveEffect:
    """One collective of a job, that of one call.

    Attributes:
        axis: whose groups it joins: "data", "experts", "pipeline", ...
        operation: which collective.
        size: its buffer [B].
        group: members in one scale-up domain, domains.
        healthy, asked: share of its bandwidth that a NIC reaches [].
        healthy_bandwidth, bandwidth: the same in bytes [B/s].
        healthy_time, time: of the collective [s].
        binding: the busiest links as asked, their time over that of a healthy NIC.
    """

    axis: str
    operation: str
    size: float
    group: tuple[int, int]
    healthy: Prediction
    asked: Prediction
    healthy_bandwidth: float
    bandwidth: float
    healthy_time: float
    time: float
    binding: tuple[Usage, ...]


@dataclass(frozen=True)
class JobEffect:
    """One workload.

    Attributes:
        demand: place in the demand; name: of its model; trains: it is a training run, whose traffic is simulated.
        nodes: scale-up domains, or systems that hold several; leaves: switches that they are under.
        stands_still: some of its messages have no way left.
        cut: nodes that are cut off or cannot reach another, by number, the first few.
        healthy_step, step: time of a training step [s]; None where it stands still or is no training.
        change: step as asked over step as planned; None likewise.
        collectives: of a training run.
    """

    demand: int
    name: str
    trains: bool
    nodes: int
    leaves: int
    stands_still: bool
    cut: tuple[int, ...]
    healthy_step: Prediction | None
    step: Prediction | None
    change: Prediction | None
    collectives: tuple[CollectiveEffect, ...]


@dataclass(frozen=True, repr=False)
class WhatIfResult(Result):
    """What failures and a placement do to jobs. Healthy is the plan: packed, sprayed, nothing broken."""

    name: str = quantity("", "name of the factory")
    kind: str = quantity("", "fabric kind")
    endpoints: int = quantity("", "endpoints of the fabric")
    place: str = quantity("", "how jobs are placed")
    routing: str = quantity("", "how packets choose among equal paths")
    queue_pairs: int = quantity("", "queue pairs of a connection, under hashing")
    fails: tuple[str, ...] = quantity("", "failures, as asked")
    seed: int = quantity("", "of hashes and draws")
    down: int = quantity("", "links that are down")
    slow: int = quantity("", "links that are slow")
    jobs: tuple[JobEffect, ...] = quantity("", "one for each workload, in the demand's order; seconds, bytes")
    notes: tuple[str, ...] = quantity("", "what the answer rests on, and what it leaves out")


def evaluate_whatif(
    answer: TrainingAnswer, topology: Topology, latencies: Latency | None, asked: WhatIf
) -> WhatIfResult:
    """Failures and a placement, seen by every job of a plan.

    Args:
        answer: training runs of the plan as planned.
        topology: its fabric; latencies: of it, None where packets are not modelled on its kind.
        asked: what is asked.

    Raises:
        UsageError: an unknown failure, a placement that the fabric does not have, or jobs that are too many for it.
    """
    nothing = Failures(np.zeros(0, np.int64), np.zeros(0))
    failures = fail(topology, asked.fails, asked.seed)
    scene = _Scene(
        answer, asked, Fabric(topology, nothing, latencies, seed=asked.seed),
        Fabric(topology, failures, latencies, asked.routing, asked.queue_pairs, asked.seed),
    )  # fmt: skip
    return WhatIfResult(
        name=answer.name, kind=topology.kind, endpoints=topology.endpoints, place=asked.place, routing=asked.routing,
        queue_pairs=asked.queue_pairs, fails=asked.fails, seed=asked.seed, down=len(failures.down) // 2,
        slow=int(np.count_nonzero(failures.share > 0)) // 2, jobs=scene.jobs(), notes=scene.notes(),
    )  # fmt: skip


class _Scene:
    """The jobs of a plan on its fabric, as planned and as asked about."""

    def __init__(self, answer: TrainingAnswer, asked: WhatIf, healthy: Fabric, fabric: Fabric) -> None:
        self.answer, self.asked, self.fabrics = answer, asked, (healthy, fabric)
        self.runs = {run.demand: run for run in answer.runs}
        made_of = answer.runs[0].parts
        system, topology = made_of.system, fabric.topology
        each = max(system.scale_up_domain, system.accelerators)
        nics = system.nics * each // system.accelerators
        self.units = tuple(units(topology, one.failures, each, system.scale_up_domain, nics) for one in self.fabrics)
        placements = answer.plan.design.placements or ()
        needs = [-(-placement.accelerators // each) for placement in placements]
        self.given = order(self.units[0], needs, "packed"), order(self.units[1], needs, asked.place)
        count = rails_of(topology)
        if asked.place == "rail-aligned" and count == 1:
            raise UsageError(
                f"--place rail-aligned: a {topology.kind} fabric has no rails; place packed or topology-aware"
            )
        own = count if isinstance(topology, RailOnly) else 1
        self.rails = own, count if asked.place == "rail-aligned" else own
        self.axes = {index: _axes(run) for index, run in self.runs.items()}

    def jobs(self) -> tuple[JobEffect, ...]:
        return tuple(self._job(index) for index in range(len(self.answer.plan.demand)))

    def notes(self) -> tuple[str, ...]:
        found = ["healthy: jobs packed, packets sprayed, nothing broken, as `firstlight train` takes it"]
        if len(self.answer.plan.demand) > len(self.runs):
            found.append("served models are placed, and their traffic is not simulated")
        if len(self.runs) > 1:
            found.append("other jobs' messages: none of the time at P10, at P50 as long as their steps wait for the "
                         "fabric, always at P90")  # fmt: skip
        if self.fabrics[1].latencies is None:
            found.append(
                "max-min fair loads; queues and windows are not counted on this kind of fabric, and can add a third"
            )
        return tuple(found)

    def _job(self, index: int) -> JobEffect:
        workload, own = self.answer.plan.demand[index], self.given[1][index]
        cut = self._cut(index)
        named = workload.train if isinstance(workload, Training) else workload.serve
        facts = {"demand": index, "name": str(named), "trains": index in self.runs, "nodes": len(own),
                 "leaves": len(np.unique(self.units[1].leaf[own])), "cut": tuple(cut[:NAMED].tolist())}  # fmt: skip
        if index not in self.runs or cut.size:
            return JobEffect(**facts, stands_still=bool(cut.size), healthy_step=self._step(index), step=None, change=None,
                             collectives=())  # fmt: skip
        run, placed = self.runs[index], (self._placed(index, 0), self._placed(index, 1))
        heard = list[Heard]()
        steps = {one: _step(run, _Heard(CongestedTime(run.time, *placed, self.axes[index], one), heard))
                 for one in ("p10", "p50", "p90")}  # fmt: skip
        low, middle, high = sorted(steps[one] / run.result.step_time.p50 for one in ("p10", "p50", "p90"))
        found = _effects(run, placed, self.axes[index], heard)
        known = all(effect.asked.calibrated for effect in found)
        change = Prediction(low, middle, high, known, "loads of links, and residuals against packet-level runs")
        return JobEffect(**facts, stands_still=False, healthy_step=run.result.step_time,
                         step=run.result.step_time.scaled(middle), change=change, collectives=found)  # fmt: skip

    def _step(self, index: int) -> Prediction | None:
        return self.runs[index].result.step_time if index in self.runs else None

    def _placed(self, index: int, when: int) -> Placed:
        """A job as planned (0) or as asked about (1), with what the others send."""
        others = [other for other in self.runs if other != index]
        waves = tuple(wave for other in others for wave in self._traffic(other, when)[:1])
        share = min(sum(_share(self.runs[other]) for other in others), 1.0)
        alone = self._alone(index, when)
        return replace(alone, others=tuple(wave for wave in waves if not alone.fabric.cut(wave).any()), share=share)

    def _alone(self, index: int, when: int) -> Placed:
        run = self.runs[index]
        model = run.time.model
        assert isinstance(model, Levels)
        return Placed(self.fabrics[when], self.units[when], self.given[when][index], run.result.accelerators,
                      self.rails[when], model.nic)  # fmt: skip

    def _traffic(self, index: int, when: int) -> list[Wave]:
        """What a training run sends, one wave for each axis; gradients and weights first."""
        alone = self._alone(index, when)
        first = sorted(self.axes[index], key=lambda axis: axis.name != "data")
        return [wave for axis in first if len(wave := alone.wave(_usual(axis), axis))]

    def _cut(self, index: int) -> Ints:
        """Units of a job without a link, or with messages that have no way."""
        own, found = self.given[1][index], self.units[1]
        dead = own[~found.alive[own].any(axis=1)]
        if index not in self.runs or dead.size:
            return dead
        fabric = self.fabrics[1]
        lost = [wave.source[fabric.cut(wave)] // found.nics for wave in self._traffic(index, 1)]
        return np.unique(np.concatenate([dead, *lost]))


def _usual(axis: Axis) -> Operation:
    """The operation that the groups of an axis are for."""
    return {"pipeline": "send_receive", "experts": "all_to_all"}.get(axis.name, "all_gather")  # type: ignore[return-value]


def _axes(run: TrainingRun) -> tuple[Axis, ...]:
    made_of, workload = run.parts, settled(run.workload, run.model, run.a)
    work = machine(made_of.accelerator, made_of.host, made_of.system, workload.precision, run.a)
    layouts = Layouts.of([run.result.layout])
    return axes(
        case_of(run.model, workload, work, layouts, run.result.accelerators, run.time, run.a, teacher=run.teacher)
    )


def _share(run: TrainingRun) -> float:
    """Share of a step that waits for the fabric."""
    parts = run.result.step_parts
    return sum(parts.get(name, 0.0) for name in NETWORK) / sum(parts.values())


class _Heard:
    """A `CollectiveTime` that keeps what it is asked for."""

    def __init__(self, time: CongestedTime, heard: list[Heard]) -> None:
        self.time, self.heard = time, heard

    def __call__(self, operation: Operation, size: object, group: Sequence[object]) -> np.ndarray:
        placed = self.time.time.place(group)  # type: ignore[arg-type]
        each = np.broadcast_arrays(np.asarray(size, np.float64), placed.inner, placed.domains)
        self.heard += [(operation, *case) for case in np.stack([one.ravel() for one in each], axis=1).tolist()]
        return self.time(operation, size, group)  # type: ignore[arg-type]


def _step(run: TrainingRun, time: _Heard) -> float:
    """Median time of a training step with other collectives [s]."""
    made_of = run.parts
    return train(
        run.workload, run.model, made_of.system, made_of.accelerator, made_of.host, run.result.accelerators,
        run.result.layout, time, run.a, teacher=run.teacher,
    ).step_time.p50  # fmt: skip


def _effects(
    run: TrainingRun, placed: tuple[Placed, Placed], own: tuple[Axis, ...], heard: Sequence[Heard]
) -> tuple[CollectiveEffect, ...]:
    """One call of each operation on each axis."""
    found = list[CollectiveEffect]()
    for axis in own:
        for operation in _operations(axis, run):
            sizes = [size for asked, size, *group in heard
                     if asked == operation and group == [axis.inner, axis.domains] and size > 0]  # fmt: skip
            if sizes:
                found.append(_effect(run, placed, axis, operation, _pick(operation, axis, run)(sizes)))
    return tuple(found)


def _operations(axis: Axis, run: TrainingRun) -> tuple[Operation, ...]:
    """What the groups of an axis do in a layout."""
    usual: dict[str, tuple[Operation, ...]] = {
        "pipeline": ("send_receive",), "experts": ("all_to_all",), "copies": ("all_reduce",),
        "expert copies": ("all_reduce",), "context": ("all_gather", "reduce_scatter", "all_to_all"),
    }  # fmt: skip
    if axis.name in ("data", "expert data") and run.result.layout.zero == 0:
        return ("all_reduce",)
    return usual.get(axis.name, ("all_gather", "reduce_scatter"))


def _pick(operation: Operation, axis: Axis, run: TrainingRun) -> Callable[[Sequence[float]], float]:
    """The call that stands for all: what ZeRO shards is gathered and scattered layer by layer, all else at once."""
    zero = run.result.layout.zero
    layered = zero == 3 or (zero == 2 and operation == "reduce_scatter")
    return min if layered and axis.name in ("data", "expert data") else max


def _effect(
    run: TrainingRun, placed: tuple[Placed, Placed], axis: Axis, operation: Operation, size: float
) -> CollectiveEffect:
    sent = carried(operation, size, axis.inner, axis.domains)
    before, after = (one.strain(operation, axis, sent) for one in placed)
    healthy, asked = (
        Prediction(1 / (1 + one.p90), 1 / (1 + one.p50), 1 / (1 + one.p10), one.calibrated, "loads of links")
        for one in (before, after)
    )
    times = [float(time(operation, size, (axis.inner, axis.domains)))
             for time in (run.time, CongestedTime(run.time, *placed, (axis,)))]  # fmt: skip
    nic = placed[0].bandwidth
    return CollectiveEffect(
        axis.name, operation, size, (round(axis.inner), round(axis.domains)), healthy, asked, nic * healthy.p50,
        nic * asked.p50, *times, after.binding,
    )  # fmt: skip

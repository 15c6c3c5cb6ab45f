"""What failures and placements do to the jobs of a plan: their collectives, and the time of their training steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from firstlight.errors import UsageError
from firstlight.evaluate.congested import CongestedTime, Placed, Quantile, carried, units_of
from firstlight.evaluate.effects import CollectiveEffect, JobEffect, WhatIf, WhatIfResult
from firstlight.evaluate.training import TrainingAnswer, TrainingRun
from firstlight.evaluate.whatif_torus import evaluate_torus
from firstlight.network.collectives.levels import Levels
from firstlight.network.jobs import Fabric, Wave, order
from firstlight.network.routing import Failures, fail, rails_of
from firstlight.network.topology import RailOnly, Slices, Switched, Torus
from firstlight.network.transport.fabric import Latency
from firstlight.performance.training import Layouts, case_of, train
from firstlight.performance.training.layouts.axes import Axis, axes
from firstlight.spec.workload import Training
from firstlight.twin.protocols import Floats, Ints, Operation, Topology
from firstlight.twin.result import Prediction

NETWORK = ("tensor", "context", "expert", "data", "pipeline", "sites")
"""Parts of a step in which its fabric is at work."""
Heard = tuple[Operation, float, float, float]
"""A collective that was asked for: operation, size [B], members in one domain, domains."""
NAMED = 8
"""Nodes that are named."""


def evaluate_whatif(answer: TrainingAnswer, topology: Topology, latencies: Latency, asked: WhatIf) -> WhatIfResult:
    """Failures and a placement, seen by every job of a plan.

    Args:
        answer: training runs of the plan as planned.
        topology: its fabric; latencies: of it.
        asked: what is asked.

    Raises:
        UsageError: an unknown failure, a placement that the fabric does not have, or jobs that are too many for it.
    """
    if isinstance(topology, Torus | Slices):
        return evaluate_torus(answer, topology, asked)
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
        topology = fabric.topology
        self.units = tuple(units_of(topology, one.failures, made_of.system) for one in self.fabrics)
        placements = answer.plan.design.placements or ()
        needs = [-(-placement.accelerators // self.units[0].accelerators) for placement in placements]
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
        if not isinstance(self.fabrics[1].topology, Switched):
            found.append(
                "max-min fair loads; queues and windows are not counted on this kind of fabric, and can add a third"
            )
        return tuple(found)

    def _job(self, index: int) -> JobEffect:
        workload, own, cut = self.answer.plan.demand[index], self.given[1][index], self._cut(index)
        run = self.runs.get(index)
        step, change, found = None, None, ()
        if run and not cut.size:
            change, found = self._changed(index, run)
            step = run.result.step_time.scaled(change.p50)
        return JobEffect(
            demand=index,
            name=str(workload.train if isinstance(workload, Training) else workload.serve),
            trains=run is not None,
            nodes=len(own),
            leaves=len(np.unique(self.units[1].leaf[own])),
            stands_still=bool(cut.size),
            cut=tuple(cut[:NAMED].tolist()),
            healthy_step=run.result.step_time if run else None,
            step=step,
            change=change,
            collectives=found,
        )

    def _changed(self, index: int, run: TrainingRun) -> tuple[Prediction, tuple[CollectiveEffect, ...]]:
        """Step as asked over step as planned, and what its collectives reach."""
        placed, heard = (self._placed(index, 0), self._placed(index, 1)), list[Heard]()
        ratios = [
            _step(run, _Listening(CongestedTime(run.time, *placed, self.axes[index], quantile), heard))
            / run.result.step_time.p50
            for quantile in get_args(Quantile)
        ]
        found = _effects(run, placed, self.axes[index], heard)
        known = all(effect.asked.calibrated for effect in found)
        low, middle, high = min(ratios), ratios[1], max(ratios)
        return Prediction(low, middle, high, known, "loads of links; residuals against packet-level runs"), found

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
        """What a training run sends, one wave for each operation of each axis; gradients and weights first."""
        alone, run = self._alone(index, when), self.runs[index]
        first = sorted(self.axes[index], key=lambda axis: axis.name != "data")
        waves = (alone.wave(operation, axis) for axis in first for operation in _operations(axis, run))
        return [wave for wave in waves if len(wave)]

    def _cut(self, index: int) -> Ints:
        """Units of a job without a link, or with messages that have no way."""
        own, found = self.given[1][index], self.units[1]
        dead = own[~found.alive[own].any(axis=1)]
        if index not in self.runs or dead.size:
            return dead
        fabric = self.fabrics[1]
        lost = [wave.source[fabric.cut(wave)] // found.nics for wave in self._traffic(index, 1)]
        return np.unique(np.concatenate([dead, *lost]))


def _axes(run: TrainingRun) -> tuple[Axis, ...]:
    return axes(case_of(run.run.settled, Layouts.of([run.result.layout])))


def _share(run: TrainingRun) -> float:
    """Share of a step that waits for the fabric."""
    parts = run.result.step_parts
    return sum(parts.get(name, 0.0) for name in NETWORK) / sum(parts.values())


class _Listening:
    """A `CollectiveTime` that keeps what it is asked for."""

    def __init__(self, time: CongestedTime, heard: list[Heard]) -> None:
        self.time, self.heard = time, heard

    def __call__(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Floats:
        placed = self.time.time.place(group)
        each = np.broadcast_arrays(np.asarray(size, np.float64), placed.inner, placed.domains)
        rows = np.stack([one.ravel() for one in each], axis=1)
        self.heard.extend((operation, float(row[0]), float(row[1]), float(row[2])) for row in rows)
        return self.time(operation, size, group)


def _step(run: TrainingRun, time: _Listening) -> float:
    """Median time of a training step with other collectives [s]."""
    return train(replace(run.run, collective=time), run.result.layout).step_time.p50


def _effects(
    run: TrainingRun, placed: tuple[Placed, Placed], own: tuple[Axis, ...], heard: Sequence[Heard]
) -> tuple[CollectiveEffect, ...]:
    """One call of each operation on each axis."""
    found = list[CollectiveEffect]()
    for axis in own:
        for operation in _operations(axis, run):
            sizes = [
                size for asked, size, inner, domains in heard
                if asked == operation and (inner, domains) == (axis.inner, axis.domains) and size > 0
            ]  # fmt: skip
            if sizes:
                found.append(_effect(run, placed, axis, operation, _pick(operation, axis, run)(sizes)))
    return tuple(found)


def _operations(axis: Axis, run: TrainingRun) -> tuple[Operation, ...]:
    """What the groups of an axis do in a layout."""
    usual: dict[str, tuple[Operation, ...]] = {
        "pipeline": ("send_receive",), "experts": ("all_to_all",), "copies": ("all_reduce",),
        "expert copies": ("all_reduce",),
    }  # fmt: skip
    layout = run.result.layout
    if axis.name in ("data", "expert data") and layout.zero == 0:
        return ("all_reduce",)
    if axis.name == "context" and layout.context_kind == "ulysses":
        return ("all_to_all",)
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
    group, nic = (axis.inner, axis.domains), placed[0].bandwidth
    return CollectiveEffect(
        axis=axis.name,
        operation=operation,
        size=size,
        group=(round(axis.inner), round(axis.domains)),
        healthy=healthy,
        asked=asked,
        healthy_bandwidth=nic * healthy.p50,
        bandwidth=nic * asked.p50,
        healthy_time=float(run.time(operation, size, group)),
        time=float(CongestedTime(run.time, *placed, (axis,))(operation, size, group)),
        binding=after.binding,
    )

"""What failures do to the jobs of a plan on a torus: rings slow down, and with them their collectives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from firstlight.errors import UsageError
from firstlight.evaluate.effects import CollectiveEffect, JobEffect, WhatIf, WhatIfResult
from firstlight.evaluate.training import TrainingAnswer, TrainingRun
from firstlight.network.collectives import FabricTime
from firstlight.network.collectives.mesh import Mesh
from firstlight.network.jobs.rings import Rings, ringed
from firstlight.network.routing import fail
from firstlight.network.topology import Slices, Torus
from firstlight.performance.training import train
from firstlight.spec.workload import Training
from firstlight.twin.protocols import Floats, Ints, Operation
from firstlight.twin.result import Prediction

NAMED = 8
"""Accelerators that are named."""
BASIS = "rings of a torus with lost links, by arithmetic; not scored against runs"
NOTES = (
    "healthy: jobs packed on neighbouring accelerators, nothing broken, as `firstlight train` takes it",
    "P10 to P90: the slow rings are of the dimension that collectives run along last, or first, of which nearly all "
    "of the message passes; P50 is the mean over the dimensions",
    "optical switches are not set anew: a slice keeps its cubes",
)
Heard = dict[Operation, tuple[float, float]]
"""The largest collective of each operation: its size [B] and members."""


def evaluate_torus(answer: TrainingAnswer, topology: Torus | Slices, asked: WhatIf) -> WhatIfResult:
    """Failures, seen by every job of a plan on a torus.

    Args:
        answer: training runs of the plan as planned. topology: its fabric. asked: what is asked.

    Raises:
        UsageError: an unknown failure, or a placement or routing that a torus does not have.
    """
    if asked.place != "packed":
        raise UsageError(f"--place {asked.place}: jobs on a torus have neighbouring accelerators; leave --place out")
    if asked.routing != "spray" or asked.queue_pairs != 1:
        raise UsageError("messages on a torus go from neighbour to neighbour; leave --routing and --queue-pairs out")
    failures = fail(topology, asked.fails, asked.seed)
    runs = {run.demand: run for run in answer.runs}
    jobs, first = list[JobEffect](), 0
    for index, placement in enumerate(answer.plan.design.placements or ()):
        members = np.arange(first, min(first + placement.accelerators, topology.endpoints))
        first += placement.accelerators
        workload = answer.plan.demand[index]
        name = str(workload.train if isinstance(workload, Training) else workload.serve)
        jobs.append(_job(index, name, runs.get(index), ringed(topology, failures, members), members))
    return WhatIfResult(
        name=answer.name, kind=topology.kind, endpoints=topology.endpoints, place=asked.place, routing="neighbours",
        queue_pairs=1, fails=asked.fails, seed=asked.seed, down=len(failures.down) // 2,
        slow=int(np.count_nonzero(failures.share > 0)) // 2, jobs=tuple(jobs), notes=NOTES,
    )  # fmt: skip


def _job(index: int, name: str, run: TrainingRun | None, rings: Rings, members: Ints) -> JobEffect:
    change, effects = None, tuple[CollectiveEffect, ...]()
    if run and not rings.cut.size:
        slower = _slower(rings, len(members))
        low, middle, high = (_step(run, factor, {}) / run.result.step_time.p50 for factor in slower)
        change = Prediction(low, middle, high, False, BASIS)
        heard: Heard = {}
        _step(run, 1.0, heard)
        effects = tuple(_effect(run, operation, *one, slower, rings) for operation, one in sorted(heard.items()))
    return JobEffect(
        demand=index, name=name, trains=run is not None, nodes=len(members), leaves=0,
        stands_still=bool(rings.cut.size), cut=tuple(rings.cut[:NAMED].tolist()),
        healthy_step=run.result.step_time if run else None,
        step=run.result.step_time.scaled(change.p50) if run and change else None,
        change=change, collectives=effects,
    )  # fmt: skip


def _slower(rings: Rings, members: int) -> tuple[float, float, float]:
    """Times as long that collectives take at P10, P50 and P90."""
    worst = float(rings.slower.max())
    mean = float(rings.slower[rings.along].mean()) if rings.along.any() else 1.0
    least = 1.0 + (worst - 1.0) / max(members ** (1.0 / 3.0), 1.0)
    return min(least, mean), mean, worst


class _Slowed:
    """A `CollectiveTime` on rings that take so many times as long; keeps the largest of each operation."""

    def __init__(self, time: FabricTime, factor: float, heard: Heard) -> None:
        assert isinstance(time.model, Mesh)
        self.time = replace(time, model=replace(time.model, links=time.model.links / factor))
        self.heard = heard

    def __call__(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Floats:
        ranks = np.broadcast_to(self.time.place(group).ranks, np.broadcast_shapes(*map(np.shape, (size, *group))))
        large = np.ravel(np.where(ranks > 1, np.asarray(size, float), 0.0))
        at = int(np.argmax(large)) if large.size else 0
        if large.size and large[at] > self.heard.get(operation, (0.0, 0.0))[0]:
            self.heard[operation] = float(large[at]), float(np.ravel(ranks)[at])
        return self.time(operation, size, group)


def _step(run: TrainingRun, factor: float, heard: Heard) -> float:
    """Median time of a training step with collectives that take so many times as long [s]."""
    slowed = _Slowed(run.time, factor, heard)
    return train(replace(run.run, collective=slowed), run.result.layout).step_time.p50


def _effect(
    run: TrainingRun, operation: Operation, size: float, ranks: float, slower: tuple[float, float, float], rings: Rings
) -> CollectiveEffect:
    model = run.time.model
    assert isinstance(model, Mesh)
    p10, p50, p90 = slower
    rate = model.links * model.efficiency
    times = [float(_Slowed(run.time, factor, {})(operation, size, (ranks,))) for factor in (1.0, p50)]
    return CollectiveEffect(
        axis="torus", operation=operation, size=size, group=(round(ranks), 1),
        healthy=Prediction(1.0, 1.0, 1.0, False, BASIS), asked=Prediction(1 / p90, 1 / p50, 1 / p10, False, BASIS),
        healthy_bandwidth=rate, bandwidth=rate / p50, healthy_time=times[0], time=times[1], binding=rings.binding,
    )  # fmt: skip

"""How many accelerators a workload takes on one system, and how it is laid out on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from firstlight import units
from firstlight.errors import InfeasibleError, Limit
from firstlight.evaluate.build import Parts, fabric
from firstlight.network.collectives import FabricTime
from firstlight.performance import serving, training
from firstlight.performance.result import TrainingResult
from firstlight.reliability.result import RunReliability
from firstlight.spec import models, teachers
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import FabricDesign, Placement, TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.workload import Serving, Training

_TRIES = 8
_WASTEFUL = 0.5
"""Goodput below which half the accelerators may be over sooner."""


_ROUNDED_UP = 1.005
"""Three printed digits of a number times this are no less than the number."""


@dataclass(frozen=True)
class Share:
    """One workload on its share of the factory.

    Attributes:
        workload: with its batch settled.
        placement: accelerators and layout.
        reason: of count and layout, in words.
        duration: of a training run, interruptions included [s]; 0 for serving.
        goodput: of a training run; 1 for serving.
    """

    workload: Training | Serving
    placement: Placement
    reason: str
    duration: float = 0.0
    goodput: float = 1.0


@dataclass(frozen=True)
class Sizer:
    """Sizes workloads on one system and fabric.

    Attributes:
        made_of: the system's parts.
        fabric: resolved.
        a: assumptions.
        base: folder that model paths are relative to.
        interrupted: what interruptions make of a run; None: nothing interrupts it.
    """

    made_of: Parts
    fabric: FabricDesign
    a: Assumptions
    base: Path
    interrupted: Callable[[TrainingResult], RunReliability] | None = None

    def serve(self, workload: Serving, most: int) -> Share:
        """The fewest accelerators that serve the asked rate within the limits.

        Args:
            workload: what is served. most: accelerators at hand.

        Raises:
            InfeasibleError: no layout meets the limits, or the rate takes more than `most`.
        """
        parts, model = self.made_of, self._model(workload.serve)
        layout, each, replicas = serving.best(
            workload, model, parts.system, parts.accelerator, parts.host, self._time(most), self.a
        )
        count = each * replicas
        if count > most:
            rate = units.show(workload.requests * most / count, "rate")
            remedy = f"{most:,} accelerators serve {rate}."
            limit = Limit("design.accelerators", f"{count:,} to serve {model.id}", f"{most:,}", remedy, count / most)
            raise InfeasibleError(f"{model.id} cannot be served at the asked rate:", (limit,))
        reason = f"{replicas:,} replicas of {each}, the fewest accelerators that meet the rate and its limits"
        return Share(workload, Placement(accelerators=count, serving=layout), reason)

    def train(self, workload: Training, most: int) -> Share:
        """The layout and the number of accelerators, at most so many, with which a run is over the soonest.

        More accelerators break more often, so a run that makes good use of less than half of its time is tried on half
        of them. What a layout would leave idle is given back.

        Raises:
            InfeasibleError: none fits the memory, the batch is too small to be spread, or no run advances.
        """
        best = self._train(workload, most)
        while best.goodput < _WASTEFUL:
            half = self._train(workload, best.placement.accelerators // 2)
            if half.duration >= best.duration:
                break
            best = half
        if self.interrupted and not best.goodput:
            self.interrupted(self._result(best))  # raises, and says why
        return best

    def train_within(self, workload: Training, time: float, most: int) -> Share:
        """The fewest accelerators on which a run is over in a given time [s], interruptions included.

        Raises:
            InfeasibleError: even `most` accelerators take longer; says how long.
        """
        full = self.train(workload, most)
        if full.duration > time:
            raise _too_late(workload, full, time, most)
        step, low, best = self.made_of.system.accelerators, 0, full
        guess = full.placement.accelerators * full.duration / time
        for _ in range(_TRIES):
            count = _between(low, best.placement.accelerators, guess, step)
            if count is None:
                break
            tried = self._tried(workload, count)
            if tried and tried.duration <= time:
                best = tried
            else:
                low = count
            middle = (low + best.placement.accelerators) / 2
            guess = count * tried.duration / time if tried and tried.goodput and not (low and tried is best) else middle
        return best

    def _tried(self, workload: Training, count: int) -> Share | None:
        """The run on so many accelerators; None where it does not fit."""
        try:
            return self._train(workload, count)
        except InfeasibleError:
            return None

    def _train(self, workload: Training, count: int) -> Share:
        """The fastest layout on so many accelerators; a run that hardly advances has no end and no goodput."""
        parts, model = self.made_of, self._model(workload.train)
        machine = (parts.system, parts.accelerator, parts.host)
        batched = training.settled(workload, model, self.a)
        teacher = teachers.find(workload, self.base)
        run = training.Run(workload, model, *machine, count, self._time(count), self.a, teacher)
        layout, reason = training.best(run)
        workload = batched if workload.batch else training.whole(batched, layout, count)
        share, result = self._on(workload, layout, reason, training.busy(workload, layout, count))
        if result.memory > result.memory_available:  # fewer ranks shard the states less
            group = layout.tensor * layout.pipeline * layout.context
            share, result = self._on(workload, layout, reason, count // group * group)
        if self.interrupted is None:
            return replace(share, duration=result.duration.p50)
        try:
            run = self.interrupted(result)
        except InfeasibleError:
            return replace(share, duration=math.inf, goodput=0.0)
        return replace(share, duration=run.duration.p50, goodput=run.goodput.p50)

    def _on(self, workload: Training, layout: TrainingLayout, why: str, count: int) -> tuple[Share, TrainingResult]:
        share = Share(workload, Placement(accelerators=count, training=layout), why)
        return share, self._result(share)

    def _result(self, share: Share) -> TrainingResult:
        workload, placement = share.workload, share.placement
        if not isinstance(workload, Training) or placement.training is None:
            raise TypeError("a share of a training run is expected")
        parts, count = self.made_of, placement.accelerators
        machine = (parts.system, parts.accelerator, parts.host, count)
        model, teacher = self._model(workload.train), teachers.find(workload, self.base)
        run = training.Run(workload, model, *machine, self._time(count), self.a, teacher)
        return training.train(run, placement.training)

    def _time(self, accelerators: int) -> FabricTime:
        return fabric(self.fabric, self.made_of, self.made_of.whole(accelerators, up=True), self.a)[1]

    def _model(self, name: str) -> Model:
        return models.find(name, self.base)


def _between(low: int, high: int, guess: float, step: int) -> int | None:
    """The multiple of `step` nearest to a guess that lies strictly between two counts; None where there is none."""
    first, last = low // step + 1, -(-high // step) - 1
    return min(max(math.ceil(guess / step), first), last) * step if first <= last else None


def _too_late(workload: Training, full: Share, time: float, most: int) -> InfeasibleError:
    over = full.duration / time
    took, allowed = (units.show(within, "time") for within in (full.duration, workload.within or time))
    reserve = "" if not workload.within or time >= workload.within else ", reserve included"
    enough = units.show((workload.within or time) * over * _ROUNDED_UP, "time")
    remedy = f"Allow {enough}{reserve}, train on fewer tokens, or give it more power and floor."
    limit = Limit("within", f"{took} on {most:,} accelerators, interruptions included", allowed, remedy, over)
    return InfeasibleError(f"{workload.train} cannot be trained in time:", (limit,))

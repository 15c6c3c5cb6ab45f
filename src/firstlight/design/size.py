"""How many accelerators a workload takes on one system, and how it is laid out on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from firstlight import units
from firstlight.errors import InfeasibleError, Limit
from firstlight.evaluate.build import Parts, fabric
from firstlight.network.collectives import FabricTime
from firstlight.performance import serving, training
from firstlight.spec import models
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import FabricDesign, Placement
from firstlight.spec.model import Model
from firstlight.spec.workload import Serving, Training

_TRIES = 8


@dataclass(frozen=True)
class Share:
    """One workload on its share of the factory.

    Attributes:
        workload: with its batch settled.
        placement: accelerators and layout.
        duration: of a training run without interruptions [s]; 0 for serving.
        reason: of count and layout, in words.
    """

    workload: Training | Serving
    placement: Placement
    duration: float
    reason: str


@dataclass(frozen=True)
class Sizer:
    """Sizes workloads on one system and fabric.

    Attributes:
        made_of: the system's parts.
        fabric: resolved.
        a: assumptions.
        base: folder that model paths are relative to.
    """

    made_of: Parts
    fabric: FabricDesign
    a: Assumptions
    base: Path

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
            limit = Limit("design.accelerators", f"{count:,} to serve {model.id}", f"{most:,}", remedy)
            raise InfeasibleError(f"{model.id} cannot be served at the asked rate:", (limit,))
        reason = f"{replicas:,} replicas of {each}, the fewest accelerators that meet the rate and its limits"
        return Share(workload, Placement(accelerators=count, serving=layout), 0.0, reason)

    def train(self, workload: Training, count: int) -> Share:
        """The fastest layout on at most so many accelerators; what it would leave idle is given back.

        Raises:
            InfeasibleError: none fits the memory, or the batch is too small to be spread.
        """
        parts, model = self.made_of, self._model(workload.train)
        workload = training.settled(workload, model, self.a)
        count = min(count, int((workload.batch or 0.0) / workload.sequence) * 8192)
        machine = (parts.system, parts.accelerator, parts.host)
        layout, reason = training.best(workload, model, *machine, count, self._time(count), self.a)
        group = layout.tensor * layout.pipeline * layout.context
        used = count // group * group
        result = training.train(workload, model, *machine, used, layout, self._time(used), self.a)
        placement = Placement(accelerators=used, training=layout)
        return Share(workload, placement, result.duration.p50, reason)

    def train_within(self, workload: Training, time: float, most: int) -> Share:
        """The fewest accelerators on which a run is over in a given time [s] without interruptions.

        Raises:
            InfeasibleError: even `most` accelerators take longer; says how long.
        """
        full = self.train(workload, most)
        if full.duration > time:
            took, allowed = units.show(full.duration, "time"), units.show(time, "time")
            remedy = f"Allow {took}, train on fewer tokens, or give it more power and floor."
            limit = Limit("within", f"{took} on {most:,} accelerators", f"{allowed} of uninterrupted work", remedy)
            raise InfeasibleError(f"{workload.train} cannot be trained in time:", (limit,))
        step = self.made_of.system.accelerators
        low, best = 0, full
        guess = math.ceil(full.placement.accelerators * full.duration / time)
        for _ in range(_TRIES):
            count = max(math.ceil(guess / step) * step, step)
            if not low < count < best.placement.accelerators:
                break
            try:
                tried = self.train(workload, count)
            except InfeasibleError:
                low, guess = count, (count + best.placement.accelerators) // 2
                continue
            if tried.duration <= time:
                best, guess = tried, (low + tried.placement.accelerators) // 2 if low else math.floor(count * 0.97)
            else:
                low, guess = count, math.ceil(count * tried.duration / time * 1.005)
        return best

    def _time(self, accelerators: int) -> FabricTime:
        return fabric(self.fabric, self.made_of, accelerators, self.a)[1]

    def _model(self, name: str) -> Model:
        return models.find(name, self.base)

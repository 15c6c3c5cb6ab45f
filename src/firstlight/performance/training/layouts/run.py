"""One training run before its layout is chosen: what is trained, and on what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from firstlight.performance.machine import Machine, machine
from firstlight.performance.shapes import Layer, layers
from firstlight.performance.training.batch import settled
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training
from firstlight.twin.protocols import CollectiveTime


@dataclass(frozen=True)
class Run:
    """One training run before its layout is chosen.

    Attributes:
        workload: what is trained. model: its architecture.
        system, accelerator, host: the parts.
        accelerators: of the run; what a layout cannot use stands idle.
        collective: time of collectives on the fabric.
        a: assumptions.
        teacher: the workload's, if it has one.
    """

    workload: Training
    model: Model
    system: System
    accelerator: Accelerator
    host: Host
    accelerators: int
    collective: CollectiveTime
    a: Assumptions
    teacher: Model | None = None

    @cached_property
    def work(self) -> Machine:
        """The machine at the workload's precision."""
        return machine(self.accelerator, self.host, self.system, self.workload.precision, self.a)

    @cached_property
    def settled(self) -> Run:
        """The same run with its batch (`batch.settled`)."""
        return replace(self, workload=settled(self.workload, self.model, self.a))

    @cached_property
    def beside(self) -> Model | None:
        """The teacher, where it runs beside the student."""
        return self.teacher if self.workload.beside else None

    @cached_property
    def shapes(self) -> tuple[Layer, ...]:
        """The layers that a layout cuts: the student's, and those of a teacher that runs beside it."""
        return layers(self.model) + (layers(self.beside) if self.beside else ())

    @cached_property
    def depth(self) -> int:
        """Layers of the student."""
        return _depth(self.model)

    @cached_property
    def least_depth(self) -> int:
        """Layers of the model with fewer, the student or the teacher that runs beside it."""
        return min(self.depth, _depth(self.beside)) if self.beside else self.depth

    @cached_property
    def sequences(self) -> float:
        """Of an optimizer step: those of the batch, one at the least.

        Raises:
            ValueError: the batch is not settled.
        """
        if self.workload.batch is None:
            raise ValueError("a step needs a workload whose batch is settled")
        return max(self.workload.batch / self.workload.sequence, 1.0)


def _depth(model: Model) -> int:
    return sum(layer.count for layer in layers(model))

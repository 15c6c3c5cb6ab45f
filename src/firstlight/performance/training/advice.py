"""What to change in a layout that the memory does not hold."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from firstlight import units
from firstlight.errors import InfeasibleError
from firstlight.performance.machine import machine
from firstlight.performance.training.batch import settled
from firstlight.performance.training.every import SHAPE, Every, every
from firstlight.performance.training.layouts import Layouts
from firstlight.performance.training.step import steps
from firstlight.performance.training.train import best
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training
from firstlight.twin.protocols import CollectiveTime, Ints


def advice(
    workload: Training,
    model: Model,
    system: System,
    accelerator: Accelerator,
    host: Host,
    accelerators: int,
    layout: TrainingLayout,
    collective: CollectiveTime,
    a: Assumptions,
) -> str:
    """The one change with which a layout fits and is fastest; else another layout; else what would hold the model.

    The arguments are those of `train`.
    """
    workload = settled(workload, model, a)
    near = _one_change(every(model, workload, accelerators), layout)
    if len(near):
        work = machine(accelerator, host, system, workload.precision, a)
        found = steps(model, workload, work, near, accelerators, collective, a)
        if found.fits.any():
            index = int(np.argmin(np.where(found.fits, found.time, np.inf)))
            changed, memory = near.one(index), units.show(float(found.used[index]), "bytes")
            time = units.show(float(found.time[index]), "time")
            return f"with {difference(layout, changed)} it takes {memory} and a step of {time}"
    try:
        other, _ = best(workload, model, system, accelerator, host, accelerators, collective, a)
    except InfeasibleError as error:
        return " ".join(limit.remedy for limit in error.limits)
    return f"with {difference(layout, other)} it fits"


def difference(layout: TrainingLayout, other: TrainingLayout) -> str:
    """The fields in which another layout differs, with its values."""
    names = [name for name in type(layout).model_fields if getattr(layout, name) != getattr(other, name)]
    return ", ".join(f"{name}: {getattr(other, name)}" for name in names)


def _one_change(space: Every, layout: TrainingLayout) -> Layouts:
    """Layouts of a space that differ in one field; in two where that is a pipeline with its chunks."""
    given = Layouts.of([layout])
    own = np.asarray([getattr(given, name)[0] for name in SHAPE])
    differ: Ints = space.shapes != own
    near = space.shapes[(differ.sum(axis=1) <= 1) | (differ[:, :4].sum(axis=1) == 0)]
    if not len(near):
        return given.take(np.empty(0, np.int64))
    (layouts,) = Every(near).chunks(len(Every(near)))
    changed = sum((getattr(layouts, f.name) != getattr(given, f.name)).astype(np.int64) for f in fields(Layouts))
    paired = (layouts.pipeline != given.pipeline) & (layouts.interleave != given.interleave)
    return layouts.take(np.asarray((changed == 1) | (paired & (changed == 2))))

"""What to change in a layout that the memory does not hold."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from firstlight import units
from firstlight.errors import InfeasibleError, UsageError
from firstlight.performance.machine import Machine
from firstlight.performance.training.layouts.arrays import MODULES, OFFLOADS, RECOMPUTE, Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.space.check import check
from firstlight.performance.training.space.every import OPTIONS, SHAPE, Every, every
from firstlight.performance.training.step import steps
from firstlight.performance.training.train import best
from firstlight.spec.design import TrainingLayout
from firstlight.twin.protocols import Ints

_PIPELINE = SHAPE.index("pipeline")
"""From here on the columns of a shape are those of its pipeline."""

LIGHT = (("layernorm", "moe_act"), ("layernorm", "mla_up_proj", "moe_act"))
"""Modules that take little time, together."""


def advice(run: Run, layout: TrainingLayout) -> str:
    """The one change with which a layout fits and is fastest: of its shape, ZeRO or recomputation; else of the types of
    its states, of modules that are computed again, or of what the host keeps. Else another layout; else what would hold
    the model."""
    run = run.settled
    for near in (_one_change(every(run, unfilled=True), layout), _options(layout, run.work)):
        if not len(near):
            continue
        found = steps(run, near)
        fitting = np.flatnonzero(found.fits)
        for index in fitting[np.argsort(found.time[fitting], kind="stable")]:
            changed = near.one(int(index))
            if _runs(run, changed):
                memory, time = (float(values[index]) for values in (found.used, found.time))
                told = f"{units.show(memory, 'bytes')} and a step of {units.show(time, 'time')}"
                return f"with {difference(layout, changed)} it takes {told}"
    try:
        other, _ = best(run)
    except InfeasibleError as error:
        return " ".join(limit.remedy for limit in error.limits)
    return f"it fits in another layout: {difference(layout, other)}"


def difference(layout: TrainingLayout, other: TrainingLayout) -> str:
    """The fields in which another layout differs, as a plan writes its values."""
    names = [name for name in type(layout).model_fields if getattr(layout, name) != getattr(other, name)]
    return ", ".join(_written(name, getattr(other, name)) for name in names)


def _written(name: str, value: object) -> str:
    if value is None:
        return f"no {name}"
    return f"{name}: [{', '.join(map(str, value))}]" if isinstance(value, tuple) else f"{name}: {value}"


def _one_change(space: Every, layout: TrainingLayout) -> Layouts:
    """Layouts of a space that differ in one field; in two where that is a pipeline with its chunks."""
    given = Layouts.of([layout])
    own = np.asarray([getattr(given, name)[0] for name in SHAPE])
    differ: Ints = space.shapes != own
    near = space.shapes[(differ.sum(axis=1) <= 1) | (differ[:, :_PIPELINE].sum(axis=1) == 0)]
    if not len(near):
        return given.take(np.empty(0, np.int64))
    (bare,) = Every(near).chunks(len(Every(near)))
    kept = [f.name for f in fields(Layouts) if f.name not in (*SHAPE, *OPTIONS)]
    layouts = replace(bare, **{name: getattr(given, name)[0] for name in kept})
    named = np.where(layouts.recompute == RECOMPUTE.index("selective"), layouts.recompute_modules, 0)
    layouts = replace(layouts, recompute_modules=named)
    changed = sum((getattr(layouts, f.name) != getattr(given, f.name)).astype(np.int64) for f in fields(Layouts))
    paired = (layouts.pipeline != given.pipeline) & (layouts.interleave != given.interleave)
    return layouts.take(np.asarray((changed == 1) | (paired & (changed == 2))))


def _options(layout: TrainingLayout, work: Machine) -> Layouts:
    """The layout with narrower states or activations, with each module more computed again, and with each more that the
    host can keep where its link is known."""
    states = [{"gradients": "bf16"}, {"moments": "bf16"}, {"gradients": "bf16", "moments": "bf16"}, {"moments": "fp8"}]
    moved = [what for what in OFFLOADS if what not in layout.offload] if work.host_link else []
    changes = [*states, *([{"activations": "fp8"}] if work.low and layout.activations != "fp8" else [])]
    if layout.recompute != "full":
        named = layout.recompute_modules
        modules = [*((*named, module) for module in MODULES if module not in named), *LIGHT]
        changes += [{"recompute": "selective", "recompute_modules": each} for each in modules]
    changes += [{"offload": (*layout.offload, what)} for what in moved]
    return Layouts.of([layout.model_copy(update=change) for change in changes])


def _runs(run: Run, layout: TrainingLayout) -> bool:
    try:
        check(run, layout)
    except UsageError:
        return False
    return True

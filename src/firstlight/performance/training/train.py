"""One training run: its result, and the layout that runs it fastest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight import units
from firstlight.errors import InfeasibleError, Limit
from firstlight.performance.flops import forward_flops, training_flops
from firstlight.performance.machine import Machine, machine
from firstlight.performance.power import utilisation
from firstlight.performance.result import TrainingResult
from firstlight.performance.training.batch import rounded, settled
from firstlight.performance.training.layouts.arrays import Layouts
from firstlight.performance.training.layouts.once import Parts
from firstlight.performance.training.memory.stages import every_stage
from firstlight.performance.training.space.check import check, passed
from firstlight.performance.training.space.options import check_host
from firstlight.performance.training.space.thinned import space
from firstlight.performance.training.step import Steps, case_of, steps
from firstlight.performance.training.teacher import after, check_teacher, generation
from firstlight.performance.uncertainty import training_interval
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.parameters import active_parameters, parameters
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training
from firstlight.twin.protocols import CollectiveTime


def train(
    workload: Training,
    model: Model,
    system: System,
    accelerator: Accelerator,
    host: Host,
    accelerators: int,
    layout: TrainingLayout,
    collective: CollectiveTime,
    a: Assumptions,
    *,
    teacher: Model | None = None,
) -> TrainingResult:
    """One training run in a given layout, before interruptions.

    A layout beyond the memory is answered too: `memory` is then above `memory_available`. MFU and tokens per second
    count every accelerator of the run, also those that the layout leaves idle. A teacher beside the student makes the
    step longer and takes memory; one that writes the tokens does so beforehand, which `duration` includes.

    Args:
        workload: what is trained.
        model: architecture.
        system, accelerator, host: the parts.
        accelerators: of the run.
        layout: of the run.
        collective: time of collectives on the fabric.
        a: assumptions.
        teacher: the workload's, if it has one.

    Raises:
        UsageError: a parallelism that does not divide or go into the run; says which, and what would.
        InfeasibleError: a teacher that writes the tokens does not fit the accelerators.
    """
    workload = settled(workload, model, a)
    check_teacher(workload, model, teacher)
    check(model, workload, accelerators, layout, teacher)
    work = machine(accelerator, host, system, workload.precision, a)
    check_host(layout, work)
    layouts = Layouts.of([layout])
    found = steps(model, workload, work, layouts, accelerators, collective, a, teacher=teacher)
    stages = every_stage(case_of(model, workload, work, layouts, accelerators, collective, a, teacher=teacher))
    result = _result(workload, model, work, accelerators, layout, found, stages, a, teacher)
    if teacher is None or not workload.beforehand:
        return result
    parts = system, accelerator, host, accelerators
    return after(result, generation(workload, teacher, *parts, collective, a))


def _result(
    workload: Training,
    model: Model,
    work: Machine,
    accelerators: int,
    layout: TrainingLayout,
    found: Steps,
    stages: Parts,
    a: Assumptions,
    teacher: Model | None,
) -> TrainingResult:
    batch = max(workload.batch or 0.0, float(workload.sequence))
    parts = {name: float(time[0]) for name, time in found.parts.items() if time[0] > 0}
    memory = {name: float(size[0]) for name, size in found.memory.items()}
    launch = parts.get("launch", 0.0) / float(found.time[0])
    beside = teacher if workload.beside else None
    step = training_interval(float(found.time[0]), passed(model, workload, beside), layout, launch, work, a)
    step = replace(step, calibrated=step.calibrated and beside is None)  # no run with one is in the data
    sequences, peak = batch / workload.sequence, work.peak * accelerators
    flops = training_flops(model, workload.sequence, frozen=bool(workload.adapters)) * sequences
    watched = forward_flops(beside, workload.sequence) * sequences if beside else 0.0
    used = int(found.data[0]) * layout.tensor * layout.pipeline * layout.context
    return TrainingResult(
        model=model.id,
        parameters=float(parameters(model)),
        active_parameters=float(active_parameters(model)),
        accelerators=accelerators,
        layout=layout,
        data=int(found.data[0]),
        sequence=workload.sequence,
        batch=batch,
        micro_batches=int(found.micro_batches[0]),
        precision=workload.precision,
        step_time=step,
        tokens_per_s=step.inverse(batch),
        mfu=step.inverse(flops / peak),
        teacher=teacher.id if teacher else "",
        teacher_flops=watched,
        teacher_mfu=step.inverse(watched / peak) if beside else None,
        generation=None,
        step_parts=parts,
        memory_parts=memory,
        memory=sum(memory.values()),
        memory_available=work.memory,
        memory_stages={name: tuple(sizes.tolist()) for name, sizes in stages.items()},
        host_memory=float(found.host[0]),
        host_memory_available=work.host_memory,
        tokens=workload.tokens,
        duration=step.scaled(workload.tokens / batch),
        utilisation=utilisation(parts, used / accelerators, a),
    )


def best(
    workload: Training,
    model: Model,
    system: System,
    accelerator: Accelerator,
    host: Host,
    accelerators: int,
    collective: CollectiveTime,
    a: Assumptions,
    *,
    teacher: Model | None = None,
) -> tuple[TrainingLayout, str]:
    """The layout with the shortest step among those that fit the memory, and why in words.

    Where the batch is open, each layout is tried at the batch that suits it (`batch.whole`), and the one that takes the
    least time for each sequence is chosen. It is one of a thinned space (`space`): a proposal asks this of dozens of
    systems and numbers of accelerators, and the whole one (`every`) is a hundred times as large. `search` tries that.

    Raises:
        InfeasibleError: none fits; names the memory it takes, and how many accelerators would do.
    """
    is_open, workload = workload.batch is None, settled(workload, model, a)
    work = machine(accelerator, host, system, workload.precision, a)
    check_teacher(workload, model, teacher)
    layouts = space(model, workload, system, accelerator, accelerators, a, teacher)
    if not len(layouts):
        raise too_many(workload, model, accelerators)
    sequences = np.full(len(layouts), (workload.batch or 0.0) / workload.sequence)
    if is_open:
        inside = layouts.tensor * layouts.pipeline * layouts.context
        sequences = rounded(float(sequences[0]), accelerators // inside, layouts.micro_batch)
    found = steps(model, workload, work, layouts, accelerators, collective, a, sequences=sequences, teacher=teacher)
    if not found.fits.any():
        least = float(found.used.min())
        raise too_large(workload, model, system, accelerator, accelerators, least, collective, a, work, teacher)
    chosen = int(np.argmin(np.where(found.fits, found.time / np.maximum(sequences, 1.0), np.inf)))
    fitting = int(found.fits.sum())
    step = units.show(float(found.time[chosen]), "time")
    return layouts.one(chosen), f"the shortest step ({step}) of {fitting:,} layouts that fit, out of {len(layouts):,}"


def too_many(workload: Training, model: Model, accelerators: int) -> InfeasibleError:
    """That the batch has too few sequences for the data-parallel ranks of every layout."""
    sequences = (workload.batch or 0.0) / workload.sequence
    batch = units.show(workload.batch or 0.0, "tokens")
    remedy = f"Raise the batch, shorten the sequence of {workload.sequence:,} tokens, or use fewer accelerators."
    limit = Limit(
        "batch", f"a sequence for every data-parallel rank of {accelerators:,} accelerators",
        f"{sequences:,.0f} sequences ({batch})", remedy,
    )  # fmt: skip
    return InfeasibleError(f"{model.id} cannot be spread over {accelerators:,} accelerators:", (limit,))


def too_large(
    workload: Training,
    model: Model,
    system: System,
    accelerator: Accelerator,
    accelerators: int,
    least: float,
    collective: CollectiveTime,
    a: Assumptions,
    work: Machine,
    teacher: Model | None = None,
) -> InfeasibleError:
    """That no layout fits: the least memory that one takes [B], and how many accelerators (by doubling) would do."""
    enough, remedy = (
        accelerators,
        "No number of accelerators up to 1,024 times as many would hold it; shorten the sequence.",
    )
    for _ in range(10):
        enough *= 2
        layouts = space(model, workload, system, accelerator, enough, a, teacher)
        if len(layouts) and steps(model, workload, work, layouts, enough, collective, a, teacher=teacher).fits.any():
            remedy = f"It fits on {enough:,} accelerators, or on accelerators with more memory."
            break
    limit = Limit("memory", f"{units.show(least, 'bytes')} an accelerator", units.show(work.memory, "bytes"), remedy)
    return InfeasibleError(f"{model.id} does not fit on {accelerators:,} {accelerator.id}:", (limit,))

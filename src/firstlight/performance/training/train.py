"""One training run: its result, and the layout that runs it fastest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight import units
from firstlight.errors import InfeasibleError, Limit
from firstlight.performance.flops import forward_flops, training_flops
from firstlight.performance.power import utilisation
from firstlight.performance.result import TrainingResult
from firstlight.performance.training.batch import rounded
from firstlight.performance.training.layouts.arrays import Layouts
from firstlight.performance.training.layouts.once import Parts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.memory.stages import every_stage
from firstlight.performance.training.space.check import check
from firstlight.performance.training.space.options import check_host
from firstlight.performance.training.space.thinned import space
from firstlight.performance.training.step import Steps, case_of, steps
from firstlight.performance.training.teacher import after, check_teacher, generation
from firstlight.performance.uncertainty import training_interval
from firstlight.spec.design import TrainingLayout
from firstlight.spec.parameters import active_parameters, parameters


def train(run: Run, layout: TrainingLayout) -> TrainingResult:
    """One training run in a given layout, before interruptions.

    A layout beyond the memory is answered too: `memory` is then above `memory_available`. MFU and tokens per second
    count every accelerator of the run, also those that the layout leaves idle. A teacher beside the student makes the
    step longer and takes memory; one that writes the tokens does so beforehand, which `duration` includes.

    Raises:
        UsageError: a parallelism that does not divide or go into the run; says which, and what would.
        InfeasibleError: a teacher that writes the tokens does not fit the accelerators.
    """
    run = run.settled
    check_teacher(run)
    check(run, layout)
    check_host(layout, run.work)
    layouts = Layouts.of([layout])
    result = _result(run, layout, steps(run, layouts), every_stage(case_of(run, layouts)))
    if run.teacher is None or not run.workload.beforehand:
        return result
    return after(result, generation(run, run.teacher))


def _result(run: Run, layout: TrainingLayout, found: Steps, stages: Parts) -> TrainingResult:
    workload, model, work, accelerators = run.workload, run.model, run.work, run.accelerators
    batch = max(workload.batch or 0.0, float(workload.sequence))
    parts = {name: float(time[0]) for name, time in found.parts.items() if time[0] > 0}
    memory = {name: float(size[0]) for name, size in found.memory.items()}
    launch = parts.get("launch", 0.0) / float(found.time[0])
    step = training_interval(float(found.time[0]), run.shapes, layout, launch, work, run.a)
    step = replace(step, calibrated=step.calibrated and run.beside is None)  # no run with one is in the data
    sequences, peak = batch / workload.sequence, work.peak * accelerators
    flops = training_flops(model, workload.sequence, frozen=bool(workload.adapters)) * sequences
    watched = forward_flops(run.beside, workload.sequence) * sequences if run.beside else 0.0
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
        teacher=run.teacher.id if run.teacher else "",
        teacher_flops=watched,
        teacher_mfu=step.inverse(watched / peak) if run.beside else None,
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
        utilisation=float(utilisation(parts, used / accelerators, run.a)),
    )


def best(run: Run) -> tuple[TrainingLayout, str]:
    """The layout with the shortest step among those that fit the memory, and why in words.

    Where the batch is open, each layout is tried at the batch that suits it (`batch.whole`), and the one that takes the
    least time for each sequence is chosen. It is one of a thinned space (`space`): a proposal asks this of dozens of
    systems and numbers of accelerators, and the whole one (`every`) is a hundred times as large. `search` tries that.

    Raises:
        InfeasibleError: none fits; names the memory it takes, and how many accelerators would do.
    """
    is_open, run = run.workload.batch is None, run.settled
    check_teacher(run)
    layouts = space(run)
    if not len(layouts):
        raise too_many(run)
    sequences = np.full(len(layouts), (run.workload.batch or 0.0) / run.workload.sequence)
    if is_open:
        inside = layouts.tensor * layouts.pipeline * layouts.context
        sequences = rounded(float(sequences[0]), run.accelerators // inside, layouts.micro_batch)
    found = steps(run, layouts, sequences=sequences)
    if not found.fits.any():
        raise too_large(run, float(found.used.min()))
    chosen = int(np.argmin(np.where(found.fits, found.time / np.maximum(sequences, 1.0), np.inf)))
    fitting = int(found.fits.sum())
    step = units.show(float(found.time[chosen]), "time")
    return layouts.one(chosen), f"the shortest step ({step}) of {fitting:,} layouts that fit, out of {len(layouts):,}"


def too_many(run: Run) -> InfeasibleError:
    """That the batch has too few sequences for the data-parallel ranks of every layout."""
    workload, accelerators = run.workload, run.accelerators
    sequences = (workload.batch or 0.0) / workload.sequence
    batch = units.show(workload.batch or 0.0, "tokens")
    remedy = f"Raise the batch, shorten the sequence of {workload.sequence:,} tokens, or use fewer accelerators."
    limit = Limit(
        "batch", f"a sequence for every data-parallel rank of {accelerators:,} accelerators",
        f"{sequences:,.0f} sequences ({batch})", remedy,
    )  # fmt: skip
    return InfeasibleError(f"{run.model.id} cannot be spread over {accelerators:,} accelerators:", (limit,))


def too_large(run: Run, least: float) -> InfeasibleError:
    """That no layout fits: the least memory that one takes [B], and how many accelerators (by doubling) would do."""
    more, remedy = (
        run,
        "No number of accelerators up to 1,024 times as many would hold it; shorten the sequence.",
    )
    for _ in range(10):
        more = replace(more, accelerators=2 * more.accelerators)
        layouts = space(more)
        if len(layouts) and steps(more, layouts).fits.any():
            remedy = f"It fits on {more.accelerators:,} accelerators, or on accelerators with more memory."
            break
    has = units.show(run.work.memory, "bytes")
    limit = Limit("memory", f"{units.show(least, 'bytes')} an accelerator", has, remedy)
    head = f"{run.model.id} does not fit on {run.accelerators:,} {run.accelerator.id}:"
    return InfeasibleError(head, (limit,))

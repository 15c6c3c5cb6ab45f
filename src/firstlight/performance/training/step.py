"""The time and memory of an optimizer step, for one layout or a million."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.training.layouts.arrays import Layouts
from firstlight.performance.training.layouts.case import Case
from firstlight.performance.training.layouts.once import Parts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.memory.offload import updated_on_host
from firstlight.performance.training.memory.stages import host_memory, memory_parts
from firstlight.performance.training.time.overlap import step_end
from firstlight.performance.training.time.pipeline import pipeline_parts
from firstlight.performance.training.time.sites import seen_between_sites
from firstlight.twin.protocols import Floats

NODE = 8.0
"""Accelerators that wait for each other at every collective, so that their jitter is part of the step's time."""


@dataclass(frozen=True)
class Steps:
    """Optimizer steps of many layouts; arrays (n,).

    Attributes:
        time: of the step [s].
        parts: where it goes; they add up to `time` [s].
        memory: of the fullest accelerator, by component [B].
        available: memory of an accelerator [B].
        host: what an accelerator keeps in its host's memory [B] (n,). host_available: its share of that memory [B].
        data: data-parallel ranks. micro_batches: of one rank.
    """

    time: Floats
    parts: Parts
    memory: Parts
    available: float
    host: Floats
    host_available: float
    data: Floats
    micro_batches: Floats

    @property
    def used(self) -> Floats:
        """Memory of the fullest accelerator [B] (n,)."""
        return sum(self.memory.values(), np.zeros(len(self.time)))

    @property
    def fits(self) -> NDArray[np.bool_]:
        """The memory suffices, the accelerator's and the host's (n,), boolean."""
        return (self.used <= self.available) & (self.host <= self.host_available)


def steps(run: Run, layouts: Layouts, *, sequences: Floats | None = None) -> Steps:
    """Time and memory of one optimizer step in each layout.

    Args:
        run: its batch must be settled (`Run.settled`).
        layouts: arrays (n,).
        sequences: of a step, for each layout (n,); None: those of the run's batch.
    """
    case = case_of(run, layouts, sequences)
    parts, work = step_parts(case), run.work
    time = sum(parts.values(), np.zeros(len(layouts)))
    host = host_memory(case)
    return Steps(time, parts, memory_parts(case), work.memory, host, work.host_memory, case.data, case.micro_batches)


def case_of(run: Run, layouts: Layouts, sequences: Floats | None = None) -> Case:
    """What `steps` computes with; the arguments are the same."""
    batch = run.sequences if sequences is None else sequences
    workload, adapters = run.workload, run.workload.adapters or 0
    return Case(
        run.model, workload.sequence, batch, run.accelerators, run.work, layouts, run.collective, run.a, adapters,
        run.beside,
    )  # fmt: skip


def step_parts(case: Case) -> Parts:
    """Where the time of one step goes [s], by part; arrays (n,).

    "jitter" is what nodes of eight wait for the slowest of them: the expected maximum of n normal times lies
    sqrt(2 ln n) standard deviations above their mean (Cramer 1946, for large n). "sites" is the wait for other sites.
    """
    parts, window = pipeline_parts(case)
    for name, time in step_end(case, window).items():
        parts[name] = parts.get(name, np.zeros(len(time))) + time
    parts["offload"] = parts["offload"] + updated_on_host(case, window)
    total = sum(parts.values(), np.zeros(len(case.layouts)))
    slowest = np.sqrt(2.0 * np.log(max(case.accelerators / NODE, 1.0)))
    jitter = total * case.a["performance.jitter"] * slowest
    return {**parts, "jitter": jitter, "sites": seen_between_sites(case, window, total + jitter)}

"""Times training steps on one accelerator and writes the rows that `validate training` and `validate memory` read."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from firstlight.operate.measurement import tables
from firstlight.operate.measurement.jobs import CannotRun
from firstlight.operate.measurement.stacks import STEPS, Step, StepBench, Timed, cells
from firstlight.operate.validation.memory import EXTRA, METRICS
from firstlight.operate.validation.runs import COLUMNS

TRAINING, MEMORY = "training.csv", "memory.csv"
GROUP = "measured here"
"""One machine's runs belong together: they are left out of a fit together."""
ALONE: Mapping[str, str | int] = {
    "tier": "A", "weight": 1, "n_accel": 1, "accel_per_node": 1, "precision": "bf16", "tp": 1, "pp": 1, "cp": 1,
    "ep": 1, "dp": 1, "sharding": "none", "recompute": "none",
}  # fmt: skip
"""Columns of a run on one accelerator."""


def measure_training(
    out: Path,
    accelerator: str,
    bench: StepBench,
    *,
    seconds: float,
    steps: Sequence[Step] = STEPS,
    tell: Callable[[str], None] = lambda _: None,
) -> Mapping[str, int]:
    """Time training steps of small stacks, and the memory that they take.

    Args:
        out: folder of training.csv and memory.csv; they are written again after each step.
        accelerator: id in the catalogue.
        bench: runs them.
        seconds: after which no further stack is begun [s].
        steps: what is run.
        tell: called with each stack that does not run here and why, and with what is left when time is over.

    Returns:
        rows of each file.

    Raises:
        UsageError: the folder cannot be written.
    """
    tables.folder(out)
    runs: list[tables.Row] = []
    peaks: list[tables.Row] = []
    end = time.monotonic() + seconds
    for place, step in enumerate(steps):
        if time.monotonic() > end:
            tell(f"time is over: {len(steps) - place} of {len(steps)} stacks are not timed")
            break
        try:
            found = bench.step(step)
        except CannotRun as error:
            tell(f"{step.name} is left out: {error}")
            continue
        row = _row(step, accelerator, bench.framework)
        runs.append({**row, "step_time_s": f"{found.seconds:.6g}"})
        peaks += _peaks(row, step, found)
        tables.lines(out / TRAINING, COLUMNS, runs)
        tables.lines(out / MEMORY, (*COLUMNS, *METRICS, *EXTRA), peaks)
    return {TRAINING: len(runs), MEMORY: len(peaks)}


def _row(step: Step, accelerator: str, framework: str) -> tables.Row:
    ways = {
        "compile": step.compiled, "compiled_loss": step.compiled, "cuda_graphs": step.graph,
        "forced_balance": bool(step.stack.experts),
    }  # fmt: skip
    return {
        **ALONE, **cells(step.stack), "case_id": f"{accelerator}-{step.name}", "group": GROUP,
        "date": f"{dt.date.today():%Y-%m}", "accelerator": accelerator, "seq_len": step.sequence,
        "micro_batch": step.micro_batch, "global_batch": step.micro_batch * step.micro_batches,
        "framework": f"{framework}, as FSDP runs on one GPU",
        "software_switches": ";".join(name for name, on in ways.items() if on),
    }  # fmt: skip


def _peaks(row: tables.Row, step: Step, found: Timed) -> list[tables.Row]:
    """The peaks of tensors and of the allocator; a graph's own memory is of no use to others."""
    if step.graph:
        return []
    sizes = {"allocated": found.allocated, "reserved": found.reserved}
    return [
        {**row, "case_id": f"{row['case_id']}-{what}", "memory_counts": what, "peak_memory_bytes": size}
        for what, size in sizes.items()
    ]

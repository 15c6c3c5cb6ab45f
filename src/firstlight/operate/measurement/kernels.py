"""Times the kernels of one accelerator and writes the tables that `validate kernels` and `calibrate kernels` read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from firstlight.operate.measurement import attention, passes, products, tables
from firstlight.operate.measurement.jobs import Bench, CannotRun, Job, interleaved

OPERATIONS: Mapping[str, Callable[[], list[Job]]] = {
    "gemm": products.inference,
    "context_attention": attention.context,
    "generation_attention": attention.generation,
    "training_gemm": products.training,
    "training_grouped": products.grouped,
    "training_attention": attention.training,
    "training_passes": passes.training,
}
"""The rows of each table that is written."""
SUSTAINED = "sustained"
"""CSV file of products that are repeated until the power limit shows."""
MS = 1e3


def measure_kernels(
    out: Path,
    accelerator: str,
    bench: Bench,
    *,
    seconds: float,
    sustain: float,
    tell: Callable[[str], None] = lambda _: None,
) -> Mapping[str, int]:
    """Time kernels at shapes of common models.

    Args:
        out: folder of the tables, `<accelerator>.<operation>.parquet`; they are written again after each row.
        accelerator: id in the catalogue.
        bench: times them.
        seconds: after which no further kernel is begun [s]; all operations have the same share of their rows then.
        sustain: time of each series of one repeated product [s]; 0 for none.
        tell: called with each kernel that does not run here and why, and with what is left when time is over.

    Returns:
        rows of each table.

    Raises:
        UsageError: the folder cannot be written.
    """
    tables.folder(out)
    if sustain > 0:
        _sustained(out, accelerator, bench, sustain, tell)
    rows: dict[str, list[tables.Row]] = {}
    jobs = interleaved([make() for make in OPERATIONS.values()])
    end = time.monotonic() + seconds
    for place, job in enumerate(jobs):
        if time.monotonic() > end:
            tell(f"time is over: {len(jobs) - place:,} of {len(jobs):,} kernels are not timed")
            break
        row = _row(job, bench, tell)
        if row:
            rows.setdefault(job.operation, []).append(row)
            tables.parquet(tables.kernels_path(out, accelerator, job.operation), rows[job.operation])
    return {name: len(found) for name, found in rows.items()}


def _row(job: Job, bench: Bench, tell: Callable[[str], None]) -> tables.Row | None:
    try:
        found = bench.seconds(job)
    except CannotRun as error:
        tell(f"{_words(job)} is left out: {error}")
        return None
    return {**_head(job, bench), **job.cells, "latency_ms": found * MS}


def _sustained(out: Path, accelerator: str, bench: Bench, seconds: float, tell: Callable[[str], None]) -> None:
    found: list[tables.Row] = []
    for job in products.SUSTAINED.values():
        try:
            samples = bench.sustained(job, seconds)
        except CannotRun as error:
            tell(f"{_words(job)} is left out: {error}")
            continue
        found += [{**_head(job, bench), **job.cells, "direction": "forward", **_sample(one)} for one in samples]
        if found:
            tables.lines(out / f"{accelerator}.{SUSTAINED}.csv", found[0], found)


def _sample(one: Mapping[str, float]) -> dict[str, str | float]:
    told = {name: one.get(name, "") for name in ("clock", "power")}
    return {
        "elapsed_s": one["elapsed"], "latency_ms": one["latency"] * MS, "clock_hz": told["clock"],
        "power_w": told["power"],
    }  # fmt: skip


def _head(job: Job, bench: Bench) -> dict[str, str]:
    return {"framework_version": bench.framework, "kernel_source": job.kernel}


def _words(job: Job) -> str:
    cells: Sequence[str] = [f"{name} {cell}" for name, cell in job.cells.items()]
    return f"{job.operation} by {job.kernel} ({', '.join(cells)})"

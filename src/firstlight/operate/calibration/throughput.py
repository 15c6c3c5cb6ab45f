"""Throughput without streaming clients fitted to vendors' tables, and how well it predicts what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firstlight.operate.calibration import fit, parameters
from firstlight.operate.calibration.parameters import Parameter
from firstlight.operate.calibration.serving import AT_ONCE, HIGH, LOW, TEMPER, at
from firstlight.operate.validation import table
from firstlight.operate.validation.score import Outcome, weighted_quantile
from firstlight.operate.validation.serving.predict import Machines
from firstlight.operate.validation.serving.score import ServingScoreboard
from firstlight.operate.validation.serving.throughput import (
    COLUMNS,
    UNREAD,
    Interval,
    Job,
    outcome,
    predicted,
    read_job,
)
from firstlight.operate.validation.table import Row
from firstlight.spec.catalog import Catalog
from firstlight.twin.protocols import Floats, Ints

STEPS, FOLD_STEPS = 8, 2
FITTED = ("output_tokens_per_s_total", "output_tokens_per_s_per_accel", "ttft_ms", "latency_ms")
MANNERS = ("offline", "static-batch")
SOFTWARE = ("tensorrt", "vllm")
"""Words of the frameworks whose values are fitted; rows of others are predicted with them."""
LEFT_OUT = ("model", "accelerator")


@dataclass(frozen=True)
class ThroughputCalibration:
    """A fit of throughput; fields as in `serving.Calibration`."""

    parameters: tuple[Parameter, ...]
    values: tuple[float, ...]
    fitted: ServingScoreboard
    left_out: Mapping[str, ServingScoreboard]
    widths: Interval

    def written(self) -> dict[str, dict[str, str]]:
        """Fitted values by family, as data has them."""
        return parameters.by_family(self.parameters, self.values)


def calibrate_throughput(
    cases: Path,
    catalog: Catalog,
    *,
    tiers: Iterable[str] = ("A", "B"),
    steps: int = STEPS,
    progress: Callable[[str], None] = lambda _: None,
) -> ThroughputCalibration:
    """Fit the coefficients of data/calibration/throughput.yaml to runs without clients.

    Args:
        cases: CSV with the columns of `throughput.COLUMNS`.
        catalog, tiers, steps, progress: as for `calibrate_serving`.
    """
    progress(f"reading {cases}")
    rows, jobs, measured = _read(cases, catalog, tiers)
    found, machines = parameters.throughput(), Machines(catalog)

    def guess(theta: Floats) -> Floats:
        parts = np.array_split(theta, -(-len(theta) // AT_ONCE))
        each = [predicted(jobs, machines, at(found, part, fresh=False)) for part in parts]
        return np.concatenate(
            [np.broadcast_to(one, (len(part), len(jobs))) for one, part in zip(each, parts, strict=True)]
        )

    names = [[row.text(kind) for row in rows] for kind in LEFT_OUT]
    pairs = [" ".join(pair) for pair in zip(*names, strict=True)]
    groups = np.array([sorted(set(pairs)).index(pair) for pair in pairs])
    slow = np.array([job.metric.endswith("_ms") for job in jobs])
    problem = fit.Problem(
        lambda theta: np.log(guess(theta) / measured) * np.where(slow, -1.0, 1.0),
        TEMPER * np.where(slow, 0.3, 1.0), groups, np.array([p.sigma for p in found]),
    )  # fmt: skip
    masks, owners = [np.ones(len(jobs), dtype=bool)], list[Ints]()
    for each in names:
        known = sorted(set(each))
        owners.append(np.array([known.index(name) for name in each]) + len(masks))
        masks += [np.array([name != one for name in each]) for one in known]
    keep = np.stack(masks)
    whole = fit.solve(problem, np.zeros((1, len(found))), keep[:1], steps, progress)
    others = fit.solve(problem, np.repeat(whole.theta, len(masks) - 1, axis=0), keep[1:], FOLD_STEPS, progress)
    times = guess(np.concatenate([whole.theta, others.theta]))
    columns = np.arange(len(jobs))
    passes = [times[owner, columns] for owner in owners]
    widths = _widths(slow, np.concatenate([measured / each for each in passes]).reshape(len(passes), -1))
    boards = {kind: _board(rows, jobs, each, widths) for kind, each in zip(LEFT_OUT, passes, strict=True)}
    values = tuple(float(p.value(each)) for p, each in zip(found, whole.theta[0], strict=True))
    return ThroughputCalibration(found, values, _board(rows, jobs, times[0], widths), boards, widths)


def _read(cases: Path, catalog: Catalog, tiers: Iterable[str]) -> tuple[list[Row], list[Job], Floats]:
    rows, jobs = list[Row](), list[Job]()
    for row in table.counted(table.read(cases, COLUMNS, UNREAD), tiers, cases):
        job = read_job(row, catalog)
        if isinstance(job, Job) and job.metric in FITTED and _counts(row, job):
            rows.append(row)
            jobs.append(job)
    return rows, jobs, np.array([row.number("metric_value") or np.nan for row in rows])


def _counts(row: Row, job: Job) -> bool:
    known = any(word in row.text("framework").lower() for word in SOFTWARE)
    return known and job.scenario in MANNERS and bool(row.text("isl"))


def _widths(slow: Floats, ratios: Floats) -> Interval:
    found: dict[str, tuple[float, float]] = {}
    for name, mask in (("rates", slow == 0), ("times", slow == 1)):
        values = ratios[:, mask].ravel()
        low, high = (weighted_quantile(values, np.ones(len(values)), share) for share in (LOW, HIGH))
        found[name] = (low or 1.0, high or 1.0)
    return found


def _board(rows: list[Row], jobs: list[Job], times: Floats, widths: Interval) -> ServingScoreboard:
    found = tuple[Outcome, ...](
        outcome(row, job, float(p50), widths) for row, job, p50 in zip(rows, jobs, times, strict=True)
    )
    return ServingScoreboard("throughput", found, tuple(one.slices["model"] for one in found))

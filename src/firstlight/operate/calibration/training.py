"""The training step fitted to measured runs, and how well it then predicts runs of groups that were left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firstlight.errors import FirstlightError, UsageError
from firstlight.operate.calibration import fit, parameters
from firstlight.operate.calibration.parameters import Parameter, Values
from firstlight.operate.validation import software, table
from firstlight.operate.validation.runs import COLUMNS, UNREAD, Run, read_run
from firstlight.operate.validation.score import Outcome, Scoreboard, weighted_quantile
from firstlight.operate.validation.table import CellError, Row
from firstlight.operate.validation.training import predict, slices_of, target
from firstlight.performance.shapes import layers
from firstlight.performance.training import Layouts, case_of, step_parts
from firstlight.performance.uncertainty import CLASSES, training_class
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.twin.protocols import CollectiveTime, Floats, Operation

STEPS = 6
COVERED = 0.8
"""Of runs that an interval is to cover."""
AT_ONCE = 2048
"""Configurations of one run that are computed side by side."""


class Remembered:
    """The time of a run's collectives, each computed once: a fit of the step model does not move them.

    All configurations that are asked for together are of one layout, so that the first stands for all.
    """

    def __init__(self, time: CollectiveTime):
        self.time = time
        self.known: dict[tuple[object, ...], Floats] = {}

    def __call__(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Floats:
        """As `CollectiveTime`; shape (1,)."""
        first = [np.ravel(np.asarray(each, float))[:1] for each in (size, *group)]
        key = (operation, *(float(each[0]) for each in first))
        if key not in self.known:
            self.known[key] = self.time(operation, first[0], first[1:])
        return self.known[key]


@dataclass(frozen=True)
class Measured:
    """One measured run, ready to be predicted again and again.

    Attributes:
        row, run: as read. collective: times on its fabric.
        metric, measured, weight: target column, its value, its weight. kind: class of its interval.
        ratio: logarithm of predicted over measured speed with the shipped assumptions, and seconds: the step then [s].
        shares: of that step, by part.
    """

    row: Row
    run: Run
    collective: Remembered
    metric: str
    measured: float
    weight: float
    kind: str
    ratio: float
    seconds: float
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Calibration:
    """A fit of the training step.

    Attributes:
        parameters: that were fitted; values: of each [SI, or a factor]; spread: of its logarithm after the fit.
        fitted: the score on the runs that were fitted to.
        left_out: the score of each run with its whole group left out of the fit, also of the fit of intervals; None
            where there is but one group.
        widths: half widths of intervals by class of run, from all left-out runs.
        halves: the score of one group's runs, each with every second of them left out of the fit, itself among these.
        shares: of each run's step before the fit, by part; in the order of the outcomes.
    """

    parameters: tuple[Parameter, ...]
    values: tuple[float, ...]
    spread: tuple[float, ...]
    fitted: Scoreboard
    left_out: Scoreboard | None
    widths: Mapping[str, float]
    halves: Scoreboard | None
    shares: tuple[Mapping[str, float], ...]

    def assumptions(self) -> dict[str, str | float]:
        """The fitted values of shipped assumptions, as a plan writes them below `assumptions:`."""
        found = {p.name: value for p, value in zip(self.parameters, self.values, strict=True) if not p.family}
        found |= _named(self.widths)
        return {name: parameters.written(name, value) for name, value in found.items()}


def calibrate_training(
    cases: Path,
    catalog: Catalog,
    *,
    tiers: Iterable[str] = ("A", "B"),
    steps: int = STEPS,
    halved: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Fit the coefficients of data/calibration/training.yaml to the runs of a case file.

    Args:
        cases: CSV with the columns of `runs.COLUMNS`. Rows that cannot be predicted are left out, and counted.
        catalog: parts.
        tiers: those that are fitted to.
        steps: most Gauss-Newton steps.
        halved: a group whose runs are also predicted with every second of them in the fit; "" does none.
        progress: called with what is being done.

    Raises:
        DocumentError: the file cannot be read, or has misspelt columns.
        UsageError: no run of it can be predicted.
    """
    progress(f"reading {cases}")
    runs = _read(cases, catalog, frozenset(tiers), progress)
    found = parameters.training()
    problem = _problem(runs, found)
    whole = fit.solve(problem, _start()[None], np.ones((1, len(runs)), dtype=bool), steps, progress)
    theta = whole.theta[0]
    fitted, left_out, halves = _board(runs, np.repeat(theta[None], len(runs), axis=0)), None, None
    widths, count = dict[str, float](), int(problem.groups.max()) + 1
    if count > 1:
        progress("leaving groups out")
        kept = np.concatenate([problem.groups != np.arange(count)[:, None], _every_second(runs, halved)])
        start = np.repeat(whole.theta, len(kept), axis=0)
        others = fit.solve(problem, start, kept, steps, progress, near=whole.slopes[0])
        off = np.abs(others.residuals[problem.groups, np.arange(len(runs))])
        nested = [_widths(runs, off, rows) for rows in kept[:count]]
        widths = _widths(runs, off, np.ones(len(runs), dtype=bool))
        left_out = _board(runs, others.theta[problem.groups], [nested[group] for group in problem.groups])
        halves = _halves(runs, others.theta[count:], ~kept[count:])
    values = tuple(float(p.value(each)) for p, each in zip(found, theta, strict=True))
    spread, shares = tuple(map(float, whole.spread[0])), tuple(run.shares for run in runs)
    return Calibration(found, values, spread, fitted, left_out, widths, halves, shares)


def _every_second(runs: Sequence[Measured], group: str) -> NDArray[np.bool_]:
    """Two choices of rows, each without the other's half of a group (2, rows); none (0, rows) where no run is of it."""
    own = np.array([run.row.text("group") == group for run in runs])
    second = np.cumsum(own) % 2 == 0
    return np.stack([~(own & second), ~(own & ~second)]) if own.any() else np.empty((0, len(runs)), np.bool_)


def _halves(runs: Sequence[Measured], thetas: Floats, left: NDArray[np.bool_]) -> Scoreboard | None:
    """The score of the rows that each of some fits left out; None without fits."""
    if not len(thetas):
        return None
    rows = np.flatnonzero(left.any(axis=0)).tolist()
    return _board([runs[row] for row in rows], thetas[np.argmax(left[:, rows], axis=0)])


def _widths(runs: Sequence[Measured], off: Floats, keep: NDArray[np.bool_]) -> dict[str, float]:
    """By class of run, the logarithm of predicted over measured that 80 % of the kept runs' weight stays below."""
    weights, found = np.array([run.weight for run in runs]), dict[str, float]()
    for kind in CLASSES:
        rows = keep & np.array([run.kind == kind for run in runs])
        if rows.any():
            found[kind] = float(weighted_quantile(off[rows], weights[rows], COVERED) or 0.0)
    return found


def _spread(kind: str) -> str:
    return f"performance.spread_{kind}"


def _start() -> Floats:
    families = {entry["name"]: entry["assumptions"] for entry in software.table()["families"]}
    return parameters.start(parameters.training(), families)


def _read(cases: Path, catalog: Catalog, tiers: frozenset[str], progress: Callable[[str], None]) -> list[Measured]:
    runs, rows = list[Measured](), table.counted(table.read(cases, COLUMNS, UNREAD), tiers, cases)
    for row in rows:
        try:
            runs.append(_measured(row, read_run(row, catalog)))
        except (CellError, FirstlightError):
            continue
    if not runs:
        raise UsageError(f"no run of {cases} can be predicted; `firstlight validate training` says why of each")
    if left := len(rows) - len(runs):
        progress(f"{left:,} rows are left out; `firstlight validate training` says why of each")
    return runs


def _measured(row: Row, run: Run) -> Measured:
    metric, measured = target(row)
    ratio = float(np.log(predict(metric, run, row, run.assumptions).p50 / measured))
    collective = Remembered(run.time)
    parts = _parts(run, collective, run.assumptions, 1)
    seconds = float(sum(time[0] for time in parts.values()))
    kind = training_class(layers(run.model), run.layout, float(parts["launch"][0]) / seconds, run.assumptions)
    return Measured(
        row, run, collective, metric, measured, row.number("weight") or 1.0, kind,
        -ratio if metric == "step_time_s" else ratio, seconds,
        {name: float(time[0]) / seconds for name, time in parts.items()},
    )  # fmt: skip


def _parts(run: Run, collective: Remembered, a: Assumptions, count: int) -> Mapping[str, Floats]:
    """Time of the run's step by part [s] (count,), for assumptions that are numbers or arrays (count,)."""
    layouts = Layouts.of([run.layout]).take(np.zeros(count, dtype=np.int64))
    return step_parts(case_of(replace(run.asked(a), collective=collective), layouts))


def _problem(runs: Sequence[Measured], found: Sequence[Parameter]) -> fit.Problem:
    names = sorted({run.row.text("group") for run in runs})
    groups = np.array([names.index(run.row.text("group")) for run in runs])

    def residuals(theta: Floats) -> Floats:
        chunks = np.array_split(theta, -(-len(theta) // AT_ONCE))
        return np.concatenate([_residuals(runs, parameters.at(found, chunk), len(chunk)) for chunk in chunks])

    weights, sigma = np.array([run.weight for run in runs]), np.array([parameter.sigma for parameter in found])
    return fit.Problem(residuals, weights, groups, sigma)


def _residuals(runs: Sequence[Measured], values: Values, count: int) -> Floats:
    """Logarithm of predicted over measured speed [count, rows]."""
    return np.stack([_residual(run, _assumptions(run, values), count) for run in runs], axis=1)


def _residual(run: Measured, a: Assumptions, count: int) -> Floats:
    seconds = sum(_parts(run.run, run.collective, a, count).values(), np.zeros(count))
    return run.ratio - np.log(seconds / run.seconds)


def _assumptions(run: Measured, values: Values) -> Assumptions:
    """The assumptions of one run, with what its software did."""
    return software.assumptions(*run.run.software, values.entries, values.families)[0]


def _board(runs: Sequence[Measured], thetas: Floats, widths: Sequence[Mapping[str, float]] | None = None) -> Scoreboard:
    """The score with the parameters of each run at its theta [rows, parameters], and intervals of its own widths."""
    outcomes, seen = list[Outcome](), dict[bytes, Values]()
    for index, (run, theta) in enumerate(zip(runs, thetas, strict=True)):
        key = theta.tobytes()
        if key not in seen:
            seen[key] = parameters.at(parameters.training(), theta, {} if widths is None else _named(widths[index]))
        found = predict(run.metric, run.run, run.row, _assumptions(run, seen[key]))
        case, slices = run.row.text("case_id"), slices_of(run.row)
        outcomes.append(Outcome(case, run.metric, run.measured, found, run.weight, slices, run.run.assumed))
    return Scoreboard("training", tuple(outcomes))


def _named(widths: Mapping[str, float]) -> dict[str, float]:
    return {_spread(kind): width for kind, width in widths.items()}

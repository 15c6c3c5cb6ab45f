"""The training step fitted to measured runs, and how well it then predicts runs of groups that were left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from firstlight import units
from firstlight.errors import FirstlightError, UsageError
from firstlight.operate.calibration import fit, parameters
from firstlight.operate.calibration.parameters import Parameter, Values
from firstlight.operate.validation import software, table
from firstlight.operate.validation.runs import COLUMNS, Run, read_run
from firstlight.operate.validation.score import Outcome, Scoreboard
from firstlight.operate.validation.table import CellError, Row
from firstlight.operate.validation.training import predict, target
from firstlight.performance.machine import machine
from firstlight.performance.training import Layouts, case_of, step_parts
from firstlight.spec.assumptions import Assumptions, shipped
from firstlight.spec.catalog import Catalog
from firstlight.twin.protocols import CollectiveTime, Floats, Operation

STEPS = 6
NUDGE = 0.02
"""Step of the derivatives, in the logarithm of a coefficient."""


class Remembered:
    """The time of a run's collectives, each computed once: a fit of the step model does not move them."""

    def __init__(self, time: CollectiveTime):
        self.time = time
        self.known: dict[tuple[object, ...], Floats] = {}

    def __call__(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Floats:
        """As `CollectiveTime`."""
        key = (operation, *(np.asarray(each, float).tobytes() for each in (size, *group)))
        if key not in self.known:
            self.known[key] = self.time(operation, size, group)
        return self.known[key]


@dataclass(frozen=True)
class Measured:
    """One measured run, ready to be predicted again and again.

    Attributes:
        row, run: as read. collective: times on its fabric.
        metric, measured, weight: target column, its value, its weight.
        ratio: logarithm of predicted over measured speed with the shipped assumptions, and seconds: the step then [s].
    """

    row: Row
    run: Run
    collective: Remembered
    metric: str
    measured: float
    weight: float
    ratio: float
    seconds: float


@dataclass(frozen=True)
class Calibration:
    """A fit of the training step.

    Attributes:
        parameters: that were fitted; values: of each [SI, or a factor]; spread: of its logarithm after the fit.
        fitted: the score on the runs that were fitted to.
        left_out: the score of each run with its whole group left out of the fit; None where there is but one group.
    """

    parameters: tuple[Parameter, ...]
    values: tuple[float, ...]
    spread: tuple[float, ...]
    fitted: Scoreboard
    left_out: Scoreboard | None

    def assumptions(self) -> dict[str, str | float]:
        """The fitted values of shipped assumptions, as a plan writes them below `assumptions:`."""
        return {
            parameter.name: units.exact(float(f"{value:.4g}"), shipped()[parameter.name].dimension)
            for parameter, value in zip(self.parameters, self.values, strict=True)
            if not parameter.family
        }


def calibrate_training(
    cases: Path,
    catalog: Catalog,
    *,
    tiers: Iterable[str] = ("A", "B"),
    steps: int = STEPS,
    progress: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Fit the coefficients of data/calibration/training.yaml to the runs of a case file.

    Args:
        cases: CSV with the columns of `runs.COLUMNS`. Rows that cannot be predicted are left out.
        catalog: parts.
        tiers: those that are fitted to.
        steps: most Gauss-Newton steps.
        progress: called with what is being done.

    Raises:
        DocumentError: the file cannot be read or lacks columns.
        UsageError: no run of it can be predicted.
    """
    progress(f"reading {cases}")
    runs = _read(cases, catalog, frozenset(tiers))
    problem = _problem(runs, parameters.training())
    solution = fit.solve(problem, _start(), steps, progress)
    fitted = _board(runs, [solution.theta] * len(runs))
    progress("leaving groups out")
    thetas = [fit.left_out(problem, solution, group) for group in range(int(problem.groups.max()) + 1)]
    left_out = _board(runs, [thetas[group] for group in problem.groups]) if len(thetas) > 1 else None
    found = parameters.training()
    values = tuple(p.value(float(each)) for p, each in zip(found, solution.theta, strict=True))
    return Calibration(found, values, tuple(map(float, solution.spread)), fitted, left_out)


def _start() -> Floats:
    families = {entry["name"]: entry["assumptions"] for entry in software.table()["families"]}
    return parameters.start(parameters.training(), families)


def _read(cases: Path, catalog: Catalog, tiers: frozenset[str]) -> list[Measured]:
    runs = list[Measured]()
    for row in table.read(cases, COLUMNS):
        if row.text("tier") not in tiers:
            continue
        try:
            runs.append(_measured(row, read_run(row, catalog)))
        except (CellError, FirstlightError):
            continue
    if not runs:
        raise UsageError(f"no run of {cases} can be predicted; `firstlight validate training` says why of each")
    return runs


def _measured(row: Row, run: Run) -> Measured:
    metric, measured = target(row)
    ratio = float(np.log(predict(metric, run, row, run.assumptions).p50 / measured))
    collective = Remembered(run.time)
    return Measured(
        row, run, collective, metric, measured, row.number("weight") or 1.0,
        -ratio if metric == "step_time_s" else ratio, _seconds(run, collective, run.assumptions),
    )  # fmt: skip


def _seconds(run: Run, collective: Remembered, a: Assumptions) -> float:
    """Time of the run's step [s]."""
    parts = run.parts
    work = machine(parts.accelerator, parts.host, parts.system, run.workload.precision, a)
    layouts = Layouts.of([run.layout])
    case = case_of(run.model, run.workload, work, layouts, run.accelerators, collective, a)
    return float(sum(time[0] for time in step_parts(case).values()))


def _problem(runs: Sequence[Measured], found: Sequence[Parameter]) -> fit.Problem:
    names = sorted({run.row.text("group") for run in runs})
    groups = np.array([names.index(run.row.text("group")) for run in runs])

    def residuals(theta: Floats) -> Floats:
        return _residuals(runs, parameters.at(found, theta))

    def jacobian(theta: Floats, base: Floats) -> Floats:
        return _jacobian(runs, found, theta, base)

    weights, sigma = np.array([run.weight for run in runs]), np.array([parameter.sigma for parameter in found])
    return fit.Problem(residuals, jacobian, weights, groups, sigma)


def _assumptions(run: Measured, values: Values) -> Assumptions:
    """The assumptions of one run, that remember what it reads."""
    return software.assumptions(*run.run.software, values.entries, values.families)[0]


def _residuals(runs: Sequence[Measured], values: Values) -> Floats:
    return np.array([_residual(run, _assumptions(run, values)) for run in runs])


def _residual(run: Measured, a: Assumptions) -> float:
    """Logarithm of predicted over measured speed."""
    return run.ratio - float(np.log(_seconds(run.run, run.collective, a) / run.seconds))


def _jacobian(runs: Sequence[Measured], found: Sequence[Parameter], theta: Floats, base: Floats) -> Floats:
    """Forward differences, only of the runs that read a coefficient [rows, parameters]."""
    matrix = np.zeros((len(runs), len(theta)))
    values = parameters.at(found, theta)
    read = [_reads(run, values) for run in runs]
    for column, parameter in enumerate(found):
        moved = theta.copy()
        moved[column] += NUDGE if parameter.value(float(theta[column])) < parameter.most / (1 + NUDGE) else -NUDGE
        nudged = parameters.at(found, moved)
        for index, run in enumerate(runs):
            own = software.family(run.run.software[0])
            if parameter.name in read[index] and parameter.family in ("", own):
                there = _residual(run, _assumptions(run, nudged))
                matrix[index, column] = (there - base[index]) / (moved[column] - theta[column])
    return matrix


def _reads(run: Measured, values: Values) -> frozenset[str]:
    a = _assumptions(run, values)
    _residual(run, a)
    return frozenset(entry.name for entry in a.used())


def _board(runs: Sequence[Measured], thetas: Sequence[Floats]) -> Scoreboard:
    """The score with the parameters of each run at its theta."""
    outcomes, seen = list[Outcome](), dict[int, Values]()
    for run, theta in zip(runs, thetas, strict=True):
        values = seen.setdefault(id(theta), parameters.at(parameters.training(), theta))
        found = predict(run.metric, run.run, run.row, _assumptions(run, values))
        slices = {name: run.row.text(name) for name in ("group", "accelerator", "precision")}
        outcomes.append(
            Outcome(run.row.text("case_id"), run.metric, run.measured, found, run.weight, slices, run.run.assumed)
        )
    return Scoreboard("training", tuple(outcomes))

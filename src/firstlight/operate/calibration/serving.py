"""Serving fitted to measured runs, and how well it then predicts runs of groups that were left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.operate.calibration import fit, parameters
from firstlight.operate.calibration.parameters import Parameter
from firstlight.operate.validation import table
from firstlight.operate.validation.score import weighted_quantile
from firstlight.operate.validation.serving.engines import Values
from firstlight.operate.validation.serving.predict import Batch, Machines, batches, latencies
from firstlight.operate.validation.serving.reading import COLUMNS, METRICS, UNREAD, Served
from firstlight.operate.validation.serving.score import ServingScoreboard
from firstlight.operate.validation.serving.validate import Case, board, read_case
from firstlight.operate.validation.table import CellError
from firstlight.performance.serving.values import EVERY, POOLS, overlays
from firstlight.spec.assumptions import shipped
from firstlight.spec.catalog import Catalog
from firstlight.twin.protocols import Floats, Ints

STEPS = 5
FOLD_STEPS = 3
"""Steps of the fits without a group, from the fit to all."""
FIRST = 0.25
"""Weight of a time to first token beside a time per token: its noise is twice as large."""
TEMPER = 0.05
"""Share of its weight that a row has beside the priors: rows of one model on one machine are off together."""
OUTSIDE = 0.3
"""Weight of rows that are not of the asked tiers: fitted to, not scored."""
LEFT_OUT = ("model", "accelerator", "engine")
"""Whole groups that are left out, in turn."""
LOW, HIGH = 0.07, 0.93
"""Shares that intervals are cut at: a group that was never seen lies further out than those that were left out."""
AT_ONCE = 128
"""Fits that are computed side by side."""
UNSURE = ("marked drafts", "two pools, workers unknown", "load unknown")
"""Classes of runs that leave open what decides them: they weigh less in a fit."""


@dataclass(frozen=True)
class Calibration:
    """A fit of serving.

    Attributes:
        parameters: that were fitted; values: of each [SI]; spread: of its logarithm after the fit.
        fitted: the score on the runs that were fitted to.
        left_out: by kind of group the score with each run's whole group left out, also of its intervals.
        widths: intervals by class of run and metric: measured over predicted, P10 and P90.
    """

    parameters: tuple[Parameter, ...]
    values: tuple[float, ...]
    spread: tuple[float, ...]
    fitted: ServingScoreboard
    left_out: Mapping[str, ServingScoreboard]
    widths: Mapping[str, Mapping[str, tuple[float, float]]]

    def written(self) -> dict[str, dict[str, str]]:
        """Fitted values by family, as data has them."""
        return parameters.by_family(self.parameters, self.values)

    def assumptions(self, engine: str, made: str) -> dict[str, str]:
        """What a plan writes to serve with an engine on a family of accelerators as these runs did, intervals too."""
        known = self.written()
        found = {
            f"performance.{name}": value
            for overlay in overlays(engine, made)
            for name, value in known.get(overlay, {}).items()
        }
        for end, kind in POOLS.items():
            for key, metric in (("token", "tpot_ms"), ("first", "ttft_ms")):
                low, high = self.widths.get(kind, {}).get(metric, (None, None))
                if low is not None and high is not None:
                    found[f"performance.serving_low_{key}{end}"] = f"{low:.4g}"
                    found[f"performance.serving_high_{key}{end}"] = f"{high:.4g}"
        return found


@dataclass(frozen=True)
class Runs:
    """Measured runs, ready to be predicted again and again.

    Attributes:
        cases: rows; batches: of their runs. weights: in the score [runs]; trust: in the fit.
        measured: first token and per token [s] (2, runs), NaN where the row has none.
    """

    cases: tuple[Case, ...]
    batches: tuple[Batch, ...]
    weights: Floats
    trust: Floats
    measured: Floats

    @property
    def runs(self) -> list[Served]:
        """As read."""
        return [case.run for case in self.cases if case.run]

    def families(self, kind: str) -> list[str]:
        """The group that each run belongs to, of one kind of `LEFT_OUT`."""
        if kind == "model":
            return [_architecture(run) for run in self.runs]
        return [str(getattr(run, kind)) for run in self.runs]


def _architecture(run: Served) -> str:
    """Models of one architecture are left out together: releases of it do not differ in shape."""
    tower = run.model.main
    return f"{tower.hidden} x {sum(block.count for block in tower.blocks)}"


def calibrate_serving(
    cases: Path,
    catalog: Catalog,
    *,
    tiers: Iterable[str] = ("A", "B"),
    steps: int = STEPS,
    progress: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Fit the coefficients of data/calibration/serving.yaml to the runs of a case file.

    Args:
        cases: CSV with the columns of `reading.COLUMNS`. Rows that cannot be predicted are left out.
        catalog: parts.
        tiers: those that are scored; others are fitted to with less weight.
        steps: most Gauss-Newton steps.
        progress: called with what is being done.

    Raises:
        DocumentError: the file cannot be read, or has misspelt columns.
        UsageError: no run of it can be predicted.
    """
    progress(f"reading {cases}")
    wanted = frozenset(tiers)
    runs = _read(cases, catalog, wanted)
    found = parameters.serving()
    problem = _problem(runs, found)
    masks = [np.ones(len(runs.weights), dtype=bool)]
    owners: list[tuple[str, Ints]] = []
    for kind in LEFT_OUT:
        names = runs.families(kind)
        known = sorted(set(names))
        owners.append((kind, np.array([known.index(name) for name in names]) + len(masks)))
        masks += [np.array([name != one for name in names]) for one in known]
    keep = np.stack([np.concatenate([mask, mask]) for mask in masks])
    whole = fit.solve(problem, np.zeros((1, len(found))), keep[:1], steps, progress)
    progress("leaving groups out")
    others = fit.solve(problem, np.repeat(whole.theta, len(masks) - 1, axis=0), keep[1:], FOLD_STEPS, progress)
    thetas = np.concatenate([whole.theta, others.theta])
    first, token = _predicted(runs, found, thetas)
    predicted = np.stack([first, token])  # (2, fits, runs)
    widths, boards = _boards(runs, predicted, owners, wanted)
    values = tuple(float(p.value(each)) for p, each in zip(found, whole.theta[0], strict=True))
    fitted = board(*_scored(runs, predicted[:, 0], wanted), widths)
    return Calibration(found, values, tuple(map(float, whole.spread[0])), fitted, boards, widths)


def _read(cases: Path, catalog: Catalog, wanted: frozenset[str]) -> Runs:
    found, weights, trust, measured = list[Case](), list[float](), list[float](), list[list[float]]()
    for row in table.read(cases, COLUMNS, UNREAD):
        case = read_case(row, catalog)
        try:
            numbers = [row.number(metric) for metric in METRICS]
            weight = row.number("weight") or 1.0
        except CellError:
            continue
        if case.run is None:
            continue
        found.append(case)
        inside = not row.text("tier") or row.text("tier") in wanted
        weights.append(weight)
        trust.append(weight * (1.0 if inside else OUTSIDE) * (OUTSIDE if case.run.group in UNSURE else 1.0))
        measured.append([np.nan if number is None else number / 1e3 for number in numbers])
    if not found:
        raise UsageError(f"no run of {cases} can be predicted; `firstlight validate serving` says why of each")
    parts = batches([case.run for case in found if case.run], Machines(catalog))
    return Runs(tuple(found), tuple(parts), np.array(weights), np.array(trust), np.array(measured).T)


def at(found: Sequence[Parameter], theta: Floats, *, fresh: bool) -> Values:
    """The assumptions with the parameters at theta [fits, parameters]: arrays (fits, 1).

    `fresh` leaves out what else was fitted before.
    """
    engines = dict[str, dict[str, Any]]()
    for parameter, each in zip(found, np.moveaxis(theta, -1, 0), strict=True):
        value: Any = parameter.value(each[:, None])
        engines.setdefault(parameter.family or EVERY, {})[parameter.name] = value
    return Values(shipped(), engines, fresh)


def _predicted(runs: Runs, found: Sequence[Parameter], theta: Floats) -> tuple[Floats, Floats]:
    """Both times of all runs [s] (fits, runs)."""
    shape = (len(theta), len(runs.weights))
    each = [
        [np.broadcast_to(one, (len(part), shape[1])) for one in latencies(runs.batches, at(found, part, fresh=True))]
        for part in np.array_split(theta, -(-len(theta) // AT_ONCE))
    ]
    return np.concatenate([one[0] for one in each]), np.concatenate([one[1] for one in each])


def _problem(runs: Runs, found: Sequence[Parameter]) -> fit.Problem:
    first, token = runs.measured
    names = [f"{_architecture(run)} {run.accelerator} {run.engine}" for run in runs.runs]
    known = sorted(set(names))
    groups = np.array([known.index(name) for name in names])

    def residuals(theta: Floats) -> Floats:
        guess = _predicted(runs, found, theta)
        both = [np.log(p / m) for p, m in zip(guess, (first, token), strict=True)]
        return np.nan_to_num(np.concatenate(both, axis=1), nan=0.0, posinf=5.0, neginf=-5.0)

    weights = TEMPER * np.concatenate([FIRST * runs.trust, runs.trust])
    return fit.Problem(residuals, weights, np.concatenate([groups, groups]), np.array([p.sigma for p in found]))


def _scored(runs: Runs, predicted: Floats, wanted: frozenset[str]) -> tuple[list[Case], Floats, Floats]:
    inside = np.array([not c.row.text("tier") or c.row.text("tier") in wanted for c in runs.cases])
    return [c for c, known in zip(runs.cases, inside, strict=True) if known], predicted[0][inside], predicted[1][inside]


def _boards(
    runs: Runs, predicted: Floats, owners: Sequence[tuple[str, Ints]], wanted: frozenset[str]
) -> tuple[Mapping[str, Mapping[str, tuple[float, float]]], dict[str, ServingScoreboard]]:
    """Intervals of all left-out runs pooled, and the score of each pass with intervals learnt without its group."""
    columns = np.arange(len(runs.weights))
    passes = [predicted[:, owner, columns] for _, owner in owners]
    ratios = [np.log(runs.measured / each) for each in passes]
    everything = np.ones(len(columns), dtype=bool)
    boards = dict[str, ServingScoreboard]()
    for (kind, owner), guess in zip(owners, passes, strict=True):
        outcomes = []
        for one in np.unique(owner):
            nested = widths_of(runs, ratios, owner != one)
            mine = replace_cases(runs, owner == one)
            cases, first, token = _scored(mine, guess[:, owner == one], wanted)
            if cases:
                outcomes.append(board(cases, first, token, nested))
        boards[kind] = ServingScoreboard(
            f"serving, {kind} left out",
            tuple(one for each in outcomes for one in each.outcomes),
            tuple(one for each in outcomes for one in each.groups),
            tuple(one for each in outcomes for one in each.throughput),
        )
    return widths_of(runs, ratios, everything), boards


def replace_cases(runs: Runs, mask: NDArray[np.bool_]) -> Runs:
    """Some of the runs, without their batches."""
    cases = tuple(case for case, known in zip(runs.cases, mask, strict=True) if known)
    return Runs(cases, (), runs.weights[mask], runs.trust[mask], runs.measured[:, mask])


def widths_of(
    runs: Runs, ratios: Sequence[Floats], keep: NDArray[np.bool_]
) -> dict[str, dict[str, tuple[float, float]]]:
    """By class of run and metric, measured over predicted that a tenth and nine tenths of the weight stay below."""
    names = np.array([run.group for run in runs.runs])
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name in sorted(set(names.tolist())):
        own = keep & (names == name)
        rows = own if own.any() else keep
        found[name] = {metric: _quantiles(ratios, place, rows, runs.weights) for place, metric in enumerate(METRICS)}
    return found


def _quantiles(ratios: Sequence[Floats], place: int, rows: NDArray[np.bool_], weights: Floats) -> tuple[float, float]:
    values = np.concatenate([each[place][rows] for each in ratios])
    each = np.concatenate([weights[rows]] * len(ratios))
    known = np.isfinite(values)
    low, high = (weighted_quantile(values[known], each[known], share) for share in (LOW, HIGH))
    return float(np.exp(min(low or 0.0, 0.0))), float(np.exp(max(high or 0.0, 0.0)))

"""What a suite of cases comes to: errors, bias, coverage of the intervals, by slice."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firstlight.errors import UsageError
from firstlight.twin.protocols import Floats
from firstlight.twin.result import Prediction

COLUMNS = (
    "case_id", "metric", "measured", "p10", "p50", "p90", "ape", "status", "reason", "defaults_assumed",
)  # fmt: skip
COMPLETE = ("network", "collectives")
"""Suites whose rows leave nothing to defaults: they have no such column."""


@dataclass(frozen=True)
class Outcome:
    """One case and what came of it.

    Attributes:
        case_id: of the row.
        metric: the target column; measured: its value.
        predicted: None where the row could not be predicted, for the `reason`.
        weight: in the score.
        slices: group, accelerator and so on: what scores are split by.
        assumed: what the row left empty and was taken by default.
    """

    case_id: str
    metric: str
    measured: float
    predicted: Prediction | None
    weight: float
    slices: Mapping[str, str]
    assumed: tuple[str, ...] = ()
    reason: str = ""

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted.p50 / self.measured if self.predicted else math.nan

    @property
    def covered(self) -> bool:
        """The measured value lies between P10 and P90."""
        return self.predicted is not None and self.predicted.p10 <= self.measured <= self.predicted.p90


@dataclass(frozen=True)
class Scoreboard:
    """A suite's outcomes, in the order of its rows."""

    suite: str
    outcomes: tuple[Outcome, ...]

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON has it: shares as numbers (0.05 is 5 %), by slice below `by`."""
        names = list(dict.fromkeys(name for one in self.outcomes for name in one.slices))
        by = {name: {value: score(part) for value, part in _split(self.outcomes, name).items()} for name in names}
        return {"suite": self.suite, **score(self.outcomes), "by": by}

    def write(self, path: Path) -> None:
        """One line a case, as CSV.

        Raises:
            UsageError: the file cannot be written.
        """
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                table = csv.writer(file)
                columns = len(COLUMNS) - (self.suite in COMPLETE)
                table.writerow(COLUMNS[:columns])
                table.writerows(_line(one)[:columns] for one in self.outcomes)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _line(one: Outcome) -> list[object]:
    found = one.predicted
    numbers = [f"{value:.6g}" for value in (found.p10, found.p50, found.p90, abs(one.ratio - 1))] if found else [""] * 4
    status = "predicted" if found else "refused"
    return [one.case_id, one.metric, one.measured, *numbers, status, one.reason, "; ".join(one.assumed)]


def _split(outcomes: Iterable[Outcome], name: str) -> dict[str, list[Outcome]]:
    parts: dict[str, list[Outcome]] = {}
    for one in outcomes:
        parts.setdefault(one.slices.get(name) or "not stated", []).append(one)
    return dict(sorted(parts.items()))


def score(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Errors of some outcomes, each with its weight; None where nothing was predicted.

    The absolute percentage error is |predicted / measured - 1|, the bias the weighted mean of the same with its sign.
    """
    found = [one for one in outcomes if one.predicted]
    weights = np.array([one.weight for one in found])
    ratios = np.array([one.ratio for one in found])
    errors = np.abs(ratios - 1)
    covered = np.array([one.covered for one in found], dtype=float)

    def mean(values: Floats) -> float | None:
        return float(np.average(values, weights=weights)) if len(found) else None

    return {
        "cases": len(outcomes),
        "predicted": len(found),
        "weighted_median_ape": weighted_quantile(errors, weights, 0.5),
        "weighted_p90_ape": weighted_quantile(errors, weights, 0.9),
        "weighted_mean_ape": mean(errors),
        "signed_bias": mean(ratios - 1),
        "interval80_coverage": mean(covered),
    }


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float | None:
    """The smallest value that leaves at least this share of the weight at or below it; None of no values."""
    if not len(values):
        return None
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, share * total[-1] * (1 - 1e-12))])

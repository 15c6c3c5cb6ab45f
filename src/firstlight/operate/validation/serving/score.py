"""Scoreboards of serving runs: two metrics a case, and how well runs are ranked."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firstlight.operate.validation.score import Outcome, Scoreboard

LEAST = 5
"""Runs of a group that are ranked."""
_HIGH, _BY = "tokens_per_s_per_accelerator", "by"


@dataclass(frozen=True)
class ServingScoreboard:
    """A suite's outcomes by metric, and ranks.

    Attributes:
        outcomes: in the order of the rows, each metric of a row in turn.
        groups: of each outcome, within which its metric is ranked.
        throughput: (group, measured, predicted) tokens per second per accelerator of the runs that have both metrics.
    """

    suite: str
    outcomes: tuple[Outcome, ...]
    groups: tuple[Hashable, ...]
    throughput: tuple[tuple[Hashable, float, float], ...] = ()

    def of(self, metric: str) -> Scoreboard:
        """The outcomes of one metric."""
        return Scoreboard(metric, tuple(one for one in self.outcomes if one.metric == metric))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those that there are, in the order of first appearance."""
        return tuple(dict.fromkeys(one.metric for one in self.outcomes))

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON has it: by metric what `Scoreboard` has, with `spearman`; and that of throughput."""
        found: dict[str, Any] = {"suite": self.suite}
        for metric in self.metrics:
            scores = self.of(metric).to_dict()
            parted = scores.pop(_BY)
            found[metric] = {**scores, "spearman": self._spearman(metric), _BY: parted}
        if self.throughput:
            found[_HIGH] = {"cases": len(self.throughput), "spearman": spearman(self.throughput)}
        return found

    def write(self, path: Path) -> None:
        """One line a case and metric, as CSV; UsageError where it cannot be written."""
        Scoreboard(self.suite, self.outcomes).write(path)

    def _spearman(self, metric: str) -> float | None:
        pairs = zip(self.outcomes, self.groups, strict=True)
        return spearman(
            [(group, one.measured, one.predicted.p50) for one, group in pairs if one.metric == metric and one.predicted]
        )


def spearman(found: Sequence[tuple[Hashable, float, float]]) -> float | None:
    """Median rank correlation of measured and predicted over groups of at least five; None without one."""
    parted: dict[Hashable, list[tuple[float, float]]] = {}
    for group, measured, predicted in found:
        parted.setdefault(group, []).append((measured, predicted))
    each = [_ranked(np.array(part)) for part in parted.values() if len(part) >= LEAST]
    known = [one for one in each if np.isfinite(one)]
    return float(np.median(known)) if known else None


def _ranked(pairs: Any) -> float:
    ranks = [np.argsort(np.argsort(column, kind="stable"), kind="stable") for column in pairs.T]
    if any(len(set(column)) < 2 for column in pairs.T):
        return float("nan")
    first, second = (rank - rank.mean() for rank in ranks)
    return float(np.sum(first * second) / np.sqrt(np.sum(first**2) * np.sum(second**2)))

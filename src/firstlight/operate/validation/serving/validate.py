"""Published serving runs against the serving model, row by row."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from firstlight.errors import FirstlightError
from firstlight.operate.validation import table
from firstlight.operate.validation.score import Outcome
from firstlight.operate.validation.serving import engines
from firstlight.operate.validation.serving.predict import Machines, batches, latencies
from firstlight.operate.validation.serving.reading import COLUMNS, METRICS, UNREAD, Served, read_served
from firstlight.operate.validation.serving.score import ServingScoreboard
from firstlight.operate.validation.table import CellError, Row
from firstlight.performance.machine import SERVED
from firstlight.spec.catalog import Catalog
from firstlight.twin.protocols import Floats
from firstlight.twin.result import Prediction

BASIS = "P10 to P90 learnt from published serving runs whose whole group was left out of the fit"
UNSEEN = 1.1
"""Factor on an interval for an accelerator that is not among those it was learnt on."""

Widths = Mapping[str, Mapping[str, Sequence[float]]]
"""Low and high measured over predicted by class of run and metric."""


@dataclass(frozen=True)
class Case:
    """One row as read: a run, or the reason why there is none."""

    row: Row
    run: Served | None
    reason: str


def validate_serving(cases: Path, catalog: Catalog, *, tiers: Iterable[str] = ("A", "B")) -> ServingScoreboard:
    """Predict time to first token and time per token of every run of a case file.

    Rows that cannot be predicted are told with their reason; all others are predicted side by side.

    Args:
        cases: CSV with the columns of `reading.COLUMNS`.
        catalog: parts.
        tiers: those that count; rows of others are left out, those without a tier are not.

    Raises:
        DocumentError: the file cannot be read, or has misspelt columns.
        UsageError: no row of it is of these tiers.
    """
    read = [read_case(row, catalog) for row in table.counted(table.read(cases, COLUMNS, UNREAD), tiers, cases)]
    runs = [one.run for one in read if one.run]
    predicted = latencies(batches(runs, Machines(catalog))) if runs else ((), ())
    return board(read, *predicted, widths=engines.table()["intervals"])


def read_case(row: Row, catalog: Catalog) -> Case:
    """A row, or why it cannot be predicted."""
    try:
        return Case(row, read_served(row, catalog), "")
    except (CellError, FirstlightError) as error:
        return Case(row, None, " ".join(str(error).split()))


def board(
    read: Sequence[Case], first: Floats | Sequence[float], token: Floats | Sequence[float], widths: Widths
) -> ServingScoreboard:
    """The scoreboard of rows and their predictions [s], those without a run left out of the latter."""
    outcomes, groups, ranked = list[Outcome](), list[Hashable](), list[tuple[Hashable, float, float]]()
    found = iter(zip(first, token, strict=True))
    for case in read:
        pair = next(found) if case.run else None
        group = _alike(case.row)
        for place, metric in enumerate(METRICS):
            one = _outcome(case, metric, 1e3 * float(pair[place]) if pair else None, widths)
            if one:
                outcomes.append(one)
                groups.append(group)
        if case.run and pair and (rates := _rates(case.row, case.run, float(pair[0]), float(pair[1]))):
            ranked.append((group, *rates))
    return ServingScoreboard("serving", tuple(outcomes), tuple(groups), tuple(ranked))


def _outcome(case: Case, metric: str, p50: float | None, widths: Widths) -> Outcome | None:
    row, name, reason = case.row, case.row.text("case_id"), case.reason
    try:
        measured, weight = row.number(metric), row.number("weight") or 1.0
    except CellError as error:
        measured, weight, reason = float("nan"), 1.0, str(error)
    if measured is None:
        return None
    if case.run is None or p50 is None or reason:
        return Outcome(name, metric, measured, None, weight, slices_of(row, case.run), reason=reason)
    low, high = widths[case.run.group][metric]
    wide = 1.0 if case.run.accelerator in SERVED else UNSEEN
    found = Prediction(p50 * low / wide, p50, p50 * high * wide, case.run.accelerator in SERVED, BASIS)
    return Outcome(name, metric, measured, found, weight, slices_of(row, case.run), case.run.assumed)


def slices_of(row: Row, run: Served | None) -> dict[str, str]:
    """What scores are split by."""
    names = ("tier", "model", "accelerator", "engine", "precision", "mode")
    return {**{name: row.text(name) for name in names}, "class": run.group if run else "not predicted"}


def _alike(row: Row) -> Hashable:
    return tuple(row.text(name) for name in ("model", "accelerator", "isl", "osl", "mode", "precision"))


def _rates(row: Row, run: Served, first: float, token: float) -> tuple[float, float] | None:
    """Measured and predicted output tokens/s per accelerator of a closed loop; None where not both are known."""
    try:
        measured = [row.number(metric) for metric in METRICS]
    except CellError:
        return None
    if None in measured:
        return None
    each = run.clients * run.answer / (1.0 if run.accelerators != run.accelerators else run.accelerators)
    times = [(m or 0.0) / 1e3 for m in measured]
    return each / (times[0] + run.answer * times[1]), each / (first + run.answer * token)

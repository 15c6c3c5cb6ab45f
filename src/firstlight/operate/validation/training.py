"""Published training runs against the step model, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from firstlight.errors import FirstlightError
from firstlight.operate.validation import table
from firstlight.operate.validation.runs import COLUMNS, UNREAD, Run, read_run
from firstlight.operate.validation.score import Outcome, Scoreboard
from firstlight.operate.validation.table import CellError, Row
from firstlight.performance.flops import forward_flops, full_attention_flops
from firstlight.performance.machine import machine
from firstlight.performance.result import TrainingResult
from firstlight.performance.training import train
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.twin.result import Prediction

METRICS = ("tokens_per_s_per_accel", "step_time_s", "reported_tflops_per_accel", "reported_mfu")
"""Target columns, the preferred one first."""


def validate_training(cases: Path, catalog: Catalog, *, tiers: Iterable[str] = ("A", "B")) -> Scoreboard:
    """Predict every training run of a case file.

    A row that cannot be predicted is told with its reason, and the others go on.

    Args:
        cases: CSV with the columns of `runs.COLUMNS`.
        catalog: parts.
        tiers: those that count; rows of others are left out, those without a tier are not.

    Raises:
        DocumentError: the file cannot be read, or has misspelt columns.
        UsageError: no row of it is of these tiers.
    """
    rows = table.counted(table.read(cases, COLUMNS, UNREAD), tiers, cases)
    return Scoreboard("training", tuple(_outcome(row, catalog) for row in rows))


def _outcome(row: Row, catalog: Catalog) -> Outcome:
    def predicted(metric: str) -> tuple[Prediction, tuple[str, ...]]:
        run = read_run(row, catalog)
        return predict(metric, run, row, run.assumptions), run.assumed

    return outcome(row, METRICS, predicted)


def outcome(
    row: Row, metrics: Sequence[str], predicted: Callable[[str], tuple[Prediction, tuple[str, ...]]]
) -> Outcome:
    """What comes of one row; a row that cannot be predicted has its reason.

    Args:
        row: of a case file.
        metrics: target columns, the preferred one first.
        predicted: the prediction of a target column, and what was assumed for it.
    """
    slices = slices_of(row)
    metric, measured, weight = "", float("nan"), 1.0
    try:
        metric, measured = target(row, metrics)
        weight = row.number("weight") or 1.0
        found, assumed = predicted(metric)
    except (CellError, FirstlightError) as error:
        reason = " ".join(str(error).split())
        return Outcome(row.text("case_id"), metric, measured, None, weight, slices, reason=reason)
    return Outcome(row.text("case_id"), metric, measured, found, weight, slices, assumed)


def slices_of(row: Row) -> dict[str, str]:
    """What scores are split by."""
    own = {name: row.text(name) for name in ("group", "accelerator", "precision")}
    return {**own, "model": "mixture of experts" if row.text("experts") else "dense"}


def target(row: Row, metrics: Sequence[str] = METRICS) -> tuple[str, float]:
    """The first of the target columns that the row has, and its value.

    Raises:
        CellError: the row has none.
    """
    for name in metrics:
        value = row.number(name)
        if value is not None:
            return name, value
    raise CellError(f"no target: one of {', '.join(metrics)} must be there")


def predict(metric: str, run: Run, row: Row, a: Assumptions) -> Prediction:
    """The prediction of one target column of a run.

    Args:
        metric: one of `METRICS`.
        run: as it was read from the row.
        row: whose words say how FLOPs are counted.
        a: assumptions, with what the software did.
    """
    result = train(run.asked(a), run.layout)
    if metric == "step_time_s":
        return result.step_time
    each = result.tokens_per_s.scaled(1 / run.accelerators)
    if metric == "tokens_per_s_per_accel":
        return each
    unit = 1e12 if metric == "reported_tflops_per_accel" else _peak(run, row)
    return each.scaled(_flops_per_token(run, result, row) / unit)


def _peak(run: Run, row: Row) -> float:
    """The peak that the source divides by [FLOP/s]: the row's, or the catalogue's of the type that is computed in."""
    given, parts = row.number("peak_tflops_used"), run.parts
    if given:
        return given * 1e12
    return machine(parts.accelerator, parts.host, parts.system, run.workload.precision, run.assumptions).peak


def _flops_per_token(run: Run, result: TrainingResult, row: Row) -> float:
    """FLOPs that the source counts for a token [FLOP]: its convention, read from the row's own words."""
    words = row.text("mfu_definition_notes").lower()
    hardware = "hardware" in words
    full = hardware or "full" in words or "megatron flop" in words or "attention included" in words
    forward = forward_flops(run.model, result.sequence)
    forward += full_attention_flops(run.model, result.sequence) if full else 0.0
    return forward * (4.0 if hardware else 3.0) / result.sequence

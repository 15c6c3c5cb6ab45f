"""Published peaks of training memory against the memory model, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from firstlight.operate.validation import table
from firstlight.operate.validation.runs import COLUMNS, UNREAD, Run, read_run
from firstlight.operate.validation.score import Outcome, Scoreboard
from firstlight.operate.validation.table import CellError, Row
from firstlight.operate.validation.training import METRICS as SPEEDS
from firstlight.operate.validation.training import outcome
from firstlight.performance.training import Layouts, case_of, every_stage
from firstlight.performance.training.space.check import check
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Model
from firstlight.twin.protocols import Floats
from firstlight.twin.result import Prediction

STATES = ("weights", "gradients", "optimizer", "outer")
TRANSIENT = ("activations", "temporary", "loss", "communication")
COUNTED = {
    "device": (*STATES, *TRANSIENT, "fragmentation", "workspace"),
    "reserved": (*STATES, *TRANSIENT, "fragmentation"),
    "allocated": (*STATES, *TRANSIENT),
    "layers": (*STATES, "activations"),
}
"""Components that a published peak counts, by the word in `memory_counts`: all that the device holds, what the
framework's allocator reserves or hands out, or the states and stored activations of the layers alone."""
METRICS = ("peak_memory_bytes", "activation_bytes", "state_bytes")
"""Target columns, the preferred one first: the peak, stored activations of the layers, or states (ZeRO's model states).
"""
LAYOUT = ("recompute_modules", "gradients", "moments", "activations", "offload", "first_layers", "last_layers")
"""Columns with fields of `spec.design.TrainingLayout`, those of several words with a semicolon between them."""
EXTRA = ("memory_counts", "memory_stage", "context_kind", "dense_layers", *LAYOUT)
"""Columns besides those of training runs."""
_OF_SPEED = tuple(f"no column {name}" for name in (*SPEEDS, "mfu_definition_notes"))


def validate_memory(cases: Path, catalog: Catalog, *, tiers: Iterable[str] = ("A", "B")) -> Scoreboard:
    """Predict every published peak of a case file.

    A row that cannot be predicted is told with its reason, and the others go on.

    Args:
        cases: CSV with the columns of training runs, one of `METRICS` at least, and `memory_counts` (a word of
            `COUNTED`; empty: allocated), `memory_stage` (a pipeline stage from 0; empty: the fullest), `dense_layers`
            (a shipped model is cut to so many leading dense layers and the rest of `layers`) and those of `LAYOUT`.
        catalog: parts.
        tiers: those that count; rows of others are left out, those without a tier are not.

    Raises:
        DocumentError: the file cannot be read, or has misspelt columns.
        UsageError: no row of it is of these tiers.
    """
    rows = table.counted(table.read(cases, (*COLUMNS, *METRICS, *EXTRA), UNREAD), tiers, cases)
    return Scoreboard("memory", tuple(_outcome(row, catalog) for row in rows))


def _outcome(row: Row, catalog: Catalog) -> Outcome:
    def predicted(metric: str) -> tuple[Prediction, tuple[str, ...]]:
        run = detailed(read_run(row, catalog), row)
        check(run.asked(run.assumptions), run.layout)
        return predict(metric, run, row), tuple(told for told in run.assumed if told not in _OF_SPEED)

    return outcome(row, METRICS, predicted)


def detailed(run: Run, row: Row) -> Run:
    """The run with what the row's own columns say of its layout.

    Raises:
        CellError: a value that cannot be.
    """
    given = {name: text for name in LAYOUT if (text := row.text(name))}
    several = {name for name in given if isinstance(getattr(run.layout, name), tuple)}
    values = {name: text.split(";") if name in several else text for name, text in given.items()}
    try:
        layout = TrainingLayout.model_validate({**run.layout.model_dump(exclude_none=True), **values})
    except ValidationError as error:
        wrong = error.errors()[0]
        raise CellError(f"{wrong['loc'][0]}: {given.get(str(wrong['loc'][0]), '')[:40]}: {wrong['msg']}") from None
    return replace(run, layout=layout)


def predict(metric: str, run: Run, row: Row) -> Prediction:
    """The prediction of one target column of a run [B].

    Args:
        metric: one of `METRICS`.
        run: as it was read from the row.
        row: which says what the peak counts, and of which stage.

    Raises:
        CellError: a word or a stage that cannot be.
    """
    counted = row.text("memory_counts") or "allocated"
    if counted not in COUNTED:
        raise CellError(f'memory_counts: "{counted[:40]}" is none of {", ".join(COUNTED)}')
    names = {"activation_bytes": ("activations",), "state_bytes": STATES}.get(metric, COUNTED[counted])
    sizes = stage_sizes(run, names, layers_only=counted == "layers")
    stage = row.count("memory_stage", 0)
    if stage is not None and stage >= len(sizes):
        raise CellError(f"memory_stage: {stage}, but there are {len(sizes)} stages, counted from 0")
    half = run.assumptions["performance.spread_memory"]
    size = float(sizes.max() if stage is None else sizes[stage])
    return Prediction.within(size, half, calibrated=True, basis="not fitted: counted from shapes and number formats")


def stage_sizes(run: Run, names: Iterable[str], *, layers_only: bool) -> Floats:
    """Memory of each pipeline stage of a run, some components of it [B] (stages,).

    Args:
        run: a measured run.
        names: of the components.
        layers_only: leave embedding and head out.
    """
    asked = run.asked(run.assumptions)
    if layers_only:
        asked = replace(asked, model=_without_ends(run.model))
    found = every_stage(case_of(asked, Layouts.of([run.layout])))
    return np.sum([found[name] for name in names], axis=0)


def _without_ends(model: Model) -> Model:
    towers = tuple(replace(tower, vocabulary=0, positions=0, head=0, extra=0) for tower in model.towers)
    return replace(model, towers=towers)

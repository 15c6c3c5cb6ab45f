"""Published timings of kernels and collectives against the timed formulas, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from firstlight.errors import UsageError
from firstlight.operate.validation.score import Outcome, Scoreboard
from firstlight.operate.validation.timings import parts, tables
from firstlight.operate.validation.timings.readers import READERS, Measured, read
from firstlight.operate.validation.timings.registry import COLLECTIVES
from firstlight.operate.validation.timings.tables import Table
from firstlight.spec import near
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Accelerator
from firstlight.timings.cases import Cases, Labels
from firstlight.timings.coefficients import Coefficients
from firstlight.timings.predict import predict
from firstlight.twin.result import Prediction


def validate_kernels(cases: Path, catalog: Catalog, coefficients: Coefficients) -> Scoreboard:
    """Predict every row of timing tables, of kernels and of collectives.

    A row that cannot be predicted is told with its reason, a file that cannot be used as one such case, and the others
    go on.

    Args:
        cases: a Parquet file `<accelerator>.<operation>.parquet`, or a folder of them.
        catalog: parts; any of its accelerators may be named.
        coefficients: fitted ones.

    Raises:
        DocumentError: there is no such file or folder, or no table in it.
    """
    outcomes: list[Outcome] = []
    for table in tables.read(cases):
        outcomes += _outcomes(table, catalog, coefficients)
    return Scoreboard("kernels", tuple(outcomes))


def validate_collectives(cases: Path, catalog: Catalog, coefficients: Coefficients) -> Scoreboard:
    """Predict every row of the tables of collectives and exchanges; tables of kernels are left to `validate_kernels`.

    Args:
        cases: as of `validate_kernels`. catalog: parts; one that states `all_reduce_latency` takes the factor on
            latencies from that.
        coefficients: fitted ones.

    Raises:
        DocumentError: there is no such file or folder, or no table in it.
        UsageError: all tables are of kernels.
    """
    kept = [table for table in tables.read(cases) if table.operation in COLLECTIVES or table.operation not in READERS]
    if not kept:
        raise UsageError(f"{cases} holds tables of kernels only; `firstlight validate kernels` scores those")
    outcomes = [one for table in kept for one in _outcomes(table, catalog, coefficients)]
    return Scoreboard("collectives", tuple(outcomes))


def measured(
    found: Iterable[Table], catalog: Catalog, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Measured]:
    """The usable rows of tables, one target column at a time.

    Args:
        found: tables; those that cannot be used are passed over.
        catalog: parts.
        tell: called with what is passed over, a table or rows of it, and why.
    """
    for table in found:
        if table.operation in parts.PARTS:
            tell(f"{table.path.name} is passed over: its kernels are terms of the step model, which runs calibrate")
            continue
        try:
            part = _part(table, catalog)
        except UsageError as error:
            tell(f"{table.path.name} is passed over: {_reason(table, error)}")
            continue
        for one in (read(table, reader, part) for reader in READERS[table.operation]):
            if one.refused:
                first = one.refused[min(one.refused)]
                told = f"{len(one.refused):,} of {table.rows:,} rows of {one.reader.metric} are left out: {first}"
                tell(f"{table.path.name}: {told}")
            yield one


def _part(table: Table, catalog: Catalog) -> Accelerator:
    """The accelerator of a table.

    Raises:
        UsageError: the table cannot be read, or its operation or accelerator is unknown.
    """
    if table.trouble:
        raise UsageError(table.trouble)
    known = (*READERS, *parts.PARTS)
    if table.operation not in known:
        remedy = near.hint(table.operation, known, f"Known are {', '.join(known)}.")
        raise UsageError(f'"{table.operation}" is no operation that tables time. {remedy}')
    return accelerator(catalog, table.accelerator)


def _reason(table: Table, error: UsageError) -> str:
    rows = f"{table.rows:,} {'row is' if table.rows == 1 else 'rows are'} not read: " if table.rows else ""
    return rows + " ".join(str(error).split())


def accelerator(catalog: Catalog, name: str) -> Accelerator:
    """The accelerator with this id or alias, also with its vendor in front of an alias ("nvidia-b300").

    Raises:
        UsageError: there is none; names the nearest ones.
    """
    try:
        return catalog.part(Accelerator, name)
    except UsageError as unknown:
        vendor, _, alias = name.partition("-")
        try:
            found = catalog.part(Accelerator, alias)
        except UsageError:
            raise unknown from None
        if found.vendor.lower() != vendor.lower():
            raise
        return found


def joined(parts: Sequence[Cases]) -> Cases:
    """Cases of one operation one after another."""
    names = ("dtype", "style", "kernel", "release", "accelerator", "generation")
    labels = Labels(*(np.concatenate([getattr(one.labels, name) for one in parts]) for name in names))
    shape = {
        name: np.concatenate([np.broadcast_to(one.shape[name], len(one)) for one in parts]) for name in parts[0].shape
    }
    return Cases(parts[0].operation, labels, shape, np.concatenate([one.place for one in parts]))


def _outcomes(table: Table, catalog: Catalog, coefficients: Coefficients) -> list[Outcome]:
    slices = {"operation": table.operation, "accelerator": table.accelerator, "dtype": ""}
    try:
        part = _part(table, catalog)
        if table.operation in parts.PARTS:
            return parts.outcomes(table, part, catalog)
        found = [_column(read(table, reader, part), coefficients) for reader in READERS[table.operation]]
    except UsageError as error:
        reason = _reason(table, error)
        return [Outcome(table.path.name, "", float("nan"), None, 1.0, slices, reason=reason)]
    return [one for column in found for one in column]


def _column(found: Measured, coefficients: Coefficients) -> list[Outcome]:
    """Outcomes of one target column, in the order of the table's rows."""
    table, metric = found.table, found.reader.metric
    refused = {
        row: _outcome(table, metric, row, _value(found, row), None, "", why) for row, why in found.refused.items()
    }
    if found.cases is None or not len(found.cases):
        return [refused[row] for row in sorted(refused)]
    tried = predict(found.cases, coefficients)
    predictions, kinds = tried.scaled(found.reader.scale), found.cases.labels.dtype.tolist()
    rows, values = found.rows.tolist(), found.values.tolist()
    lines = refused | {
        row: _outcome(table, metric, row, value, one, kind, _note(one))
        for row, value, one, kind in zip(rows, values, predictions, kinds, strict=True)
    }
    return [lines[row] for row in sorted(lines)]


def _note(found: Prediction) -> str:
    return "" if found.calibrated else found.basis


def _value(found: Measured, row: int) -> float:
    cells = found.table.cells.get(found.reader.target)
    return float(tables.parse([cells[row]])[0]) if cells else float("nan")


def _outcome(
    table: Table, metric: str, row: int, value: float, found: Prediction | None, kind: str, reason: str
) -> Outcome:
    slices = {"operation": table.operation, "accelerator": table.accelerator, "dtype": kind}
    return Outcome(f"{table.path.name}:{row + 1}", metric, value, found, 1.0, slices, reason=reason)

"""Tables of measurements, written as they grow: what a broken run has timed is kept."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from firstlight.errors import UsageError
from firstlight.operate.validation.timings.tables import SUFFIX

Row = Mapping[str, str | int | float]


def folder(path: Path) -> Path:
    """A folder to write to, made where there is none.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {path}: {error.strerror or error}") from error
    return path


def parquet(path: Path, rows: Sequence[Row]) -> None:
    """Rows as a Parquet file whose cells are all texts, for `validate kernels`; the columns of the first row."""
    import pyarrow as arrow
    from pyarrow import parquet as files

    columns = {name: arrow.array([_text(row[name]) for row in rows], arrow.string()) for name in rows[0]}
    files.write_table(arrow.table(columns), path)


def lines(path: Path, columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Rows as a CSV file; a cell that a row lacks is empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [*columns], restval="")
        table.writeheader()
        table.writerows(rows)


def kernels_path(out: Path, accelerator: str, operation: str) -> Path:
    """Where the table of an accelerator and operation lies."""
    return out / f"{accelerator}.{operation}{SUFFIX}"


def _text(cell: str | int | float) -> str:
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)

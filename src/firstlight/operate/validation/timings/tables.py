"""Timing tables: one Parquet file an accelerator and operation, every cell a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import DocumentError, Problem
from firstlight.twin.protocols import Floats

SUFFIX = ".parquet"


@dataclass(frozen=True)
class Table:
    """One file.

    Attributes:
        path: of the file; accelerator, operation: as its name says.
        cells: texts by column, empty where the table has none. rows: their number.
        trouble: why it cannot be read; empty where it can.
    """

    path: Path
    accelerator: str
    operation: str
    cells: Mapping[str, Sequence[str]]
    rows: int
    trouble: str = ""

    def numbers(self, column: str) -> Floats:
        """A column as numbers: NaN where a cell is empty, infinite where it is no number [rows]."""
        return parse(self.cells.get(column, ())) if column in self.cells else np.full(self.rows, np.nan)

    def texts(self, column: str) -> NDArray[np.str_]:
        """A column as texts, empty where there is no such column [rows]."""
        return np.array(self.cells.get(column, [""] * self.rows), dtype=np.str_)


def parse(cells: Iterable[str]) -> Floats:
    """Texts as numbers: NaN for empty ones, infinity for what is no finite number [cells]."""
    texts = np.array([cell.strip() or "nan" for cell in cells], dtype=np.str_)
    empty = np.char.lower(texts) == "nan"
    try:
        found = texts.astype(float)
    except ValueError:
        found = np.array([_number(text) for text in texts.tolist()])
    return np.where(np.isfinite(found) | empty, found, np.inf)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.inf


def read(cases: Path) -> list[Table]:
    """All tables of a folder, or the one of a file; those that cannot be read say why.

    Raises:
        DocumentError: there is no such file or folder, or the folder holds no table.
    """
    if not cases.exists():
        raise _nothing(cases, "there is no such file or folder", "Check the path.")
    paths = sorted(cases.glob(f"*{SUFFIX}")) if cases.is_dir() else [cases]
    if not paths:
        raise _nothing(cases, f"no {SUFFIX} file lies there", f"Name tables <accelerator>.<operation>{SUFFIX}.")
    return [_table(path) for path in paths]


def _nothing(path: Path, message: str, remedy: str) -> DocumentError:
    return DocumentError((Problem("", message, remedy, str(path)),))


def _table(path: Path) -> Table:
    from pyarrow import ArrowException, parquet

    stem = path.name.removesuffix(SUFFIX)
    accelerator, _, operation = stem.partition(".")
    try:
        found = parquet.ParquetFile(path).read()
        pairs = zip(found.column_names, found.columns, strict=True)
        cells = {name: [_text(cell) for cell in column.to_pylist()] for name, column in pairs}
    except (OSError, ArrowException, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        return Table(path, accelerator, operation, {}, 0, f"cannot be read as Parquet: {reason}")
    return Table(path, accelerator, operation, cells, found.num_rows, "" if found.num_rows else "there are no rows")


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()

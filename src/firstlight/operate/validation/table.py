"""Case files: CSV tables of measurements, read cell by cell."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import near


class CellError(ValueError):
    """A cell that says nothing that can be used; the row is refused and the next one read."""


@dataclass(frozen=True)
class Row:
    """One row of a case file; an empty cell is one about which the source is silent.

    Attributes:
        line: in the file, counted from 1. cells: by column.
    """

    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """The cell as it is written, without blanks around it."""
        return (self.cells.get(column) or "").strip()

    def number(self, column: str, low: float = 0.0) -> float | None:
        """The cell as a number above `low`; None where it is empty.

        Raises:
            CellError: no number, not finite, or not above `low`.
        """
        text = self.text(column)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            raise CellError(f'{column}: "{text[:40]}" is not a number') from None
        if not math.isfinite(value) or value <= low:
            raise CellError(f"{column}: {text[:40]} is not above {low:g}")
        return value

    def count(self, column: str, low: int = 1) -> int | None:
        """The cell as a whole number of at least `low`; None where it is empty."""
        value = self.number(column, low - 1)
        if value is not None and not value.is_integer():
            raise CellError(f"{column}: {self.text(column)[:40]} is not a whole number")
        return None if value is None else int(value)

    def needed(self, column: str) -> int:
        """A count that no default stands for.

        Raises:
            CellError: it is empty, or no count.
        """
        value = self.count(column)
        if value is None:
            raise CellError(f"{column} is empty")
        return value

    def flag(self, column: str) -> bool | None:
        """The cell as yes (1) or no (0); None where it is empty."""
        text = self.text(column)
        if text not in ("", "0", "1"):
            raise CellError(f'{column}: "{text[:40]}" is neither 0 nor 1')
        return None if not text else text == "1"


def read(path: Path, columns: Iterable[str], others: Iterable[str] = ()) -> list[Row]:
    """All rows of a case file. Columns that it lacks are left out of its rows' cells.

    Args:
        path: of the CSV file.
        columns: that have a meaning.
        others: that are known and have none.

    Raises:
        DocumentError: it cannot be read, has no rows, or has columns that are misspelt; names them all.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            rows = [Row(table.line_num, cells) for cells in table]
            header = list(table.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DocumentError((Problem("", f"cannot be read as CSV: {error}", "Check the path.", str(path)),)) from None
    if len(header) == 1 and (sign := next((sign for sign in ";\t|" if sign in header[0]), "")):
        told = f"columns are parted by {sign!r}"
        raise DocumentError((Problem("", told, "Write them with commas.", str(path)),))
    known = tuple(columns)
    missing = [name for name in known if name not in header]
    unknown = [name for name in header if name not in known and name not in {*others}]
    problems = [
        Problem(name, f'unknown column "{name}"', f'Did you mean "{close[0]}"?', str(path))
        for name in unknown
        if (close := near.nearest(name, missing))
    ]
    if not rows:
        problems = [Problem("", "there are no rows", "Add one line for each case.", str(path))]
    if problems:
        raise DocumentError(tuple(problems))
    return rows


def counted(rows: Iterable[Row], tiers: Iterable[str], path: Path) -> list[Row]:
    """The rows of these tiers, or of none.

    Raises:
        UsageError: there are none; `path` is named.
    """
    wanted = (*tiers,)
    found = [row for row in rows if not row.text("tier") or row.text("tier") in wanted]
    if not found:
        raise UsageError(f"no row of {path} is of tier {' or '.join(wanted)}; name other tiers")
    return found

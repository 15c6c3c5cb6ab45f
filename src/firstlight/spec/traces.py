"""Traces of requests: Azure's LLM inference traces, BurstGPT, Mooncake, and plain tables."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import DocumentError, Problem, UsageError

SHOWN = 20
"""Wrong rows that are told."""
MOST_TOKENS = 16_777_216
"""Longest prompt or answer, as in a Serving document."""


@dataclass(frozen=True)
class Trace:
    """Requests of a file, in the order of their times; arrays [n].

    Attributes:
        path: of the file. kind: "Azure", "BurstGPT", "Mooncake" or "table".
        arrival: from the first request on [s].
        prompt, answer: tokens.
        blocks: hashes of the prompt's blocks, first to last; None where the file has none.
        block: tokens of a block. lines: of the file [n]; None where it is not known.
    """

    path: str
    kind: str
    arrival: NDArray[np.float64]
    prompt: NDArray[np.int64]
    answer: NDArray[np.int64]
    blocks: tuple[tuple[int, ...], ...] | None = None
    block: int = 512
    lines: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.arrival)

    def within(self, context: int) -> tuple[Trace, str]:
        """The requests that a model reads and writes at all, and what is told of the others; "" where there are none.

        Args:
            context: the most tokens of prompt and answer together.

        Raises:
            UsageError: no request is left.
        """
        kept = self.prompt + self.answer <= context
        if kept.all():
            return self, ""
        first = int(np.argmin(kept))
        row = f"line {int(self.lines[first]):,}" if self.lines is not None else f"request {first + 1:,}"
        told = (
            f"{int((~kept).sum()):,} of {len(self):,} requests are beyond the model's context of {context:,} tokens, "
            f"the first in {row} with {int(self.prompt[first]):,} + {int(self.answer[first]):,}"
        )
        if not kept.any():
            raise UsageError(f"{self.path}: {told}; serve a model with a longer context, or shorten the requests")
        blocks = None if self.blocks is None else tuple(compress(self.blocks, kept))
        times, lines = self.arrival[kept], None if self.lines is None else self.lines[kept]
        less = replace(self, arrival=times - times[0], prompt=self.prompt[kept], answer=self.answer[kept])
        return replace(less, blocks=blocks, lines=lines), told


_Row = tuple[float, int, int, tuple[int, ...]]
_COLUMNS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "Azure": (("TIMESTAMP",), ("ContextTokens",), ("GeneratedTokens",)),
    "BurstGPT": (("Timestamp",), ("Request tokens",), ("Response tokens",)),
    "table": (("arrival", "time", "timestamp", "arrived_at"), ("prompt", "input_length", "num_prefill_tokens"),
              ("answer", "output_length", "num_decode_tokens")),
}  # fmt: skip


def read_trace(path: Path) -> Trace:
    """Read a trace: CSV of Azure (TIMESTAMP, ContextTokens, GeneratedTokens), of BurstGPT (Timestamp, Request tokens,
    Response tokens) or plain (arrival [s], prompt, answer), or Mooncake's JSON lines; each may be compressed (.gz).

    Raises:
        UsageError: there is no such file, or its columns are none of these.
        DocumentError: rows with impossible values, or times that go back; each with its line.
    """
    try:
        with _text(path) as file:
            kind, rows = _rows(path, file)
            found = list(_checked(path, rows))
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise UsageError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}. Name a trace file."
        ) from error
    if not found:
        raise UsageError(f"{path} has no request; a trace has a line for each")
    lines, rows_read = zip(*found, strict=True)
    arrival, prompt, answer, blocks = zip(*rows_read, strict=True)
    times = np.asarray(arrival, np.float64)
    kept = tuple(blocks) if kind == "Mooncake" else None
    return Trace(
        str(path), kind, times - times[0], np.asarray(prompt, np.int64), np.asarray(answer, np.int64), kept,
        lines=np.asarray(lines, np.int64),
    )  # fmt: skip


def _text(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8", newline="")


def _rows(path: Path, file: TextIO) -> tuple[str, Iterator[tuple[int, Callable[[], _Row]]]]:
    """Kind of the file, and of each row its line and a function that reads it."""
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        return "Mooncake", ((line, _mooncake(text)) for line, text in enumerate(file, 1) if text.strip())
    table = csv.DictReader(file)
    names = [name.strip().lstrip("\ufeff") for name in table.fieldnames or ()]
    table.fieldnames = names
    for kind, choices in _COLUMNS.items():
        columns = [next((name for name in names if name in wanted), None) for wanted in choices]
        if all(columns):
            return kind, ((table.line_num, _table(row, columns)) for row in table)
    raise UsageError(
        f"{path} has the columns {', '.join(names) or 'of nothing'}; a trace has arrival, prompt and answer, or those "
        "of Azure (TIMESTAMP, ContextTokens, GeneratedTokens) or BurstGPT (Timestamp, Request tokens, Response tokens)"
    )


def _mooncake(text: str) -> Callable[[], _Row]:
    def read() -> _Row:
        found: Any = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("no object with timestamp, input_length and output_length")
        row = cast("dict[str, Any]", found)
        blocks = tuple(int(one) for one in row.get("hash_ids", ()))
        return float(row["timestamp"]) / 1000.0, int(row["input_length"]), int(row["output_length"]), blocks

    return read


def _table(row: Mapping[str, str], columns: list[str | None]) -> Callable[[], _Row]:
    def read() -> _Row:
        values = [(row.get(name or "") or "").strip() for name in columns]
        empty = [f"`{name}`" for name, value in zip(columns, values, strict=True) if not value]
        if empty:
            raise ValueError(f"no value for {' and '.join(empty)}")
        return _seconds(values[0]), _whole(values[1]), _whole(values[2]), ()

    return read


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        digits = text.strip()
        head, _, fraction = digits.partition(".")
        try:
            moment = dt.datetime.fromisoformat(head)
        except ValueError:
            raise ValueError(f'"{text}" is no time: seconds, or a date and time as 2024-05-10 00:00:00') from None
        whole = moment.replace(tzinfo=dt.UTC).timestamp()
        return whole + (float(f"0.{fraction}") if fraction else 0.0)


def _whole(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f'"{text}" is no number of tokens') from None
    if value != int(value):
        raise ValueError(f"{text} is no whole number")
    return int(value)


def _checked(path: Path, rows: Iterator[tuple[int, Callable[[], _Row]]]) -> Iterator[tuple[int, _Row]]:
    """Rows that can be played, with their lines; those without an answer are left out (a failed request of BurstGPT).

    Raises:
        DocumentError: all wrong rows, up to `SHOWN`.
    """
    wrong: list[Problem] = []
    before = -math.inf
    for line, read in rows:
        try:
            row = read()
            _possible(row, before)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            told = f"no {error}" if isinstance(error, KeyError) else str(error)
            wrong.append(Problem(f"line {line}", told, "Mend the row, or leave it out.", str(path), line))
            if len(wrong) == SHOWN:
                break
            continue
        before = row[0]
        if row[2] > 0:
            yield line, row
    if wrong:
        raise DocumentError(tuple(wrong))


def _possible(row: _Row, before: float) -> None:
    time, prompt, answer, _ = row
    if not math.isfinite(time):
        raise ValueError(f"{time} is no time")
    if time < 0:
        raise ValueError(f"a time of {time:g} s, before the trace begins")
    if time < before:
        raise ValueError(f"the time goes back from {before:g} s to {time:g} s")
    if not 1 <= prompt <= MOST_TOKENS:
        raise ValueError(f"a prompt of {prompt:,} tokens; it has 1 to {MOST_TOKENS:,}")
    if not 0 <= answer <= MOST_TOKENS:
        raise ValueError(f"an answer of {answer:,} tokens; it has 0 to {MOST_TOKENS:,}")

"""Writes an Evaluation to a folder: all files or none of them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from firstlight.errors import UsageError
from firstlight.evaluate import Evaluation
from firstlight.export import report, tables, wiring
from firstlight.spec import load

CSV_ROWS = 100_000
"""The longest table written as CSV [rows]; a longer one is Parquet."""


def write_evaluation(evaluation: Evaluation, folder: Path) -> tuple[Path, ...]:
    """Write the report, the JSON, the resolved plan and the tables; what an earlier run left there is replaced.

    Returns:
        The files, in the order report.html, evaluation.json, design.yaml, bom, racks, cables, schedule.

    Raises:
        UsageError: the folder cannot be written; nothing has been changed then.
    """
    with complaints(folder), stage(folder) as hidden:
        (hidden / "report.html").write_text(report.html(evaluation), "utf-8")
        (hidden / "evaluation.json").write_text(as_json(evaluation), "utf-8")
        (hidden / "design.yaml").write_text(load.dump(evaluation.plan, base=evaluation.base, to=folder), "utf-8")
        written = [
            table(hidden, "bom", [tables.bom(evaluation)], len(evaluation.bill)),
            table(hidden, "racks", [tables.racks(evaluation)], len(evaluation.twin.racks)),
            table(hidden, "cables", wiring.cables(evaluation.twin, evaluation.cable_plan), len(evaluation.cable_plan)),
            table(hidden, "schedule", [tables.schedule(evaluation)], len(evaluation.schedule.tasks)),
        ]
        return publish(hidden, folder, ["report.html", "evaluation.json", "design.yaml", *written])


def as_json(evaluation: Evaluation) -> str:
    """The evaluation as JSON text: SI units, fields in the order of the classes, floats that read back unchanged."""
    return json.dumps(evaluation.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def table(stage: Path, name: str, parts: Iterable[pa.Table], rows: int) -> str:
    """Write a table, as CSV or as Parquet by its length; the file's name."""
    remaining = iter(parts)
    first = next(remaining)
    file = table_name(name, rows)
    with _writer(stage / file, first.schema) as writer:
        for part in itertools.chain([first], remaining):
            writer.write_table(part)
    return file


def table_name(name: str, rows: int) -> str:
    """File of a table: CSV or Parquet by its length."""
    return f"{name}.csv" if rows <= CSV_ROWS else f"{name}.parquet"


def _writer(path: Path, schema: pa.Schema) -> Any:
    if path.suffix == ".csv":
        return pa_csv.CSVWriter(path, schema, write_options=pa_csv.WriteOptions(quoting_style="needed"))
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    repeating: Any = [name for name in texts if name not in ("cable", "label", "rack")]  # the stubs know only a switch
    return pa_parquet.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeating)


@contextmanager
def complaints(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about the folder into a message with a remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"cannot write to {folder}: {reason}. Name another folder with -o.") from error


@contextmanager
def stage(folder: Path) -> Iterator[Path]:
    """A hidden folder inside `folder` (so on the same disk), gone afterwards; so is `folder` if we made it in vain."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder with -o.")
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        stage = Path(tempfile.mkdtemp(prefix=".firstlight-", dir=folder))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    finally:
        if made and not any(folder.iterdir()):
            folder.rmdir()


def publish(stage: Path, folder: Path, files: list[str]) -> tuple[Path, ...]:
    """Move the finished files into place, each in one step, and take away the other form of each table."""
    for file in files:
        if (folder / file).is_dir():
            raise UsageError(f"{folder / file} is a folder; move it away or name another folder with -o.")
    for file in files:
        os.replace(stage / file, folder / file)
        other = {".csv": ".parquet", ".parquet": ".csv"}.get(Path(file).suffix)
        if other:
            (folder / file).with_suffix(other).unlink(missing_ok=True)
    return tuple(folder / file for file in files)

"""Kernels fitted to timing tables: the tree of parameters, the anchors of the residuals, and the widths."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from firstlight.errors import UsageError
from firstlight.operate.calibration.timings import scales, widths
from firstlight.operate.calibration.timings.grow import grow
from firstlight.operate.validation.timings import tables
from firstlight.operate.validation.timings.kernels import joined, measured
from firstlight.operate.validation.timings.registry import OPERATIONS, formulas
from firstlight.spec.catalog import Catalog
from firstlight.timings.cases import Cases
from firstlight.timings.coefficients import Coefficients, Fitted, machines
from firstlight.twin.protocols import Floats

FEWEST = 20
"""Rows that an operation must have to be fitted."""


STEPS = 5
"""Reports of progress of one operation."""


@dataclass(frozen=True)
class Timed:
    """The rows of one operation that can be fitted: cases and measured times [s]."""

    cases: Cases
    seconds: Floats


def calibrate_kernels(
    cases: Path,
    catalog: Catalog,
    *,
    operations: Collection[str] = tuple(OPERATIONS),
    progress: Callable[[str], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> Coefficients:
    """Fit the kernels' coefficients to timing tables.

    Args:
        cases: a Parquet file `<accelerator>.<operation>.parquet`, or a folder of them. Rows that `validate
            kernels` refuses are left out; it says why of each.
        catalog: parts.
        operations: that are fitted; tables of others are passed over in silence.
        progress: called with what is being done.
        warn: called with each table, operation or part of a table that is not fitted, and why; the provenance has the
            same sentences.

    Raises:
        DocumentError: there is no such file or folder.
        UsageError: no operation has enough rows.
    """
    progress(f"reading {cases}")
    passed_over: list[str] = []
    rows = read(cases, catalog, passed_over.append, operations)
    for sentence in passed_over:
        warn(sentence)
    if not rows:
        raise UsageError(
            f"no operation of {cases} has {FEWEST} rows that can be fitted; `firstlight validate kernels` says why. "
            f"Fitted here are {', '.join(operations)}"
        )
    found = {name: fit(one, progress) for name, one in rows.items()}
    return Coefficients(found, _provenance(cases, rows, passed_over))


def steps(cases: Path, operations: Collection[str] = tuple(OPERATIONS)) -> int:
    """How often `calibrate_kernels` reports progress, by the names of the files."""
    paths = cases.glob(f"*{tables.SUFFIX}") if cases.is_dir() else [cases]
    named = {path.name.removesuffix(tables.SUFFIX).partition(".")[2] for path in paths}
    return 1 + STEPS * len(named & set(operations))


def read(
    cases: Path,
    catalog: Catalog,
    tell: Callable[[str], None] = lambda _: None,
    operations: Collection[str] = tuple(OPERATIONS),
) -> Mapping[str, Timed]:
    """The rows of each wanted operation that has enough of them; `tell` is called with what is passed over."""
    wanted = [
        table for table in tables.read(cases) if table.operation in operations or table.operation not in OPERATIONS
    ]
    parts: dict[str, list[tuple[Cases, Floats]]] = {}
    for one in measured(wanted, catalog, tell):
        if one.cases is not None and len(one.cases):
            parts.setdefault(one.cases.operation, []).append((one.cases, one.seconds))
    found = {name: _timed(part) for name, part in sorted(parts.items())}
    for name, one in found.items():
        if len(one.seconds) < FEWEST:
            tell(f"{name} is not fitted: {len(one.seconds)} usable rows, fewer than {FEWEST}")
    return {name: one for name, one in found.items() if len(one.seconds) >= FEWEST}


def _timed(parts: Sequence[tuple[Cases, Floats]]) -> Timed:
    return Timed(joined([cases for cases, _ in parts]), np.concatenate([seconds for _, seconds in parts]))


def fit(rows: Timed, progress: Callable[[str], None] = lambda _: None) -> Fitted:
    """Everything that is fitted of one operation."""
    name = rows.cases.operation
    progress(f"{name}: {len(rows.seconds)} rows")
    nodes = grow(rows.cases, rows.seconds)
    progress(f"{name}: likeness of residuals")
    plain = plainly(rows.cases, rows.seconds, nodes)
    return replace(plain, wider=widths.wider(rows.cases, rows.seconds, plain, progress))


def plainly(cases: Cases, seconds: Floats, nodes: Mapping[str, Floats]) -> Fitted:
    """Anchors, how fast their likeness fades, and widths near and far from them; none for what was never timed.

    Widths are those of the measured residuals, outliers and all.
    """
    measured = widths.anchors(cases, seconds, nodes)
    anchors = widths.tempered(measured, scales.search(measured))
    found = scales.search(anchors)
    spreads = widths.spreads(anchors, found, measured.residual)
    return Fitted(formulas()[cases.operation], nodes, anchors, found, spreads, {}, machines(cases))


def digest(cases: Path) -> str:
    """What names these tables: over their names and contents, in order."""
    found = hashlib.sha256()
    for path in sorted(cases.glob(f"*{tables.SUFFIX}")) if cases.is_dir() else [cases]:
        found.update(path.name.encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _provenance(cases: Path, rows: Mapping[str, Timed], passed_over: Sequence[str]) -> dict[str, object]:
    releases = {str(kernel) for one in rows.values() for kernel in np.unique(one.cases.labels.release)}
    return {
        "fitted_to": cases.name,
        "standing": "fitted",
        "sha256": digest(cases),
        "rows": {name: len(one.seconds) for name, one in rows.items()},
        "accelerators": sorted({str(a) for one in rows.values() for a in np.unique(one.cases.labels.accelerator)}),
        "releases": sorted(releases - {""}),
        **({"passed_over": [*passed_over]} if passed_over else {}),
    }

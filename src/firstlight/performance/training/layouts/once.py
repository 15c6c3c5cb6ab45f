"""Of layouts that agree in all that a quantity depends on, it is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from firstlight.performance.training.layouts.arrays import same
from firstlight.performance.training.layouts.case import Case
from firstlight.twin.protocols import Floats, Ints

Parts = dict[str, Floats]
_TABLE = 8
"""Kinds of rows are numbered by a table while it is no more than so many times as long as the rows; else by sorting."""


def once(case: Case, axes: Sequence[str], compute: Callable[[Case], Parts]) -> Parts:
    """`compute(case)`, computed for one layout of each kind only (for all where coefficients differ); arrays (n,).

    Args:
        case: many layouts.
        axes: what `compute` depends on, and nothing else: fields of `Layouts`, or numbers of `Case` ("data").
        compute: arrays by name, from a case.
    """
    if case.a.varied:
        return compute(case)
    first, kind = distinct([_column(case, axis) for axis in axes])
    if len(first) == len(kind):
        return compute(case)
    return {name: values[kind] for name, values in compute(some(case, first)).items()}


def some(case: Case, index: Ints) -> Case:
    """Some of a case's layouts, by index or mask."""
    sequences = case.sequences if isinstance(case.sequences, (int, float)) else case.sequences[index]
    return replace(case, layouts=case.layouts.take(index), sequences=sequences)


def _column(case: Case, axis: str) -> Ints:
    values = getattr(case.layouts, axis, None)
    return np.asarray(getattr(case, axis) if values is None else values).astype(np.int64, copy=False)


def distinct(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Kinds of rows: index of one row of each kind (k,), and the kind of each row (n,).

    Args:
        columns: whole numbers, not negative, each (n,).
    """
    kind, kinds, most = np.zeros(len(columns[0]), np.int64), 1, _TABLE * len(columns[0])
    for column in columns:
        if same(column):
            continue
        values, count = column, int(column.max(initial=0)) + 1
        if kinds * count > most:
            kind, kinds = _numbered(kind)
        if kinds * count > most:
            values, count = _numbered(column)
        if count > 1:
            kind, kinds = kind * count + values, kinds * count
    kind, kinds = _numbered(kind)
    first = np.empty(kinds, np.int64)
    first[kind] = np.arange(len(kind))
    return first, kind


def _numbered(values: Ints) -> tuple[Ints, int]:
    """The values' places in their order (n,), and how many different ones there are."""
    most = int(values.max(initial=0))
    if most > _TABLE * len(values):
        found, places = np.unique(values, return_inverse=True)
        return places, len(found)
    there = np.zeros(most + 1, np.bool_)
    there[values] = True
    places = np.cumsum(there)
    return places[values] - 1, int(places[-1])

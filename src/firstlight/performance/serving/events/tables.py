"""Looking a pass up."""

from __future__ import annotations

from typing import Any

import numpy as np

from firstlight.performance.serving.events.heap import jit

PER_DOUBLING = 4
"""Points of a table for each doubling. In between times are linear, as passes nearly are in tokens and in context."""
POINTS = 2.0 ** (np.arange(PER_DOUBLING * 48 + 1) / PER_DOUBLING)
"""All points that a table can have."""


@jit
def look(table: Any, x: float, y: float) -> float:
    """A table at (x, y), linear between its points and level outside."""
    i, u = cell(x, table.shape[0])
    j, v = cell(y, table.shape[1])
    low = table[i, j] * (1.0 - v) + table[i, j + 1] * v
    return low * (1.0 - u) + (table[i + 1, j] * (1.0 - v) + table[i + 1, j + 1] * v) * u


@jit
def cell(x: float, size: int) -> tuple[int, float]:
    """Point below x and how far it is from there to the next, 0 to 1."""
    i = min(int(np.log2(max(x, 1.0)) * PER_DOUBLING), size - 2)
    return i, min(max((x - POINTS[i]) / (POINTS[i + 1] - POINTS[i]), 0.0), 1.0)

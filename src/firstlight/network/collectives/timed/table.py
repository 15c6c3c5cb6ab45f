"""Fitted times of NCCL's collectives inside a scale-up domain, as a table that is looked up in microseconds.

Between its points times are linear in the logarithms of size and ranks. Times never fall as sizes grow, nor below what
the links need: what kriging or a formula says against that is raised. They may fall as ranks grow: from five on the
switches add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from firstlight.network.collectives.timed import shapes
from firstlight.network.collectives.timed.operations import shipped
from firstlight.timings.cases import Cases, Labels
from firstlight.timings.device import Device, columns
from firstlight.timings.predict import FAR, SISTERS, Predicted, predict
from firstlight.twin.protocols import Floats, Operation

NAMES: Mapping[Operation, str] = {
    "all_reduce": "all_reduce", "all_gather": "all_gather", "reduce_scatter": "reduce_scatter",
    "all_to_all": "alltoall",
}  # fmt: skip
"""What the tables of timings call the operations that they hold."""
OPERATION, KERNEL, STYLE = "nccl", "nccl:", "library"
PER_OCTAVE = 2
"""Sizes of the table in each doubling."""


@dataclass(frozen=True)
class Timed:
    """Times of one accelerator.

    Attributes:
        ranks: 2 to the most that were timed, ascending [r]. sizes: ascending [s] [B].
        time: by operation the logarithm of seconds, and half: of P90 over P50 [r, s].
        own: this accelerator was timed, not only its sisters.
    """

    ranks: Floats
    sizes: Floats
    time: Mapping[Operation, Floats]
    half: Mapping[Operation, Floats]
    own: bool

    @property
    def most(self) -> float:
        """Ranks beyond which nothing was timed."""
        return float(self.ranks[-1])

    def seconds(self, operation: Operation, size: Floats, ranks: Floats) -> Floats:
        """Time [s] for 1 to `most` ranks (more count as `most`) and up to the largest size (more counts as that)."""
        return np.where(ranks > 1, np.exp(self._at(self.time[operation], size, ranks)), 0.0)

    def width(self, operation: Operation, size: Floats, ranks: Floats) -> Floats:
        """Logarithm of P90 over P50, and of P50 over P10."""
        return self._at(self.half[operation], size, ranks)

    def _at(self, table: Floats, size: Floats, ranks: Floats) -> Floats:
        column = np.interp(np.log2(np.maximum(size, 1.0)), np.log2(self.sizes), np.arange(len(self.sizes), dtype=float))
        row = np.interp(np.log2(ranks), np.log2(self.ranks), np.arange(len(self.ranks), dtype=float))
        j, i = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
        v, u = column - j, row - i
        k, m = np.minimum(i + 1, len(self.ranks) - 1), np.minimum(j + 1, len(self.sizes) - 1)
        near = table[i, j] * (1 - v) + table[i, m] * v
        return near * (1 - u) + (table[k, j] * (1 - v) + table[k, m] * v) * u


@cache
def timed(one: Device) -> Timed | None:
    """The table of an accelerator that was timed, or whose sisters were; None of others.

    The ranks go as far as its own timings, or those of its sisters.
    """
    fitted = shipped().operations[OPERATION]
    labels = fitted.anchors.labels
    near = labels.accelerator == one.id
    own = bool(near.any())
    near = near if own else labels.generation == one.generation
    if not near.any():
        return None
    low, high = fitted.anchors.place[near].min(axis=0), fitted.anchors.place[near].max(axis=0)
    ranks = np.arange(2.0, min(2.0 ** high[1], one.node) + 1) if one.node > 1 else np.array([2.0])
    sizes = 2.0 ** np.arange(low[0], high[0] + 0.5 / PER_OCTAVE, 1 / PER_OCTAVE)
    found: Mapping[Operation, Cases] = {op: cases(one, name, sizes, ranks) for op, name in NAMES.items()}
    tried: Mapping[Operation, Predicted] = {op: predict(case, shipped()) for op, case in found.items()}
    if any(np.any(each.basis > (FAR if own else SISTERS)) for each in tried.values()):
        return None
    shape = (len(ranks), len(sizes))
    time, half = dict[Operation, Floats](), dict[Operation, Floats]()
    for operation, each in tried.items():
        time[operation] = np.maximum.accumulate(_raised(each, found[operation], one).reshape(shape), axis=1)
        half[operation] = np.log(each.p90 / each.p50).reshape(shape)
    return Timed(ranks, sizes, time, half, own)


def cases(one: Device, name: str, sizes: Floats, ranks: Floats) -> Cases:
    """Calls of one collective in half precision, for each number of ranks all sizes [ranks x sizes]."""
    size, count = (each.ravel() for each in np.meshgrid(sizes, ranks))
    rows = len(size)
    values, named = columns(one, rows), np.full(rows, name)
    shape = shapes.ring(named, size, count, count, values)
    texts = (named, *(np.full(rows, text) for text in (STYLE, KERNEL, "", one.id, one.generation)))
    place = np.column_stack([np.log2(size), np.log2(count), np.zeros(rows)])
    return Cases(OPERATION, Labels(*texts), {**values, **shape}, place)


def _raised(found: Predicted, case: Cases, one: Device) -> Floats:
    """Logarithms of the times, none below what the links need."""
    x = case.shape
    carried = np.where(x["in_switch"] > 0, x["size"], x["volume"])
    return np.log(np.maximum(found.p50, carried / one.link))

"""Flows between endpoints: who sends how much to whom, from when on, and after which others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firstlight.errors import UsageError
from firstlight.twin.protocols import Floats, Ints

NAMED = 8
"""Flows of a circle that an error names."""
MOST = 2**31 - 1
"""The largest number of a flow, endpoint or queue pair."""


class After(NamedTuple):
    """What each flow waits for: flow f for `indices[indptr[f]:indptr[f + 1]]` [flows + 1], [waits]."""

    indptr: Ints
    indices: NDArray[np.int32]


@dataclass(frozen=True)
class Traffic:
    """Flows; make them with `traffic`, which checks them.

    Attributes:
        source, target: endpoints [flows].
        size: [flows] [B].
        start: earliest start [flows] [s].
        after: the flows that must have ended before.
        chain: queue pair of each flow: flows of one chain take the same path [flows].
    """

    source: NDArray[np.int32]
    target: NDArray[np.int32]
    size: Floats
    start: Floats
    after: After
    chain: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.source)


def traffic(
    source: ArrayLike,
    target: ArrayLike,
    size: ArrayLike,
    start: ArrayLike = 0.0,
    after: After | None = None,
    chain: ArrayLike | None = None,
) -> Traffic:
    """Flows from arrays that broadcast to one length; see `Traffic`.

    Args:
        source, target, size, start: as in `Traffic`.
        after: None: no flow waits for another.
        chain: None: each flow has a queue pair of its own.

    Raises:
        UsageError: a size or start is impossible, a flow waits for one that does not exist, or flows wait in a circle.
    """
    ends = np.broadcast_arrays(np.atleast_1d(source), target, size, start)
    count = len(ends[0])
    chain = np.arange(count) if chain is None else np.broadcast_to(np.asarray(chain), count)
    after = after or After(np.zeros(count + 1, np.int64), np.zeros(0, np.int32))
    for name, values in (("source", ends[0]), ("target", ends[1]), ("chain", chain)):
        _require_number(name, values)
    found = Traffic(
        np.array(ends[0], np.int32), np.array(ends[1], np.int32),
        np.array(ends[2], np.float64), np.array(ends[3], np.float64), after, np.array(chain, np.int32),
    )  # fmt: skip
    _check(found)
    return found


def waits(flows: ArrayLike, earlier: ArrayLike, count: int) -> After:
    """Of pairs, flow `flows[i]` waits for `earlier[i]`, what each of `count` flows waits for.

    Raises:
        UsageError: a number beyond `MOST`, which no flow has.
    """
    flows, earlier = np.asarray(flows, np.int64), np.asarray(earlier, np.int64)
    wrong = earlier[np.abs(earlier) > MOST]
    if wrong.size:
        raise UsageError(f"a flow waits for flow {wrong[0]}, which does not exist; there are 0 to {count - 1:,}")
    earlier = earlier.astype(np.int32)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(flows, minlength=count))])
    return After(indptr, earlier[np.argsort(flows, kind="stable")])


def successors(after: After) -> After:
    """The other way round: the flows that wait for each flow."""
    count = len(after.indptr) - 1
    return waits(after.indices, np.repeat(np.arange(count), np.diff(after.indptr)), count)


def also(flows: Traffic, later: ArrayLike, earlier: ArrayLike) -> Traffic:
    """The same, and flow `later[i]` waits for `earlier[i]`, too.

    Raises:
        UsageError: flows would wait in a circle.
    """
    own = np.repeat(np.arange(len(flows)), np.diff(flows.after.indptr))
    after = waits(
        np.concatenate([own, np.asarray(later, np.int64)]),
        np.concatenate([flows.after.indices, np.asarray(earlier, np.int32)]),
        len(flows),
    )
    found = replace(flows, after=after)
    _check(found)
    return found


def merge(*parts: Traffic) -> Traffic:
    """Several jobs at once: their flows one part after the other, with queue pairs of their own."""
    first = np.cumsum([0, *map(len, parts)])
    chains = np.cumsum([0, *(part.chain.max(initial=-1) + 1 for part in parts)])
    edges = np.cumsum([0, *(len(part.after.indices) for part in parts)])
    indptr = [part.after.indptr[:-1] + edge for part, edge in zip(parts, edges, strict=False)]
    indices = [part.after.indices + start for part, start in zip(parts, first, strict=False)]
    chain = [part.chain + start for part, start in zip(parts, chains, strict=False)]
    source, target, size, start = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("source", "target", "size", "start")
    )
    after = After(np.concatenate([*indptr, edges[-1:]]), np.concatenate(indices).astype(np.int32))
    return Traffic(source, target, size, start, after, np.concatenate(chain).astype(np.int32))


def _require_number(name: str, values: Ints) -> None:
    wrong = np.flatnonzero((values < 0) | (values > MOST))
    if wrong.size:
        raise UsageError(f"flow {wrong[0]} has the {name} {values[wrong[0]]}; numbers are 0 to {MOST:,}")


def _check(flows: Traffic) -> None:
    wrong = np.flatnonzero(~(np.isfinite(flows.size) & (flows.size > 0)))
    if wrong.size:
        raise UsageError(f"flow {wrong[0]} has a size of {flows.size[wrong[0]]:g} B; sizes are above 0 and finite")
    wrong = np.flatnonzero(~(np.isfinite(flows.start) & (flows.start >= 0)))
    if wrong.size:
        raise UsageError(f"flow {wrong[0]} starts at {flows.start[wrong[0]]:g} s; a start is 0 s or later")
    count, (indptr, indices) = len(flows), flows.after
    if len(indptr) != count + 1 or indptr[0] or indptr[-1] != len(indices) or np.any(np.diff(indptr) < 0):
        raise UsageError(f"`after` must have {count + 1:,} rising row starts, the last of them {len(indices):,}")
    wrong = indices[(indices < 0) | (indices >= count)]
    if wrong.size:
        raise UsageError(f"a flow waits for flow {wrong[0]}, which does not exist; there are 0 to {count - 1:,}")
    if indices.size:
        _refuse_circles(flows.after)


def _refuse_circles(after: After) -> None:
    """Take away flows that wait for none until none is left."""
    waiting, then = np.diff(after.indptr), successors(after)
    ready = np.flatnonzero(waiting == 0)
    while ready.size:
        waiting[ready] = -1
        freed = np.repeat(then.indptr[ready], then.indptr[ready + 1] - then.indptr[ready])
        freed += _ramp(then.indptr[ready + 1] - then.indptr[ready])
        nexts, times = np.unique(then.indices[freed], return_counts=True)
        waiting[nexts] -= times
        ready = nexts[waiting[nexts] == 0]
    left = np.flatnonzero(waiting > 0)
    if left.size:
        circle = _circle(after, waiting, int(left[0]))
        names = " -> ".join(map(str, circle[:NAMED])) + (" -> ..." if len(circle) > NAMED else f" -> {circle[0]}")
        raise UsageError(f"flows wait for each other in a circle of {len(circle)}: {names}; take one of the waits out")


def _ramp(counts: Ints) -> Ints:
    """0 .. n - 1 for each count n, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _circle(after: After, waiting: Ints, at: int) -> list[int]:
    seen = dict[int, int]()
    while at not in seen:
        seen[at] = len(seen)
        earlier = after.indices[after.indptr[at] : after.indptr[at + 1]]
        at = int(earlier[waiting[earlier] > 0][0])
    return list(seen)[seen[at] :]

"""Configurations of one served model as arrays: layouts of one pool, and pairs of two, each with a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.power import utilisation
from firstlight.performance.serving.batching import flow, front_end
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.memory import slots
from firstlight.performance.serving.pools import Pools, handover, pooled, read, reader, reading_rate
from firstlight.performance.serving.steady import Flow
from firstlight.performance.serving.tails import limited
from firstlight.spec.design import PrefillPool, ServingLayout
from firstlight.twin.protocols import Floats, Ints

BATCHES = 32
"""Batches of each layout, from one request to as many as its memory holds, evenly spread in the logarithm."""
LOADS = (0.2, 0.4, 0.6, 0.75, 0.9, 1.0)
"""Shares of the greatest rate that engines which read are tried at."""
MOST_ENGINES = 12
"""Engines of one pool in a replica; the ratio of two pools is that of whole numbers up to it."""
NEAR = 0.03
"""Accelerators that a smaller replica may take more for the same requests."""


@dataclass(frozen=True)
class Points:
    """Configurations; arrays (m,).

    Attributes:
        writing: place of the layout among the case's. batch: requests of an engine.
        reading: place of the layout that reads; -1: one pool. readers, writers: engines of a replica.
        accelerators: of a replica.
        first_token, per_token: medians [s]. first_within, token_within: at the workload's percentile [s].
        rate: requests of a replica [1/s]. power: share of the power range.
    """

    writing: Ints
    batch: Floats
    reading: Ints
    readers: Ints
    writers: Ints
    accelerators: Ints
    first_token: Floats
    per_token: Floats
    first_within: Floats
    token_within: Floats
    rate: Floats
    power: Floats

    def __len__(self) -> int:
        return len(self.batch)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Points:
        """Some of the points, by index or mask."""
        return Points(*(getattr(self, f.name)[index] for f in fields(self)))

    @property
    def each(self) -> Floats:
        """Requests of an accelerator [1/s] (m,)."""
        return self.rate / self.accelerators

    def layout(self, case: Case, at: int) -> ServingLayout:
        """The layout of one point."""
        own = case.of(self.writing[at : at + 1])
        batch = int(limited(own, self.batch[at : at + 1])[0])
        found = own.layouts.one(0).model_copy(update={"batch": batch})
        if self.reading[at] < 0:
            return found
        other = case.layouts.one(int(self.reading[at]))
        pool = PrefillPool(engines=int(self.readers[at]), **other.model_dump(include={*_CUT}))
        return found.model_copy(update={"engines": int(self.writers[at]), "prefill": pool})


_CUT = ("tensor", "pipeline", "data", "expert", "context", "redundant")


def together(parts: Iterable[Points]) -> Points:
    """Points one after the other."""
    several = list(parts)
    return Points(*(np.concatenate([getattr(one, f.name) for one in several]) for f in fields(Points)))


def one_pool(case: Case, batch: Floats, cap: float) -> Points:
    """Engines that read and write, at batches (k, n) of the n layouts."""
    found = flow(case, batch)
    place = np.broadcast_to(np.arange(len(case.layouts)), batch.shape)
    none = np.full(batch.size, -1)
    one = np.ones(batch.size, np.int64)
    first, token = found.within
    return Points(
        place.ravel(), batch.ravel(), none, one, one, case.layouts.accelerators[place].ravel(),
        found.first_token.ravel(), found.per_token.ravel(), first.ravel(), token.ravel(), found.rate.ravel(),
        _power(found, case, cap).ravel(),
    )  # fmt: skip


def two_pools(case: Case, batch: Floats, first: float, cap: float) -> Points:
    """Engines that only write, at batches (k, n), each with the engines that read at the least cost in time.

    Args:
        first: limit of the time to the first token [s]; infinite: none.
    """
    reading = reader(case, case.layouts)
    n = len(case.layouts)
    most = np.asarray(LOADS)[:, None] * reading_rate(reading) * (slots(reading) >= 1)
    seen = read(reading, most).latency
    width = np.maximum(most, 1e-12) / case.layouts.accelerators
    places = np.arange(n)
    left, right = reading.of(np.repeat(places, n)), case.of(np.tile(places, n))
    moved = handover(left, right).reshape(n, n)  # [reading, writing]
    allowed = (front_end(case) + seen)[:, :, None] + moved <= first
    spent = np.where(allowed & (most > 0)[:, :, None], 1.0 / width[:, :, None], np.inf).reshape(-1, n)
    chosen = np.argmin(spent, axis=0)
    good = np.isfinite(spent[chosen, places])
    if not good.any():
        return _nothing()
    load, place = np.unravel_index(chosen, most.shape)
    writing, held = np.broadcast_to(places[good], (len(batch), int(good.sum()))).ravel(), batch[:, good].ravel()
    return _pairs(case, reading, writing, held, place[writing], most[load, place][writing], cap)


def _pairs(case: Case, reading: Case, at: Ints, batch: Floats, place: Ints, prompts: Floats, cap: float) -> Points:
    """Layouts that write with layouts that read, in the ratio that keeps both at work; arrays (m,)."""
    right, left, none = case.of(at), reading.of(place), np.ones(len(at))
    alone = pooled(Pools(left, right, none * 1e9, none), batch)
    sizes = case.layouts.accelerators
    readers, writers = _ratio(alone.rate / prompts, sizes[place], sizes[at])
    found = pooled(Pools(left, right, readers.astype(float), writers.astype(float)), batch, prompts=prompts)
    return Points(
        at, batch, place, readers, writers, readers * sizes[place] + writers * sizes[at], found.first_token,
        found.per_token, *found.within, found.rate, _power(found, right, cap),
    )  # fmt: skip


def _ratio(wanted: Floats, reader: Ints, writer: Ints) -> tuple[Ints, Ints]:
    """Engines that read and that write, whose ratio is near a wanted one (m,): the fewest that waste little.

    Args:
        wanted: engines that read for each that writes (m,). reader, writer: accelerators of one engine (m,).
    """
    counts = np.arange(1, MOST_ENGINES + 1)
    readers, writers = (grid.ravel() for grid in np.meshgrid(counts, counts))
    size = readers * reader[:, None] + writers * writer[:, None]
    spent = size / np.minimum(writers, readers / wanted[:, None])
    chosen = np.argmin(np.where(spent <= spent.min(axis=1, keepdims=True) * (1 + NEAR), size, np.inf), axis=1)
    return readers[chosen], writers[chosen]


def _power(found: Flow, case: Case, cap: float) -> Floats:
    """Share of the power range, like the flow."""
    step = np.maximum(found.step, 1e-12)
    shares = {name: time / step * found.decoding for name, time in found.parts.items()}
    return np.asarray(utilisation({**shares, "gemm": found.filling}, found.decoding + found.filling, case.a, cap))


def _nothing() -> Points:
    whole, real = np.empty(0, np.int64), np.empty(0)
    return Points(whole, real, whole, whole, whole, whole, *(real,) * 6)

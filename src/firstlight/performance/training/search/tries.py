"""One run in all layouts: the usual ones computed in chunks, of their variants those that may be better."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from firstlight.performance.training.batch import rounded
from firstlight.performance.training.layouts.arrays import OFFLOADS, Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.search.bounds import Bounds
from firstlight.performance.training.search.tally import Tally
from firstlight.performance.training.space.every import Every, every
from firstlight.performance.training.space.kept import Kept
from firstlight.performance.training.space.variants import CHANGES, Counts, Variants
from firstlight.performance.training.step import Steps, steps
from firstlight.twin.protocols import Floats, Ints

CHUNK = 65_536
"""Layouts that are computed at a time: few enough for the processor's cache, enough for arrays to pay."""
FEW = 64
"""Layouts whose variants are computed in any case, of each kind."""
MANY = 16_384
"""Layouts whose variants are computed before it is asked again which may be better."""


@dataclass(frozen=True)
class Tries:
    """One run in many layouts; its batch may move a little where it is open.

    Attributes:
        run: its batch is settled. is_open: the plan leaves the batch open.
        kept: options that the plan fixes.
    """

    run: Run
    is_open: bool
    kept: Kept

    def every(self) -> Every:
        """Its layouts."""
        return every(self.run, is_open=self.is_open, kept=self.kept)

    def steps(self, layouts: Layouts) -> Steps:
        """Their time and memory."""
        return steps(self.run, layouts, sequences=self.sequences(layouts) if self.is_open else None)

    def sequences(self, layouts: Layouts) -> Floats:
        """Sequences of a step in each layout (n,)."""
        if not self.is_open:
            return np.full(len(layouts), self.run.sequences)
        data = np.maximum(self.run.accelerators // (layouts.tensor * layouts.pipeline * layouts.context), 1)
        return rounded(self.run.sequences, data, layouts.micro_batch)

    def add(self, tally: Tally, layouts: Layouts, *, variants: bool = False) -> Steps:
        """Compute some layouts and tell a tally of them; memory that the host lacks counts as beyond all there is."""
        found = self.steps(layouts)
        beyond = np.maximum(found.used, np.nextafter(found.available, np.inf))
        memory = np.where(found.host <= found.host_available, found.used, beyond)
        tally.add(layouts, found.time / self.sequences(layouts), memory, found.available, variants=variants)
        return found

    def offloaded(self) -> Iterator[tuple[Tries, ...]]:
        """The same with one thing kept in the host's memory, with two, with three; nothing where the plan says what,
        or the link is not known."""
        if "offload" in self.kept or not self.run.work.host_link:
            return
        bits = [1 << place for place in range(len(OFFLOADS))]
        for count in range(1, len(bits) + 1):
            sets = itertools.combinations(bits, count)
            yield tuple(replace(self, kept={**self.kept, "offload": sum(chosen)}) for chosen in sets)


@dataclass(frozen=True)
class _Waiting:
    """Layouts with a kind of variant that may be better than what was seen.

    Attributes:
        layouts, data: with their data-parallel ranks (n,).
        kind: of the variants, as their place in `CHANGES` (n,).
        score, memory: below which the variants do not lie (n,), [B] (n,).
    """

    layouts: Layouts
    data: Floats
    kind: Ints
    score: Floats
    memory: Floats

    def take(self, index: Ints) -> _Waiting:
        """Some of them."""
        data, kind, score, memory = self.data[index], self.kind[index], self.score[index], self.memory[index]
        return _Waiting(self.layouts.take(index), data, kind, score, memory)

    @classmethod
    def join(cls, pieces: Sequence[_Waiting]) -> _Waiting:
        """Some after the others."""
        names = "data", "kind", "score", "memory"
        arrays = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in names)
        return cls(Layouts.join([piece.layouts for piece in pieces]), *arrays)


def try_all(tries: Tries, space: Every, tally: Tally, progress: Callable[[int], None]) -> int:
    """Every layout of a space, and of their variants those that no bound excludes.

    Returns:
        Variants that were excluded: none is faster than what the tally has seen, in the memory that it takes.
    """
    variants, waiting, whole = Variants(tries.run, tries.kept), list[_Waiting](), 0
    for layouts in space.chunks(CHUNK):
        found = tries.add(tally, layouts)
        counts = variants.counts(layouts, found.data, found.micro_batches)
        waiting += _waiting(tries, tally, layouts, found, counts)
        whole += counts.whole
        progress(len(layouts))
    return whole - _try(_Waiting.join(waiting), variants, tally, tries)


def _waiting(tries: Tries, tally: Tally, layouts: Layouts, found: Steps, counts: Counts) -> Iterator[_Waiting]:
    """Of some layouts those with variants that may be better; and a few of each that change one thing."""
    bounds, sequences = Bounds(found, layouts, tries.run.depth, tries.run.a), tries.sequences(layouts)
    first = {change.schedule: change for change in reversed(CHANGES)}
    fastest = {name: _fastest(bounds.memory(one), tally, found.available) for name, one in first.items()}
    for kind, change in enumerate(CHANGES):
        score, memory = bounds.time(change) / sequences, bounds.memory(change)
        seen, over = fastest[change.schedule], np.full(len(score), np.inf)
        np.divide(score, seen, out=over, where=counts.has(change) & (seen > 0))
        place = _promising(over, FEW if change.alone else 0)
        yield _Waiting(layouts.take(place), found.data[place], np.full(len(place), kind), score[place], memory[place])


def _fastest(memory: Floats, tally: Tally, available: float) -> Floats:
    """The best score that was seen within some memory [B] (n,); 0 beyond that of an accelerator [B]."""
    return np.where(memory <= available, tally.front(memory), 0.0)


def _over(rest: _Waiting, tally: Tally, available: float) -> Floats:
    """What variants take at the least over the fastest that was seen in their memory (n,); infinity where none fits."""
    fastest = _fastest(rest.memory, tally, available)
    return np.divide(rest.score, fastest, out=np.full(len(fastest), np.inf), where=fastest > 0)


def _promising(over: Floats, few: int) -> Ints:
    """Places of what may be faster, the most promising first; at least so many, where so many fit."""
    faster = np.flatnonzero(over < 1.0)
    if len(faster) >= few:
        return faster[np.argsort(over[faster])]
    most = min(few, int(np.count_nonzero(np.isfinite(over))))
    return np.argsort(over)[:most]


def _try(rest: _Waiting, variants: Variants, tally: Tally, tries: Tries) -> int:
    """Compute variants until the bounds exclude the rest; how many were computed.

    First of all a few that change one thing, so that something can be told of each.
    """
    available, computed = tries.run.work.memory, 0
    alone = [np.flatnonzero(rest.kind == kind) for kind, change in enumerate(CHANGES) if change.alone]
    over = _over(rest, tally, available)
    order = np.concatenate([own[_promising(over[own], FEW)[:FEW]] for own in alone])
    while len(order):
        some = rest.take(order)
        rest = rest.take(np.delete(np.arange(len(rest.layouts)), order))
        found = [piece for kind in np.unique(some.kind) for piece in _expanded(some, int(kind), variants)]
        layouts = Layouts.join(found)
        for first in range(0, len(layouts), CHUNK):
            tries.add(tally, layouts.take(np.arange(first, min(first + CHUNK, len(layouts)))), variants=True)
        computed += len(layouts)
        order = _promising(_over(rest, tally, available), 0)[:MANY]
    return computed


def _expanded(some: _Waiting, kind: int, variants: Variants) -> Iterator[Layouts]:
    own = some.take(np.flatnonzero(some.kind == kind))
    return variants.of(own.layouts, own.data, CHANGES[kind])

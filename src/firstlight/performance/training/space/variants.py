"""Other schedules, kinds of context parallelism and sharding groups of layouts in the usual ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.training.layouts.arrays import CONTEXTS, SCHEDULES, Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.space.every import divisors
from firstlight.performance.training.space.kept import Kept, hands_out, runs_in
from firstlight.twin.protocols import Floats, Ints

OTHER_SCHEDULES = ("zero-bubble", "dualpipe")
"""Beside 1F1B; GPipe has the bubble of 1F1B and more memory, so that only a plan that names it gets it."""
OTHER_CONTEXTS = ("all-gather", "ulysses")


@dataclass(frozen=True)
class Change:
    """One way in which layouts are varied: another schedule ("" for the usual), and whether the kind of context
    parallelism and the sharding group are others too."""

    schedule: str
    context: bool
    shard: bool

    @property
    def alone(self) -> bool:
        """Only one of the three is another."""
        return bool(self.schedule) + self.context + self.shard == 1


CHANGES = tuple(
    Change(schedule, context, shard)
    for schedule in ("", *OTHER_SCHEDULES)
    for context in (False, True)
    for shard in (False, True)
    if schedule or context or shard
)


@dataclass(frozen=True)
class Counts:
    """How many other schedules, kinds of context parallelism and sharding groups layouts may have, arrays (n,)."""

    schedules: Mapping[str, NDArray[np.bool_]]
    kinds: Ints
    shards: Ints

    @property
    def whole(self) -> int:
        """All variants of all layouts."""
        schedules = 1 + sum(goes.astype(np.int64) for goes in self.schedules.values())
        return int((schedules * (1 + self.kinds) * (1 + self.shards) - 1).sum())

    def has(self, change: Change) -> NDArray[np.bool_]:
        """Layouts that have variants of a kind (n,), boolean."""
        goes = self.schedules[change.schedule] if change.schedule else np.full(len(self.kinds), fill_value=True)
        if change.context:
            goes = goes & (self.kinds > 0)
        if change.shard:
            goes = goes & (self.shards > 0)
        return goes


@dataclass(frozen=True)
class Variants:
    """The variants of layouts of one run.

    Attributes:
        run: its batch is settled.
        kept: options that the plan fixes, which are not varied.
    """

    run: Run
    kept: Kept

    def counts(self, layouts: Layouts, data: Floats, steps: Floats) -> Counts:
        """How many other schedules, kinds and groups each layout may have.

        Args:
            layouts: in the usual schedule (n,).
            data: data-parallel ranks. steps: micro-batches of a rank (n,).
        """
        bare = (layouts.pipeline > 1) & (layouts.interleave == 1) & ("schedule" not in self.kept)
        schedules = {name: bare & runs_in(name, layouts.pipeline, steps) for name in OTHER_SCHEDULES}
        ranks, place = np.unique(self._whole(layouts, data), return_inverse=True)
        sizes = np.asarray([len(_groups(int(each))) for each in ranks], np.int64)[place]
        shards = sizes * ((layouts.zero > 0) & ("shard" not in self.kept))
        kinds = sum((goes.astype(np.int64) for goes in self._kinds(layouts)), np.zeros(len(layouts), np.int64))
        return Counts(schedules, kinds, shards)

    def of(self, layouts: Layouts, data: Floats, change: Change) -> Iterator[Layouts]:
        """The variants of a kind of layouts that have some, in pieces.

        Args:
            layouts: in the usual schedule (n,).
            data: data-parallel ranks (n,).
            change: the kind.
        """
        schedule = {"schedule": np.int64(SCHEDULES.index(change.schedule))} if change.schedule else {}
        layouts = replace(layouts, **schedule)
        kinds = zip(OTHER_CONTEXTS, self._kinds(layouts), strict=True) if change.context else [("ring", None)]
        for name, goes in kinds:
            place = np.arange(len(layouts)) if goes is None else np.flatnonzero(goes)
            kind = {"context_kind": np.int64(CONTEXTS.index(name))} if change.context else {}
            varied = replace(layouts.take(place), **kind)
            if not change.shard:
                yield varied
                continue
            whole = self._whole(layouts, data)[place]
            for ranks in np.unique(whole):
                own, sizes = np.flatnonzero(whole == ranks), np.asarray(_groups(int(ranks)), np.int64)
                yield replace(varied.take(np.repeat(own, len(sizes))), shard=np.tile(sizes, len(own)))

    def _kinds(self, layouts: Layouts) -> list[NDArray[np.bool_]]:
        is_open = (layouts.context > 1) & ("context_kind" not in self.kept)
        return [is_open & hands_out(kind, self.run, layouts.tensor, layouts.context) for kind in OTHER_CONTEXTS]

    def _whole(self, layouts: Layouts, data: Floats) -> Ints:
        return (data / layouts.sites * layouts.context).astype(np.int64)


def _groups(ranks: int) -> list[int]:
    """Sizes of sharding groups beside one of all ranks."""
    return [size for size in divisors(ranks) if 1 < size < ranks]

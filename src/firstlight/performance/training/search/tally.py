"""Keeps of many chunks of layouts what a search tells of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from firstlight.performance.training.layouts.arrays import Layouts
from firstlight.performance.training.space.every import OPTIONS, SHAPE
from firstlight.performance.training.space.kept import Kept, kept_by
from firstlight.twin.protocols import Floats, Ints

VARIED = ("schedule", "context_kind", "shard", "offload")
"""Axes on which nearly all layouts stand at their usual place."""
AXES = (*SHAPE, *OPTIONS, *VARIED)
"""The axes of the space."""


def placed(rows: Ints, kept: Kept) -> Layouts:
    """The layouts at some places on every axis (k, axes), and with what a plan fixes beside them."""
    beside = {name: value for name, value in kept.items() if name not in AXES}
    return kept_by(beside, Layouts(**dict(zip(AXES, rows.T, strict=True))))


def values_of(layouts: Layouts, axis: str) -> Ints:
    """What the layouts are counted under on an axis (n,): sharding groups of any size are one value."""
    places = getattr(layouts, axis)
    return (places > 0).astype(np.int64) if axis == "shard" else places


@dataclass
class Value:
    """What was seen of one value on one axis.

    Attributes:
        tried, fit: layouts. least: the least memory that one takes [B].
        score: of the best that fits. memory: of it [B]. row: its place on every axis.
    """

    tried: int = 0
    fit: int = 0
    least: float = np.inf
    score: float = np.inf
    memory: float = np.inf
    row: Ints = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass
class Tally:
    """What a search has seen so far.

    Attributes:
        tried, fit: layouts. least: the least memory that one takes [B].
        values: by axis and value; on the axes of shapes and options variants are not counted, but may be the best.
        score, memory, rows: of the front: ascending memory [B], falling score (k,), (k,), (k, axes).
    """

    tried: int = 0
    fit: int = 0
    least: float = np.inf
    values: dict[str, dict[int, Value]] = field(default_factory=lambda: {axis: {} for axis in AXES})
    score: Floats = field(default_factory=lambda: np.empty(0))
    memory: Floats = field(default_factory=lambda: np.empty(0))
    rows: Ints = field(default_factory=lambda: np.empty((0, len(AXES)), np.int64))

    def add(self, layouts: Layouts, score: Floats, memory: Floats, available: float, *, variants: bool = False) -> None:
        """Some more layouts.

        Args:
            layouts: arrays (n,).
            score: what should be small (n,). memory: of the fullest accelerator [B] (n,).
            available: memory of an accelerator [B].
            variants: they are variants of layouts that were added before.
        """
        self.tried += len(layouts)
        self.least = min(self.least, float(memory.min()))
        fits = memory <= available
        kept = np.flatnonzero(fits)
        self.fit += len(kept)
        score_kept, memory_kept = score[kept], memory[kept]
        for axis in AXES:
            places = values_of(layouts, axis)
            if not variants or axis in VARIED:
                self._count(axis, places, memory, fits)
            for index in _first(places[kept], score_kept, memory_kept):
                self._best(axis, layouts, int(kept[index]), score, memory)
        self._extend(layouts, kept, score_kept, memory_kept)

    def _count(self, axis: str, places: Ints, memory: Floats, fits: np.ndarray) -> None:
        tried, fit = np.bincount(places), np.bincount(places, fits)
        least = np.full(len(tried), np.inf)
        np.minimum.at(least, places, memory)
        for place in np.flatnonzero(tried):
            value = self.values[axis].setdefault(int(place), Value())
            value.tried += int(tried[place])
            value.fit += int(fit[place])
            value.least = min(value.least, float(least[place]))

    def _best(self, axis: str, layouts: Layouts, index: int, score: Floats, memory: Floats) -> None:
        value = self.values[axis][int(values_of(layouts, axis)[index])]
        if (score[index], memory[index]) < (value.score, value.memory):
            value.score, value.memory, value.row = float(score[index]), float(memory[index]), _row(layouts, index)

    def front(self, memory: Floats) -> Floats:
        """Score of the front within some memory [B] (n,); infinity where nothing takes so little."""
        return np.append(self.score, np.inf)[np.searchsorted(self.memory, memory, side="right") - 1]

    def _extend(self, layouts: Layouts, kept: Ints, score: Floats, memory: Floats) -> None:
        """Join the layouts that the front does not beat to it."""
        if len(self.score):
            place = np.searchsorted(self.memory, memory, side="right") - 1
            ahead = np.flatnonzero((place < 0) | (score < self.score[np.maximum(place, 0)]))
        else:
            ahead = np.arange(len(kept))
        if not len(ahead):
            return
        score, memory = np.append(self.score, score[ahead]), np.append(self.memory, memory[ahead])
        own = np.arange(len(score)) - len(self.score)
        order = np.lexsort((score, memory))
        lowest = np.minimum.accumulate(score[order])
        front = order[np.append(True, score[order][1:] < lowest[:-1])]
        old, new = own[front] < 0, kept[ahead[np.maximum(own[front], 0)]]
        rows = np.stack([getattr(layouts, axis)[new] for axis in AXES], axis=1)
        if old.any():
            rows[old] = self.rows[front[old]]
        self.score, self.memory, self.rows = score[front], memory[front], rows


def _row(layouts: Layouts, index: int) -> Ints:
    return np.asarray([getattr(layouts, axis)[index] for axis in AXES])


def _first(places: Ints, score: Floats, memory: Floats) -> list[int]:
    """Index of the best layout at each place; of equals the one with the least memory."""
    if not len(places):
        return []
    best = np.full(int(places.max()) + 1, np.inf)
    np.minimum.at(best, places, score)
    equal = np.flatnonzero(score == best[places])
    order = equal[np.lexsort((memory[equal], places[equal]))]
    there = places[order]
    return order[np.append(True, there[1:] != there[:-1])].tolist()

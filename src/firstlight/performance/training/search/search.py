"""The whole space of layouts of one training run: the fastest, the front of time against memory, why others lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from firstlight import units
from firstlight.performance.training.batch import rounded
from firstlight.performance.training.layouts.arrays import RECOMPUTE, Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.search.advice import difference
from firstlight.performance.training.search.found import Alternative, Front, TrainingSearch
from firstlight.performance.training.search.reasons import longer, why
from firstlight.performance.training.search.tally import AXES, Tally, Value, placed
from firstlight.performance.training.space.check import check
from firstlight.performance.training.space.every import every
from firstlight.performance.training.step import Steps, steps
from firstlight.performance.training.teacher import check_teacher
from firstlight.performance.training.train import too_large, too_many
from firstlight.spec.design import TrainingLayout
from firstlight.twin.protocols import Floats

CHUNK = 65_536
"""Layouts that are computed at a time: few enough for the processor's cache, enough for arrays to pay."""
LESS_MEMORY = (0.75, 0.5, 0.25)
"""Shares of the memory within which the best layout is told too."""


def search(
    run: Run,
    *,
    given: TrainingLayout | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> TrainingSearch:
    """Every layout that a training run may take, tried.

    Where the batch is open, each layout runs at the nearest one that fills it, and the least time for each token wins.

    Args:
        run: what is trained, and on what.
        given: a layout to compare with the best.
        progress: called with layouts tried and layouts in all.

    Raises:
        InfeasibleError: none fits the memory, or the batch is too small; says what would do.
        UsageError: the given layout cannot be run.
    """
    runs = _Runs(run.settled, is_open=run.workload.batch is None)
    run = runs.run
    if given:
        check(run, given)
    check_teacher(run)
    space, tally = every(run, is_open=runs.is_open), Tally()
    if not len(space):
        raise too_many(run)
    for layouts in space.chunks(CHUNK):
        found = runs.steps(layouts)
        tally.add(layouts, found.time / runs.sequences(layouts), found.used, found.available)
        progress(tally.tried, len(space))
    if not tally.fit:
        raise too_large(run, tally.least)
    return _result(runs, tally, given)


@dataclass(frozen=True)
class _Runs:
    """One run in many layouts; its batch may move a little where it is open."""

    run: Run
    is_open: bool

    def steps(self, layouts: Layouts) -> Steps:
        """Their time and memory."""
        return steps(self.run, layouts, sequences=self.sequences(layouts) if self.is_open else None)

    def sequences(self, layouts: Layouts) -> Floats:
        """Sequences of a step in each layout (n,)."""
        if not self.is_open:
            return np.full(len(layouts), self.run.sequences)
        data = np.maximum(self.run.accelerators // (layouts.tensor * layouts.pipeline * layouts.context), 1)
        return rounded(self.run.sequences, data, layouts.micro_batch)


def _result(runs: _Runs, tally: Tally, given: TrainingLayout | None) -> TrainingSearch:
    best = placed(tally.rows[-1:])
    won, sequence = runs.steps(best), runs.run.workload.sequence
    return TrainingSearch(
        model=runs.run.model.id,
        accelerators=runs.run.accelerators,
        tried=tally.tried,
        fit=tally.fit,
        layout=best.one(0),
        batch=float(runs.sequences(best)[0] * sequence),
        step_time=float(won.time[0]),
        tokens_per_s=float(sequence / tally.score[-1]),
        memory=float(tally.memory[-1]),
        memory_available=won.available,
        front=_front(runs, tally),
        alternatives=tuple(_alternatives(runs, tally, given, [*_seen(runs, tally, given)])),
        lost_to_memory={
            axis: {_named(axis, place): 1.0 - value.fit / value.tried for place, value in sorted(found.items())}
            for axis, found in tally.values.items()
        },
    )


def _front(runs: _Runs, tally: Tally) -> Front:
    layouts = placed(tally.rows)
    time = tally.score * runs.sequences(layouts)
    return Front(
        layouts=tuple(layouts.one(index) for index in range(len(layouts))),
        step_time=tuple(time.tolist()),
        tokens_per_s=tuple((runs.run.workload.sequence / tally.score).tolist()),
        memory=tuple(tally.memory.tolist()),
    )


def _seen(runs: _Runs, tally: Tally, given: TrainingLayout | None) -> Iterator[tuple[str, str, Value]]:
    """Axis, value and what was seen of it: the plan's own layout, each way along each axis, less memory."""
    if given is not None:
        yield "plan", "as written", _asked(runs, given)
    for index, axis in enumerate(AXES):
        for place, value in sorted(tally.values[axis].items()):
            if place != tally.rows[-1, index]:
                yield axis, _named(axis, place), value
    for share in LESS_MEMORY:
        most = share * runs.run.work.memory
        within = int(np.searchsorted(tally.memory, most, side="right")) - 1
        if tally.memory[-1] > most and within >= 0:
            score, memory = float(tally.score[within]), float(tally.memory[within])
            seen = Value(tally.tried, tally.fit, tally.least, score, memory, tally.rows[within])
            yield "memory", units.show(most, "bytes"), seen


def _asked(runs: _Runs, given: TrainingLayout) -> Value:
    """The layout of the plan, which the space may not hold (where its last micro-batch is partly empty)."""
    layouts = Layouts.of([given])
    found = runs.steps(layouts)
    score, memory = float(found.time[0] / runs.sequences(layouts)[0]), float(found.used[0])
    row = np.asarray([getattr(layouts, axis)[0] for axis in AXES])
    return Value(1, int(found.fits[0]), memory, score, memory, row)


def _alternatives(
    runs: _Runs, tally: Tally, given: TrainingLayout | None, seen: list[tuple[str, str, Value]]
) -> Iterator[Alternative]:
    """What was seen, compared with the winner; all layouts are computed at once, the given one first."""
    some = [value.row for axis, _, value in seen if axis != "plan" and len(value.row)]
    best = placed(np.stack([tally.rows[-1], *some]))
    asked = [given] if given else []
    layouts = Layouts.of([best.one(0), *asked, *(best.one(index) for index in range(1, len(best)))])
    found, sequences = runs.steps(layouts), runs.sequences(layouts)
    has, place = units.show(runs.run.work.memory, "bytes"), itertools.count(1)
    for axis, value, told in seen:
        lost = Alternative(
            axis, value, told.tried, told.fit, None, np.nan, np.nan, told.least, {},
            f"none of {told.tried:,} fits: {units.show(told.least, 'bytes')} at the least, of {has}",
        )  # fmt: skip
        if not len(told.row):
            yield lost
            continue
        at = next(place)
        parts, other = longer(found, sequences, at), layouts.one(at)
        reason = why(layouts.one(0), other, parts, float(found.time[0]), runs.run.work.domain)
        if told.score < float(tally.score[-1]):
            reason = f"faster by what the search does not vary: {_beyond(layouts.one(0), other)}"
        yield replace(
            lost,
            layout=other,
            step_time=float(found.time[at]),
            slower=told.score / float(tally.score[-1]) - 1.0,
            memory=told.memory,
            longer=parts,
            why=reason if told.fit else f"does not fit: {units.show(told.memory, 'bytes')} of {has}; {reason}",
        )


def _beyond(best: TrainingLayout, other: TrainingLayout) -> str:
    """What differs between two layouts that is no axis of the space; a step that is not full is what remains."""
    same = best.model_copy(update={axis: getattr(other, axis) for axis in AXES})
    return difference(same, other) or "its last micro-batches are partly empty"


def _named(axis: str, place: int) -> str:
    return RECOMPUTE[place] if axis == "recompute" else str(place)

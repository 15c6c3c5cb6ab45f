"""The whole space of layouts of one training run: the fastest, the front of time against memory, why others lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from firstlight import units
from firstlight.performance.training.layouts.arrays import OFFLOADS, WORDS, Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.search.advice import difference
from firstlight.performance.training.search.found import Alternative, Front, TrainingSearch
from firstlight.performance.training.search.reasons import longer, why
from firstlight.performance.training.search.tally import AXES, VARIED, Tally, Value, placed, values_of
from firstlight.performance.training.search.tries import Tries, try_all
from firstlight.performance.training.space.check import check
from firstlight.performance.training.space.kept import kept_of
from firstlight.performance.training.teacher import check_teacher
from firstlight.performance.training.train import too_large, too_many
from firstlight.spec.design import TrainingLayout

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
    tries = Tries(run.settled, run.workload.batch is None, kept_of(given))
    run, tally = tries.run, Tally()
    if given:
        check(run, given)
    check_teacher(run)
    space = tries.every()
    if not len(space):
        raise too_many(run)
    counted = _Counted(progress, len(space))
    excluded = try_all(tries, space, tally, counted)
    for several in () if tally.fit else tries.offloaded():
        counted.whole += len(several) * len(space)
        excluded += sum(try_all(one, one.every(), tally, counted) for one in several)
        if tally.fit:
            break
    if not tally.fit:
        raise too_large(run, tally.least)
    return _result(tries, tally, given, excluded, space.refused)


@dataclass
class _Counted:
    """Tells the progress of a search: layouts in the usual schedule, kind and group that are done, and all."""

    tell: Callable[[int, int], None]
    whole: int
    done: int = 0

    def __call__(self, more: int) -> None:
        self.done += more
        self.tell(self.done, self.whole)


def _result(
    runs: Tries, tally: Tally, given: TrainingLayout | None, excluded: int, refused: dict[str, int]
) -> TrainingSearch:
    best = placed(tally.rows[-1:], runs.kept)
    won, sequence = runs.steps(best), runs.run.workload.sequence
    return TrainingSearch(
        model=runs.run.model.id,
        accelerators=runs.run.accelerators,
        tried=tally.tried,
        fit=tally.fit,
        excluded=excluded,
        refused=refused,
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
            if axis not in VARIED
        },
    )


def _front(runs: Tries, tally: Tally) -> Front:
    layouts = placed(tally.rows, runs.kept)
    time = tally.score * runs.sequences(layouts)
    return Front(
        layouts=tuple(layouts.one(index) for index in range(len(layouts))),
        step_time=tuple(time.tolist()),
        tokens_per_s=tuple((runs.run.workload.sequence / tally.score).tolist()),
        memory=tuple(tally.memory.tolist()),
    )


def _seen(runs: Tries, tally: Tally, given: TrainingLayout | None) -> Iterator[tuple[str, str, Value]]:
    """Axis, value and what was seen of it: the plan's own layout, each way along each axis, less memory."""
    if given is not None:
        yield "plan", "as written", _asked(runs, given)
    best = placed(tally.rows[-1:], runs.kept)
    for axis in AXES:
        for place, value in sorted(tally.values[axis].items()):
            if place != values_of(best, axis)[0]:
                yield axis, _named(axis, place), value
    for share in LESS_MEMORY:
        most = share * runs.run.work.memory
        within = int(np.searchsorted(tally.memory, most, side="right")) - 1
        if tally.memory[-1] > most and within >= 0:
            score, memory = float(tally.score[within]), float(tally.memory[within])
            seen = Value(tally.tried, tally.fit, tally.least, score, memory, tally.rows[within])
            yield "memory", units.show(most, "bytes"), seen


def _asked(runs: Tries, given: TrainingLayout) -> Value:
    """The layout of the plan, which the space may not hold (where its last micro-batch is partly empty)."""
    layouts = Layouts.of([given])
    found = runs.steps(layouts)
    score, memory = float(found.time[0] / runs.sequences(layouts)[0]), float(found.used[0])
    row = np.asarray([getattr(layouts, axis)[0] for axis in AXES])
    return Value(1, int(found.fits[0]), memory, score, memory, row)


def _alternatives(
    runs: Tries, tally: Tally, given: TrainingLayout | None, seen: list[tuple[str, str, Value]]
) -> Iterator[Alternative]:
    """What was seen, compared with the winner; all layouts are computed at once, the given one first."""
    some = [value.row for axis, _, value in seen if axis != "plan" and len(value.row)]
    best = placed(np.stack([tally.rows[-1], *some]), runs.kept)
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
    if axis in WORDS:
        return WORDS[axis][place]
    if axis == "shard":
        return "hybrid" if place else "all"
    if axis == "offload":
        return " and ".join(what for bit, what in enumerate(OFFLOADS) if place >> bit & 1) or "none"
    return str(place)

"""In which order a pipeline rank runs its passes, schedule by schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from firstlight.errors import UsageError
from firstlight.twin.protocols import Floats


class Pass(NamedTuple):
    """A micro-batch through one model chunk of a rank."""

    backward: bool
    chunk: int
    micro_batch: int


Order = list[Pass]
Schedule = Callable[[int, int, int, int], Order]
"""Passes of a rank, in order, from: rank, stages, chunks of each, micro-batches."""


def one_forward_one_backward(rank: int, stages: int, _chunks: int, micro_batches: int) -> Order:
    """1F1B (PipeDream-Flush, arXiv 2006.09503): as many forward passes ahead as stages follow, then one of each."""
    ahead = min(stages - rank - 1, micro_batches)
    forward = [Pass(False, 0, index) for index in range(micro_batches)]
    backward = [Pass(True, 0, index) for index in range(micro_batches)]
    return _alternating(forward, backward, ahead)


def interleaved(rank: int, stages: int, chunks: int, micro_batches: int) -> Order:
    """Interleaved 1F1B (arXiv 2104.04473): groups of micro-batches pass one chunk after the other.

    Warm-up of (v - 1) g + 2 (p - rank - 1) passes in groups of g, as Megatron-Core 0.15 runs it
    (pipeline_parallel/schedules.py).
    """
    group = group_size(stages, micro_batches)
    ahead = min((chunks - 1) * group + 2 * (stages - rank - 1), chunks * micro_batches)
    table = [
        (chunk, index)
        for first in range(0, micro_batches, group)
        for chunk in range(chunks)
        for index in range(first, min(first + group, micro_batches))
    ]
    forward = [Pass(False, chunk, index) for chunk, index in table]
    backward = [Pass(True, chunks - 1 - chunk, index) for chunk, index in table]
    return _alternating(forward, backward, ahead)


def group_size(stages: int, micro_batches: int) -> int:
    """Micro-batches that an interleaved schedule takes through a chunk before the next: the fewest that leave none over
    or enough for all stages, without which the last group would wait for itself."""
    sizes = range(stages, micro_batches + 1)
    return next((g for g in sizes if micro_batches % g == 0 or micro_batches % g >= stages), stages)


def gpipe(_rank: int, _stages: int, _chunks: int, micro_batches: int) -> Order:
    """GPipe (arXiv 1811.06965): all forward passes, then all backward passes."""
    return [Pass(way, 0, index) for way in (False, True) for index in range(micro_batches)]


SCHEDULES: dict[str, Schedule] = {"1f1b": one_forward_one_backward, "interleaved": interleaved, "gpipe": gpipe}
"""Schedules by name; a further one goes here."""


def schedule_of(chunks: int, name: str = "1f1b") -> str:
    """The schedule of a pipeline with so many chunks for each stage.

    Raises:
        UsageError: it takes backward passes apart, or two directions at once, which no order here does.
    """
    if name not in SCHEDULES:
        raise UsageError(f"no timeline shows the passes of schedule {name}; those of {', '.join(SCHEDULES)} it does")
    return "interleaved" if chunks > 1 else name


def _alternating(forward: Order, backward: Order, ahead: int) -> Order:
    order = forward[:ahead]
    for one, other in zip(forward[ahead:], backward, strict=False):
        order += [one, other]
    return order + backward[len(forward) - ahead :]


def starts(orders: Sequence[Order], chunks: int, forward: Floats, backward: Floats) -> list[list[float]]:
    """When each pass of each rank starts [s], as soon as its rank is free and its input is there.

    Args:
        orders: of each rank (p).
        chunks: of each stage.
        forward, backward: time of a pass on each rank [s] (p,).

    Raises:
        ValueError: passes that wait for each other for ever.
    """
    stages, last = len(orders), len(orders) * chunks - 1
    ended: dict[tuple[bool, int, int], float] = {}
    found: list[list[float]] = [[] for _ in orders]
    free, waiting = [0.0] * stages, [*range(stages)]
    while waiting:
        before = sum(map(len, found))
        for rank in waiting:
            order, own = orders[rank], found[rank]
            while len(own) < len(order):
                one = order[len(own)]
                place = one.chunk * stages + rank
                ready = _ready(one, place, last, ended)
                if ready is None:
                    break
                own.append(max(free[rank], ready))
                free[rank] = own[-1] + float((backward if one.backward else forward)[rank])
                ended[one.backward, place, one.micro_batch] = free[rank]
        waiting = [rank for rank in waiting if len(found[rank]) < len(orders[rank])]
        if waiting and sum(map(len, found)) == before:
            raise ValueError(f"the passes of ranks {waiting} wait for each other")
    return found


def _ready(one: Pass, place: int, last: int, ended: dict[tuple[bool, int, int], float]) -> float | None:
    """When the input of a pass is there; None while that is not known."""
    if not one.backward:
        return 0.0 if place == 0 else ended.get((False, place - 1, one.micro_batch))
    own = ended.get((False, place, one.micro_batch))
    return own if place == last or own is None else ended.get((True, place + 1, one.micro_batch))

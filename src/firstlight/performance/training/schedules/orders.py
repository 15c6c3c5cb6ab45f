"""In which order a pipeline rank runs its passes, schedule by schedule."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from firstlight.spec.design import TrainingLayout
from firstlight.twin.protocols import Floats

Kind = Literal["forward", "backward", "inputs", "weights"]
"""Forward; the whole backward pass, or apart the gradients of the inputs and of the weights."""


class Pass(NamedTuple):
    """A micro-batch through one chunk of the model; chunks are counted in the model's order.

    `paired` passes are computed side by side with the next one, and both end together.
    """

    kind: Kind
    chunk: int
    micro_batch: int
    paired: bool = False


Order = list[Pass]
Schedule = Callable[[int, int, int, int], Order]
"""Passes of a rank, in order, from: rank, stages, chunks of each, micro-batches."""


def gpipe(rank: int, _stages: int, _chunks: int, micro_batches: int) -> Order:
    """All forward passes, then all backward passes (GPipe, arXiv 1811.06965)."""
    kinds: tuple[Kind, Kind] = ("forward", "backward")
    return [Pass(kind, rank, index) for kind in kinds for index in range(micro_batches)]


def one_forward_one_backward(rank: int, stages: int, _chunks: int, micro_batches: int) -> Order:
    """1F1B (PipeDream-Flush, arXiv 2006.09503): as many forward passes ahead as stages follow, then one of each."""
    ahead = min(stages - rank - 1, micro_batches)
    forward = [Pass("forward", rank, index) for index in range(micro_batches)]
    backward = [Pass("backward", rank, index) for index in range(micro_batches)]
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
    forward = [Pass("forward", chunk * stages + rank, index) for chunk, index in table]
    backward = [Pass("backward", (chunks - 1 - chunk) * stages + rank, index) for chunk, index in table]
    return _alternating(forward, backward, ahead)


def zero_bubble(rank: int, stages: int, _chunks: int, micro_batches: int) -> Order:
    """ZB-H1 (arXiv 2401.10241): gradients of the weights wait, on each rank for one micro-batch more than before it."""
    ahead = min(stages - rank, micro_batches)
    order = [Pass("forward", rank, index) for index in range(ahead)]
    for index in range(micro_batches):
        order.append(Pass("inputs", rank, index))
        if index >= rank:
            order.append(Pass("weights", rank, index - rank))
        if index + ahead < micro_batches:
            order.append(Pass("forward", rank, index + ahead))
    return order + [Pass("weights", rank, index) for index in range(max(micro_batches - rank, 0), micro_batches)]


def dualpipe(rank: int, stages: int, _chunks: int, micro_batches: int) -> Order:
    """DualPipe (arXiv 2412.19437, section 3.2.1): even micro-batches enter at the first rank, odd ones at the last.

    "Near" is the end of the pipeline that a rank is closer to. Forward passes of the near end alone, then of both ends;
    backward passes of the far end with their weight gradients apart; forward and backward passes of opposite ends in
    turn; and backward passes of both ends, whose last weight gradients fill the bubble.
    """
    return _Dual(rank, stages).order(micro_batches)


class _Dual:
    """The passes of one rank of a DualPipe, as they are put down."""

    def __init__(self, rank: int, stages: int):
        self.near = int(rank >= stages // 2)
        self.chunks = (rank, stages - 1 - rank)
        self.depth = min(self.chunks)
        self.alone, self.stages = stages // 2 - self.depth - 1, stages
        self.put: Order = []
        self.done = {(kind, side): 0 for kind in ("forward", "backward") for side in (0, 1)}
        self.waiting: deque[Pass] = deque()

    def order(self, micro_batches: int) -> Order:
        both = self.depth + 1
        for _ in range(2 * self.alone):
            self._forward(0)
        for _ in range(both):
            self._forward(0)
            self._forward(1)
        for _ in range(self.alone):
            self._backward(1, apart=True)
            self._weights()
            self._forward(1)
        for _ in range(micro_batches // 2 - self.stages + both):
            self._pair(0, 1)
            self._pair(1, 0)
        for _ in range(self.alone):
            self._backward(1)
            self._pair(1, 0)
        for index in range(both):
            late = index >= both // 2
            self._backward(1, apart=late and (index > both // 2 or both % 2 == 0))
            self._backward(0, apart=late)
        for _ in range(self.alone):
            self._weights()
            self._backward(0, apart=True)
        while self.waiting:
            self._weights()
        return self.put

    def _next(self, kind: Kind, side: int) -> Pass:
        """The next micro-batch of a side: 0 is the near end; even ones enter at the first rank, odd at the last."""
        end = side ^ self.near
        self.done[kind, side] += 1
        return Pass(kind, self.chunks[end], 2 * (self.done[kind, side] - 1) + end)

    def _forward(self, side: int) -> None:
        self.put.append(self._next("forward", side))

    def _backward(self, side: int, *, apart: bool = False) -> None:
        whole = self._next("backward", side)
        self.put.append(whole._replace(kind="inputs") if apart else whole)
        if apart:
            self.waiting.append(whole._replace(kind="weights"))

    def _pair(self, forward: int, backward: int) -> None:
        self.put.append(self._next("forward", forward)._replace(paired=True))
        self._backward(backward)

    def _weights(self) -> None:
        if self.waiting:
            self.put.append(self.waiting.popleft())


def group_size(stages: int, micro_batches: int) -> int:
    """Micro-batches that an interleaved schedule takes through a chunk before the next: the fewest that leave none over
    or enough for all stages, without which the last group would wait for itself."""
    sizes = range(stages, micro_batches + 1)
    return next((g for g in sizes if micro_batches % g == 0 or micro_batches % g >= stages), stages)


SCHEDULES: dict[str, Schedule] = {
    "1f1b": one_forward_one_backward, "interleaved": interleaved, "gpipe": gpipe, "zero-bubble": zero_bubble,
    "dualpipe": dualpipe,
}  # fmt: skip
"""Schedules by name; a further one goes here."""


def schedule_of(layout: TrainingLayout) -> str:
    """The key of a layout's schedule."""
    return "interleaved" if layout.schedule == "1f1b" and layout.interleave > 1 else layout.schedule


def _alternating(forward: Order, backward: Order, ahead: int) -> Order:
    order = forward[:ahead]
    for one, other in zip(forward[ahead:], backward, strict=False):
        order += [one, other]
    return order + backward[len(forward) - ahead :]


def starts(orders: Sequence[Order], chunks: int, times: Mapping[Kind, Floats]) -> list[list[float]]:
    """When each pass of each rank starts [s], as soon as its rank is free and its input is there.

    Args:
        orders: of each rank (p).
        chunks: of the whole model.
        times: of a pass on each rank, by kind [s] (p,).

    Raises:
        ValueError: passes that wait for each other for ever.
    """
    ended: dict[tuple[bool, int, int], float] = {}
    found: list[list[float]] = [[] for _ in orders]
    free, waiting = [0.0] * len(orders), [*range(len(orders))]
    while waiting:
        before = sum(map(len, found))
        for rank in waiting:
            order, own = orders[rank], found[rank]
            while len(own) < len(order):
                one = order[len(own)]
                block = order[len(own) : len(own) + 1 + one.paired]
                ready = [_ready(each, chunks - 1, ended) for each in block]
                known = [time for time in ready if time is not None]
                if len(known) < len(block):
                    break
                own.append(max(free[rank], *known))
                free[rank] = own[-1] + float(times[one.kind][rank])
                if one.kind != "weights":
                    rest = sum(float(times[each.kind][rank]) for each in block[1:])
                    ended[one.kind != "forward", one.chunk, one.micro_batch] = free[rank] + rest
        waiting = [rank for rank in waiting if len(found[rank]) < len(orders[rank])]
        if waiting and sum(map(len, found)) == before:
            raise ValueError(f"the passes of ranks {waiting} wait for each other")
    return found


def _ready(one: Pass, last: int, ended: Mapping[tuple[bool, int, int], float]) -> float | None:
    """When the input of a pass is there; None while that is not known."""
    if one.kind == "forward":
        return 0.0 if one.chunk == 0 else ended.get((False, one.chunk - 1, one.micro_batch))
    if one.kind == "weights":
        return ended.get((True, one.chunk, one.micro_batch))
    own = ended.get((False, one.chunk, one.micro_batch))
    return own if one.chunk == last or own is None else ended.get((True, one.chunk + 1, one.micro_batch))

"""Passes of a pipeline, each as soon as its rank is free and its input is there: the oracle for schedules' formulas.

A pass is (kind, micro-batch, place): F forward, A the whole backward, or apart B gradient of the inputs and W gradient
of the weights; `place` counts the chunks of the model in order. A rank runs blocks of one pass, or of two that are
computed side by side and end together.
"""

from __future__ import annotations

from collections.abc import Callable

Pass = tuple[str, int, int]
Order = list[tuple[Pass, ...]]


def _apart(orders: list[list[Pass]]) -> list[Order]:
    return [[(one,) for one in order] for order in orders]


def gpipe(stages: int, micro: int) -> list[Order]:
    """All forwards, then all backwards."""
    return _apart([[(kind, j, i) for kind in "FA" for j in range(micro)] for i in range(stages)])


def one_forward_one_backward(stages: int, micro: int) -> list[Order]:
    """As many forwards ahead as stages follow, then one of each."""
    orders: list[list[Pass]] = []
    for i in range(stages):
        ahead = min(stages - i - 1, micro)
        order: list[Pass] = [("F", j, i) for j in range(ahead)]
        for j in range(micro):
            order += [("F", j + ahead, i)] * (j + ahead < micro) + [("A", j, i)]
        orders.append(order)
    return _apart(orders)


def interleaved(stages: int, chunks: int, micro: int) -> list[Order]:
    """Groups of as many micro-batches as stages pass one chunk after the other (micro-batches divide by stages)."""
    table = [(first + j, c) for first in range(0, micro, stages) for c in range(chunks) for j in range(stages)]
    orders: list[list[Pass]] = []
    for i in range(stages):
        forward = [("F", j, c * stages + i) for j, c in table]
        backward = [(j, (chunks - 1 - c) * stages + i) for j, c in table]
        ahead = min(2 * (stages - i - 1) + (chunks - 1) * stages, len(table))
        order: list[Pass] = forward[:ahead]
        for k, (j, place) in enumerate(backward):
            order += [*forward[ahead + k : ahead + k + 1], ("A", j, place)]
        orders.append(order)
    return _apart(orders)


def zero_bubble(stages: int, micro: int) -> list[Order]:
    """1F1B whose weight gradients wait: stage i runs them i micro-batches late, and the rest at the end (ZB-H1)."""
    orders: list[list[Pass]] = []
    for i in range(stages):
        ahead = min(stages - i, micro)
        order: list[Pass] = [("F", j, i) for j in range(ahead)]
        for j in range(micro):
            order += [("B", j, i)] + [("W", j - i, i)] * (j >= i) + [("F", j + ahead, i)] * (j + ahead < micro)
        orders.append(order + [("W", j, i) for j in range(max(micro - i, 0), micro)])
    return _apart(orders)


def dualpipe(stages: int, micro: int) -> list[Order]:
    """Two pipelines head to head: even micro-batches enter at rank 0, odd ones at the last rank.

    A rank near one end first runs forwards of its near end alone, then of both ends, then backwards of the far end with
    their weight gradients and forwards; the main phase alternates a forward of one end with a backward of the other;
    the end drains the same way with weight gradients last (DeepSeek-V3 report, figure 5).
    """
    return [_dual_rank(rank, stages, micro) for rank in range(stages)]


def _dual_rank(rank: int, stages: int, micro: int) -> Order:
    near, half = int(rank >= stages // 2), stages // 2
    depth = min(rank, stages - 1 - rank)
    order: Order = []
    done = {"F0": 0, "F1": 0, "A0": 0, "A1": 0}
    late: list[Pass] = []

    def one(kind: str, side: int) -> Pass:
        end = side ^ near
        place = rank if end == 0 else stages - 1 - rank
        done[f"{kind}{side}"] += 1
        return kind, 2 * (done[f"{kind}{side}"] - 1) + end, place

    def run(kind: str, side: int, *, split: bool = False) -> None:
        _, j, place = one(kind, side)
        order.append((("B" if split else kind, j, place),))
        if split:
            late.append(("W", j, place))

    for _ in range(2 * (half - depth - 1)):
        run("F", 0)
    for _ in range(depth + 1):
        run("F", 0)
        run("F", 1)
    for _ in range(half - depth - 1):
        run("A", 1, split=True)
        order.append((late.pop(0),))
        run("F", 1)
    for _ in range(micro // 2 - stages + depth + 1):
        order.append((one("F", 0), one("A", 1)))
        order.append((one("F", 1), one("A", 0)))
    for _ in range(half - depth - 1):
        run("A", 1)
        order.append((one("F", 1), one("A", 0)))
    for i in range(depth + 1):
        split = i >= (depth + 1) // 2
        run("A", 1, split=split and (i > (depth + 1) // 2 or depth % 2 == 1))
        run("A", 0, split=split)
    for _ in range(half - depth - 1):
        if late:
            order.append((late.pop(0),))
        run("A", 0, split=True)
    return order + [(each,) for each in late]


def finished(orders: list[Order], time: Callable[[str, int], float]) -> float:
    """When the last pass of all ranks is over.

    Args:
        orders: of each rank.
        time: of a pass, from its kind and place.
    """
    places = 1 + max(place for order in orders for block in order for _, _, place in block)
    done: dict[Pass, float] = {}
    free, at = [0.0] * len(orders), [0] * len(orders)
    left = sum(map(len, orders))
    while left:
        before = left
        for rank, order in enumerate(orders):
            while at[rank] < len(order):
                block = order[at[rank]]
                needed = [each for one in block for each in _needed(*one, places)]
                if any(each not in done for each in needed):
                    break
                start = max([free[rank], *(done[each] for each in needed)])
                free[rank] = start + sum(time(kind, place) for kind, _, place in block)
                done |= {("B" if kind == "A" else kind, j, place): free[rank] for kind, j, place in block}
                at[rank], left = at[rank] + 1, left - 1
        assert left < before, "passes wait for each other"
    return max(free)


def _needed(kind: str, j: int, place: int, places: int) -> list[Pass]:
    if kind == "W":
        return [("B", j, place)]
    if kind == "F":
        return [("F", j, place - 1)] if place else []
    return [("F", j, place), *([("B", j, place + 1)] if place + 1 < places else [])]


def held(order: Order) -> int:
    """Activations that a rank holds at most: from a forward pass until the gradient of the weights is there."""
    most = now = 0
    for kind, _, _ in (one for block in order for one in block):
        now += (kind == "F") - (kind in "AW")
        most = max(most, now)
    return most

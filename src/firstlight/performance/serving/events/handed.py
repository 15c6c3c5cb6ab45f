"""Two worlds side by side, compiled: what the first has read is handed to the second, whose ends set others free.

An end in one world is told by a messenger: a follower of each request, which comes when the request may go on and is
never sent to a replica.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from firstlight.performance.serving.events.engine import change, complete, dice, send
from firstlight.performance.serving.events.heap import jit, pop, push
from firstlight.performance.serving.events.requests import Requests
from firstlight.performance.serving.events.world import IDLE, Rule, World
from firstlight.twin.protocols import Floats


def with_messengers(requests: Requests, pause: Floats) -> Requests:
    """Requests, and behind them a messenger of each, a pause after its end [s] [n]; no other follows."""
    n, none = len(requests), np.zeros(len(requests), np.int64)
    one = np.ones(n, np.int64)
    return replace(
        requests, arrival=np.append(requests.arrival, np.zeros(n)), prompt=np.append(requests.prompt, one),
        answer=np.append(requests.answer, one), cached=np.append(requests.cached, none),
        pause=np.append(np.zeros(n), pause), waits=np.append(none, one),
        successors=np.append(np.arange(n), np.full(n + 1, n)), followers=n + np.arange(n),
        affinity=np.append(requests.affinity, none),
    )  # fmt: skip


@jit
def both(
    first: World, reads: Rule, second: World, writes: Rule, seed: int, arrival: Any, answer: Any, left: Any, pause: Any,
    successors: Any, followers: Any,
) -> int:  # fmt: skip
    """Play all requests through both worlds; the times stand in these. Returns how many events that took.

    Args:
        arrival, answer, pause: of the requests [n]. left: others that each still waits for [n]; counted down.
        successors, followers: see `Requests`.
    """
    states = dice(seed), dice(seed + 1)
    n, events = len(arrival), 0
    for q in range(n):
        if left[q] == 0:
            first.sizes[0] = push(first.free_key, first.free_item, first.sizes[0], arrival[q], q)
    while True:
        now, later = _next(first), _next(second)
        if now == IDLE and later == IDLE:
            return events
        events += 1
        ended = -1
        if now <= later:
            q = _event(first, reads, states[0], n)
            if q >= 0:
                there = first.req[q].first + first.req[n + q].pause  # through all stages of a pipeline
                if there > now:
                    first.sizes[0] = push(first.free_key, first.free_item, first.sizes[0], there, n + q)
                elif answer[q] > 1:
                    second.sizes[0] = push(second.free_key, second.free_item, second.sizes[0], now, q)
                else:
                    ended = q
        else:
            now = later
            ended = _event(second, writes, states[1], n)
        if ended >= 0:
            for f in range(successors[ended], successors[ended + 1]):
                after = followers[f]
                left[after] -= 1
                if left[after] == 0:
                    comes = max(now + pause[after], arrival[after])
                    first.sizes[0] = push(first.free_key, first.free_item, first.sizes[0], comes, after)


@jit
def _next(w: World) -> float:
    """Time of the next arrival or end of a pass [s]; changes alone let nothing happen."""
    return min(w.free_key[0] if w.sizes[0] > 0 else IDLE, w.when[w.heap[0]])


@jit
def _event(w: World, rule: Rule, state: Any, n: int) -> int:
    """The next event of a world, as `engine.play` has it; the request whose messenger came, or -1."""
    arrives = w.free_key[0] if w.sizes[0] > 0 else IDLE
    r = w.heap[0]
    if w.sizes[4] < len(w.change_at) and w.change_at[w.sizes[4]] <= min(arrives, w.when[r]):
        change(w, rule)
    elif arrives <= w.when[r]:
        q = w.free_item[0]
        w.sizes[0] = pop(w.free_key, w.free_item, w.sizes[0])
        if q >= n:
            return q - n
        send(w, rule, q, state, arrives)
    else:
        complete(w, rule, r, w.when[r])
    return -1

"""What replicas keep of prompts that they have read: blocks in tiers, of which the least recently used go down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from firstlight.performance.serving.events.heap import jit
from firstlight.performance.serving.events.requests import Requests

NOWHERE = -1


@dataclass(frozen=True)
class Tiers:
    """Where a replica keeps blocks of prompts, the fastest tier first.

    Attributes:
        rooms: tokens that each holds. seconds: to bring a token from it to the accelerators [s].
    """

    rooms: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()


class Kept(NamedTuple):
    """Blocks of all replicas, as compiled functions share them.

    Attributes:
        blocks, begins: those of request i are blocks[begins[i]:begins[i + 1]], from the beginning of its prompt on.
        size: tokens of a block [1].
        tier: of each block on each replica, `NOWHERE` where it is not kept [r, blocks].
        before, behind: its neighbours in the tier's order, the last used first [r, blocks].
        first, last, count: of each tier [r, tiers].
        most: blocks that a tier holds [tiers]. seconds: see `Tiers`. found: tokens that were found in each [tiers].
    """

    blocks: Any
    begins: Any
    size: Any
    tier: Any
    before: Any
    behind: Any
    first: Any
    last: Any
    count: Any
    most: Any
    seconds: Any
    found: Any


def empty(requests: Requests, replicas: int, tiers: Tiers) -> Kept:
    """Replicas that have read nothing yet."""
    number = len(tiers.rooms)
    some = int(requests.blocks.max()) + 1 if number and len(requests.blocks) else 0
    return Kept(
        requests.blocks, requests.begins, np.array([requests.block]),
        np.full((replicas, some), NOWHERE, np.int8),
        np.full((replicas, some), NOWHERE, np.int32), np.full((replicas, some), NOWHERE, np.int32),
        np.full((replicas, number), NOWHERE, np.int32), np.full((replicas, number), NOWHERE, np.int32),
        np.zeros((replicas, number), np.int64),
        np.array([int(room // requests.block) for room in tiers.rooms], np.int64),
        np.array(tiers.seconds, np.float64), np.zeros(number),
    )  # fmt: skip


@jit
def find(k: Kept, r: int, q: int, prompt: int) -> tuple[int, float]:
    """Tokens of a prompt that a replica keeps, and the time to bring them [s]; all of its blocks were now used."""
    tokens, seconds = 0, 0.0
    for i in range(k.begins[q], k.begins[q + 1]):
        t = k.tier[r, k.blocks[i]]
        if t == NOWHERE or tokens >= prompt:
            break
        more = min(k.size[0], prompt - tokens)
        tokens += more
        seconds += more * k.seconds[t]
        k.found[t] += more
    for i in range(k.begins[q + 1] - 1, k.begins[q] - 1, -1):  # the beginning of a prompt goes last
        use(k, r, k.blocks[i])
    return tokens, seconds


@jit
def known(k: Kept, r: int, q: int) -> int:
    """Blocks from the beginning of a prompt that a replica keeps."""
    for i in range(k.begins[q], k.begins[q + 1]):
        if k.tier[r, k.blocks[i]] == NOWHERE:
            return i - k.begins[q]
    return k.begins[q + 1] - k.begins[q]


@jit
def use(k: Kept, r: int, block: int) -> None:
    """A block is the last used of its replica; what is then too much in a tier goes down."""
    if k.tier[r, block] != NOWHERE:
        take(k, r, block)
    put(k, r, 0, block)
    for t in range(len(k.most)):
        if k.count[r, t] <= k.most[t]:
            return
        oldest = k.last[r, t]
        take(k, r, oldest)
        if t + 1 < len(k.most):
            put(k, r, t + 1, oldest)


@jit
def take(k: Kept, r: int, block: int) -> None:
    """Out of its tier."""
    t, before, behind = k.tier[r, block], k.before[r, block], k.behind[r, block]
    if before == NOWHERE:
        k.first[r, t] = behind
    else:
        k.behind[r, before] = behind
    if behind == NOWHERE:
        k.last[r, t] = before
    else:
        k.before[r, behind] = before
    k.tier[r, block] = NOWHERE
    k.count[r, t] -= 1


@jit
def put(k: Kept, r: int, t: int, block: int) -> None:
    """To the front of a tier."""
    first = k.first[r, t]
    k.tier[r, block], k.before[r, block], k.behind[r, block] = t, NOWHERE, first
    if first == NOWHERE:
        k.last[r, t] = block
    else:
        k.before[r, first] = block
    k.first[r, t] = block
    k.count[r, t] += 1


@jit
def forget(k: Kept, r: int) -> None:
    """A replica has lost everything."""
    for t in range(len(k.most)):
        while k.first[r, t] != NOWHERE:
            take(k, r, k.first[r, t])

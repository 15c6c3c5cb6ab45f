"""Which replica a request goes to."""

from __future__ import annotations

from typing import Any

import numpy as np

from firstlight.performance.serving.events.heap import jit
from firstlight.performance.serving.events.prefix import known
from firstlight.performance.serving.events.world import World

ROUND_ROBIN, LEAST_LOADED, POWER_OF_TWO, AFFINITY = range(4)
SLACK = 1.25
"""A replica with a session's prefix keeps it up to this many times the mean load (consistent hashing with bounded
loads, Mirrokni et al., SODA 2018)."""


@jit
def route(w: World, router: int, q: int, state: Any) -> int:
    """Replica of a request, of those that requests come to; there is one."""
    replicas = len(w.load)
    if router == ROUND_ROBIN:
        r = w.sizes[2]
        while w.rep[r].up == 0:
            r = (r + 1) % replicas
        w.sizes[2] = (r + 1) % replicas
        return r
    if router == LEAST_LOADED:
        return w.l_heap[0]
    r = draw(state, replicas)
    if router == POWER_OF_TWO:
        other = draw(state, replicas)
        r = other if w.load[other] < w.load[r] else r
        return r if w.rep[r].up else w.l_heap[0]
    if len(w.kept.most) > 0:
        return nearest(w, q)
    if w.req[q].affinity >= 0:
        r = w.req[q].affinity % replicas
    return r if w.load[r] <= SLACK * w.sizes[3] / w.sizes[5] + 1.0 else w.l_heap[0]


@jit
def nearest(w: World, q: int) -> int:
    """Of the replicas with little more than their share, the one that keeps the most of a prompt; of equals the one
    with the fewest requests (as the cache-aware routers of SGLang, llm-d and Dynamo)."""
    best, most = w.l_heap[0], 0
    for r in range(len(w.load)):
        if w.load[r] <= SLACK * w.sizes[3] / w.sizes[5] + 1.0:  # never one to which none come
            blocks = known(w.kept, r, q)
            if blocks > most or (blocks == most and w.load[r] < w.load[best]):
                best, most = r, blocks
    return best


@jit
def draw(state: Any, below: int) -> int:
    """A whole number below `below` (xorshift64*, Vigna, ACM TOMS 2016)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return int((x * np.uint64(2685821657736338717)) >> np.uint64(33)) % below

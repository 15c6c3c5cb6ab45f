"""Requests of a trace, and what a prefix cache would hold of their prompts."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.performance.serving.events.requests import Requests
from firstlight.spec.traces import Trace


def traced(trace: Trace, *, speed: float = 1.0, cache: float = 0.0) -> Requests:
    """The requests of a trace.

    Args:
        trace: of a file.
        speed: how many times as fast they come.
        cache: tokens that a prefix cache holds, where the trace has the hashes of its blocks; 0: there is none.

    Raises:
        UsageError: a speed that is not above zero, or a cache for a trace without hashes.
    """
    if speed <= 0:
        raise UsageError(f"a trace is played at a speed above zero, not {speed:g}")
    if cache and trace.blocks is None:
        raise UsageError(f"{trace.path} has no hashes of blocks, so a prefix cache has no effect; leave it out")
    hits = cached_tokens(trace, cache) if cache else np.zeros(len(trace), np.int64)
    roots = np.array([blocks[0] if blocks else -1 for blocks in trace.blocks or ()] or [-1] * len(trace))
    return Requests.of(trace.arrival / speed, trace.prompt, trace.answer, cached=hits, affinity=roots)


def cached_tokens(trace: Trace, room: float) -> NDArray[np.int64]:
    """Tokens of each prompt that a cache of `room` tokens holds when the requests come one after the other [n].

    Blocks that were used longest ago go first (LRU), as in the caches of vLLM, SGLang and Mooncake.
    """
    kept: OrderedDict[int, None] = OrderedDict()
    most, hits = int(room // trace.block), np.zeros(len(trace), np.int64)
    for request, blocks in enumerate(trace.blocks or ()):
        leading = next((i for i, block in enumerate(blocks) if block not in kept), len(blocks))
        hits[request] = min(leading * trace.block, int(trace.prompt[request]))
        for block in blocks:
            kept[block] = None
            kept.move_to_end(block)
        while len(kept) > most:
            kept.popitem(last=False)
    return hits

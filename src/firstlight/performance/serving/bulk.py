"""Requests without clients: all queued at once, or one batch that begins and ends together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.serving.batching import prompt_cost
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.loops import capacity
from firstlight.performance.serving.step import decode_parts, prefill_time
from firstlight.twin.protocols import Floats


def queued(case: Case, requests: ArrayLike) -> Floats:
    """Output tokens per second of a replica that has all its requests at once [1/s] (..., n).

    As many as the cache holds are decoded; each that ends makes room for the next, whose prompt the engine reads in
    between. The last wave drains: of W waves the replica is full for W / (W + drain).
    """
    requests = np.asarray(requests, dtype=float)
    held = np.minimum(capacity(case), np.maximum(requests, 1.0))
    step = sum(decode_parts(case, held).values(), np.zeros(len(case.layouts)))
    cycle = np.maximum(case.further, 1.0) * step + held * prompt_cost(case)
    waves = np.maximum(requests / held, 1.0)
    return held * case.answer / cycle * waves / (waves + case.a["performance.serving_drain"])


def together(case: Case, batch: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """A batch that begins and ends together: time of its prompts, of one step, and of all [s] (..., n)."""
    batch = np.asarray(batch, dtype=float)
    ranks = case.layouts.data * case.layouts.pipeline
    first = prefill_time(case, np.maximum(batch / ranks, 1.0))
    step = sum(decode_parts(case, batch).values(), np.zeros(len(case.layouts)))
    return first, step, first + case.further * step

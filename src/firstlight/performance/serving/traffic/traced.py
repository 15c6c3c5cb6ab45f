"""Requests of a trace."""

from __future__ import annotations

import numpy as np

from firstlight.errors import UsageError
from firstlight.performance.serving.events.requests import Requests
from firstlight.spec.traces import Trace


def traced(trace: Trace, *, speed: float = 1.0) -> Requests:
    """The requests of a trace, with the hashes of their blocks where it has them.

    Args:
        trace: of a file.
        speed: how many times as fast they come.

    Raises:
        UsageError: a speed that is not above zero.
    """
    if speed <= 0:
        raise UsageError(f"a trace is played at a speed above zero, not {speed:g}")
    blocks = trace.blocks or ()
    roots = np.array([one[0] if one else -1 for one in blocks] or [-1] * len(trace))
    return Requests.of(
        trace.arrival / speed, trace.prompt, trace.answer, affinity=roots, blocks=blocks, block=trace.block
    )

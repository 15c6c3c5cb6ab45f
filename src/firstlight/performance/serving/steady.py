"""Replicas in steady state, as the laws of batching and of pools give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.serving.layer import Parts
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class Flow:
    """Replicas in steady state with given numbers of requests being decoded; arrays (..., n).

    Attributes:
        batch: requests decoded at once.
        step: one decode step [s]; parts: where it goes.
        per_token: time per further token that a user sees [s].
        first_token: time to the first token [s].
        within: both times, in that order, that the wanted share of the requests stays within [s]; see `Case.share`.
        rate: requests per second of the replica [1/s].
        filling, decoding: shares of the accelerators' time that prefill and decode steps take.
    """

    batch: Floats
    step: Floats
    parts: Parts
    per_token: Floats
    first_token: Floats
    within: tuple[Floats, Floats]
    rate: Floats
    filling: Floats
    decoding: Floats

    @property
    def shown(self) -> dict[str, float]:
        """Parts of the step of the first layout and batch that take any time [s]."""
        parts = {name: float(np.ravel(time)[0]) for name, time in self.parts.items()}
        return {name: time for name, time in parts.items() if time > 0}


Law = Callable[[Floats, float], Flow]
"""The flow of some layouts at given batches and a rate that is offered to a replica [1/s] (infinite: a closed loop)."""


def choose(where: NDArray[np.bool_], one: Flow, other: Flow) -> Flow:
    """Of two flows, one where it says so (..., n)."""
    parts = {name: np.where(where, one.parts[name], other.parts[name]) for name in one.parts}
    first, token = (np.where(where, *pair) for pair in zip(one.within, other.within, strict=True))
    rest = {f.name: np.where(where, getattr(one, f.name), getattr(other, f.name)) for f in fields(Flow)
            if f.name not in ("parts", "within")}  # fmt: skip
    return Flow(parts=parts, within=(first, token), **rest)

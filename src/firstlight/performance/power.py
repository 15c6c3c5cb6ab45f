"""How much of the systems' power range the work uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from firstlight.errors import UsageError
from firstlight.performance.machine import Machine
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.protocols import Floats

KINDS = {
    "gemm": "compute", "attention": "compute", "head": "compute", "recompute": "compute", "teacher": "compute",
    "experts": "memory", "drafts": "memory",
    "elementwise": "memory", "optimizer": "memory", "weights": "memory", "cache": "memory", "state": "memory",
}  # fmt: skip
"""What a part of a step draws power like; every other part is like communication: links and launches, cores waiting."""


def utilisation(parts: Mapping[str, ArrayLike], busy: ArrayLike, a: Assumptions, cap: float = 1.0) -> Floats:
    """Mean share of (greatest - idle) power over time, between 0 and 1 (...).

    Args:
        parts: time of a step by part [s] (...); only their shares count.
        busy: share of the time, or of the accelerators, that works at all (...).
        cap: power limit, of the greatest power.

    Each part draws its kind's share of TDP: products like prefill, memory-bound work like decode, the rest like decode
    over many ranks, where links and launches take most of the time (measured, Splitwise, arXiv 2311.18677).
    """
    times = {name: np.asarray(time, dtype=float) for name, time in parts.items()}
    drawn = sum(time * min(draw(name, a), cap) for name, time in times.items()) / sum(times.values())
    idle = a["performance.power_idle"]
    return np.clip(np.asarray(busy) * (drawn - idle) / (1.0 - idle), 0.0, 1.0)


def draw(part: str, a: Assumptions) -> float:
    """What a part of a step draws of the greatest power."""
    return a[f"performance.power_{KINDS.get(part, 'communication')}"]


def capped(work: Machine, cap: float, a: Assumptions) -> Machine:
    """A machine whose power is limited to a share of its greatest.

    Whatever would draw more runs slower by (power left above idle / power drawn above idle)^power_limited, the exponent
    that training runs on chips of different power limits show; what draws less is not touched.

    Raises:
        UsageError: a cap that leaves nothing above idle power, or is above 1.
    """
    idle = a["performance.power_idle"]
    if not idle < cap <= 1.0:
        raise UsageError(f"a power cap lies above the idle {idle:.0%} and is at most 100 %, not {cap:.0%}")

    def speed(part: str) -> float:
        return float(min((cap - idle) / (draw(part, a) - idle), 1.0) ** a["performance.power_limited"])

    compute = speed("gemm")
    return replace(
        work, peak=work.peak * compute, peak16=work.peak16 * compute, exponentials=work.exponentials * compute,
        bandwidth=work.bandwidth * speed("cache"),
    )  # fmt: skip

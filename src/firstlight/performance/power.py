"""How much of the systems' power range the work uses."""

from __future__ import annotations

from collections.abc import Mapping

from firstlight.spec.assumptions import Assumptions

KINDS = {
    "gemm": "compute", "attention": "compute", "head": "compute", "recompute": "compute", "teacher": "compute",
    "experts": "memory",
    "elementwise": "memory", "optimizer": "memory", "weights": "memory", "cache": "memory", "state": "memory",
}  # fmt: skip
"""What a part of a step draws power like; every other part is like communication: links and launches, cores waiting."""


def utilisation(parts: Mapping[str, float], busy: float, a: Assumptions) -> float:
    """Mean share of (greatest - idle) power over time, between 0 and 1.

    Args:
        parts: time of a step by part [s]; only their shares count.
        busy: share of the time, or of the accelerators, that works at all.

    Each part draws its kind's share of TDP: products like prefill, memory-bound work like decode, the rest like decode
    over many ranks, where links and launches take most of the time (measured, Splitwise, arXiv 2311.18677).
    """
    total = sum(parts.values())
    draw = {name: a[f"performance.power_{KINDS.get(name, 'communication')}"] for name in parts}
    drawn = sum(time * draw[name] for name, time in parts.items()) / total
    idle = a["performance.power_idle"]
    return min(max(busy * (drawn - idle) / (1.0 - idle), 0.0), 1.0)

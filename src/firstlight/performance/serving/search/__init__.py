"""Every layout of a served model: the front of throughput against the speed that a user sees, and the best of it."""

from __future__ import annotations

from firstlight.performance.serving.search.found import (
    PACES,
    Machinery,
    Prices,
    ServingFront,
    ServingPoint,
    ServingSearch,
)
from firstlight.performance.serving.search.search import Asked, search

__all__ = ["PACES", "Asked", "Machinery", "Prices", "ServingFront", "ServingPoint", "ServingSearch", "search"]

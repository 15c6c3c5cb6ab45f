"""Traffic: streams of requests, traces, and inference-time compute whose requests wait for each other."""

from __future__ import annotations

from firstlight.performance.serving.traffic.compute import agents, best_of, deadlines, tree_search
from firstlight.performance.serving.traffic.streams import Lengths, bursty, closed_loop, day, poisson
from firstlight.performance.serving.traffic.traced import traced

__all__ = [
    "Lengths", "agents", "best_of", "bursty", "closed_loop", "day", "deadlines", "poisson", "traced",
    "tree_search",
]  # fmt: skip

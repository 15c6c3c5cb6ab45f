"""Which links flows take: hashed, sprayed, along rails, and around what is down."""

from __future__ import annotations

from firstlight.network.routing.failures import Failures, degraded, fail, rails_of
from firstlight.network.routing.hashed import hashes, reached, route
from firstlight.network.routing.lottery import Lottery, lottery
from firstlight.network.routing.rails import aligned, handed_over
from firstlight.network.routing.spray import spray

__all__ = [
    "Failures", "Lottery", "aligned", "degraded", "fail", "handed_over", "hashes", "lottery", "rails_of", "reached",
    "route", "spray",
]  # fmt: skip

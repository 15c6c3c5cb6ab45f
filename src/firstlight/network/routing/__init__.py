"""Which links flows take: hashed, sprayed, along rails, and around what is down."""

from __future__ import annotations

from firstlight.network.routing.failures import Failures, degraded, fail
from firstlight.network.routing.hashed import hashes, route
from firstlight.network.routing.lottery import Lottery, lottery
from firstlight.network.routing.rails import aligned
from firstlight.network.routing.spray import spray

__all__ = ["Failures", "Lottery", "aligned", "degraded", "fail", "hashes", "lottery", "route", "spray"]

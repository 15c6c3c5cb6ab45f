"""Replicas request by request: continuous batching that jumps from event to event, for one replica or a fleet."""

from __future__ import annotations

from firstlight.performance.serving.events.costs import StepCosts, step_costs
from firstlight.performance.serving.events.policy import ROUTERS, Policy, engine, engines
from firstlight.performance.serving.events.pools import in_two_pools
from firstlight.performance.serving.events.prefix import Tiers
from firstlight.performance.serving.events.requests import Requests
from firstlight.performance.serving.events.simulate import Served, simulate
from firstlight.performance.serving.events.world import BEGINS, FAILS, STOPS, Changes

__all__ = [
    "BEGINS", "FAILS", "ROUTERS", "STOPS", "Changes", "Policy", "Requests", "Served", "StepCosts", "Tiers", "engine",
    "engines", "in_two_pools", "simulate", "step_costs",
]  # fmt: skip

"""The schedule room: orders, build, commissioning, and the day of first light."""

from firstlight.schedule.build import UNBILLED
from firstlight.schedule.facts import BuildFacts, OrderItem
from firstlight.schedule.programme import programme

__all__ = ["UNBILLED", "BuildFacts", "OrderItem", "programme"]

"""The schedule room: orders, build, commissioning, and the day of first light."""

from firstlight.schedule.facts import BuildFacts, OrderItem
from firstlight.schedule.programme import programme

__all__ = ["BuildFacts", "OrderItem", "programme"]

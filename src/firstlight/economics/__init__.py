"""The economics room: what the factory costs to build and to run, and what its work costs."""

from firstlight.economics.facts import BuildingFacts, EnergyFacts, WorkloadFacts
from firstlight.economics.price import price

__all__ = ["BuildingFacts", "EnergyFacts", "WorkloadFacts", "price"]

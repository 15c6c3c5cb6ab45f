"""Jobs on a fabric: where they sit, what their collectives send, and how much longer that takes than on NICs alone."""

from __future__ import annotations

from firstlight.network.jobs.fabric import ROUTINGS, Fabric, Steering, Usage
from firstlight.network.jobs.placement import PLACES, Place, Units, order, units
from firstlight.network.jobs.strain import Strain, strain
from firstlight.network.jobs.wave import Wave, beside, exchange, handover, rails, ring, tree

__all__ = [
    "PLACES", "ROUTINGS", "Fabric", "Place", "Steering", "Strain", "Units", "Usage", "Wave", "beside", "exchange",
    "handover", "order", "rails", "ring", "strain", "tree", "units",
]  # fmt: skip

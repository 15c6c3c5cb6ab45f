"""How long collectives take on a fabric: latency plus bytes over bandwidth, level by level."""

from __future__ import annotations

from firstlight.network.collectives.congestion import Congestion
from firstlight.network.collectives.fabric import FITTED, FabricTime, bus_bandwidth, fabric_time
from firstlight.network.collectives.routed import Once, Tokens
from firstlight.network.collectives.tiers import Group, Tier

__all__ = ["FITTED", "Congestion", "FabricTime", "Group", "Once", "Tier", "Tokens", "bus_bandwidth", "fabric_time"]

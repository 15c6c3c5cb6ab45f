"""How long collectives take on a fabric: latency plus bytes over bandwidth, level by level."""

from __future__ import annotations

from firstlight.network.collectives.fabric import FabricTime, bus_bandwidth, fabric_time

__all__ = ["FabricTime", "bus_bandwidth", "fabric_time"]

"""The network room: topology, collectives, cables.

The doors of the room: `topology.build`, `collectives.fabric_time`, `cables.plan`, `describe`.
"""

from __future__ import annotations

from firstlight.network import cables, collectives, topology
from firstlight.network.describe import describe

__all__ = ["cables", "collectives", "describe", "topology"]

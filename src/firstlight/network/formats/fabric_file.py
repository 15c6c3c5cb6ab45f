"""A fabric as files have it: structure, latencies, and what is left of each link."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.network.topology.base import Switched
from firstlight.network.transport.fabric import Latency
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class FabricFile:
    """A fabric with what a packet simulator needs besides.

    Attributes:
        topology: structure.
        latency: of links and switches.
        share: of its capacity that each directed link has left, 0 where it is down [2 * links].
    """

    topology: Switched
    latency: Latency
    share: Floats

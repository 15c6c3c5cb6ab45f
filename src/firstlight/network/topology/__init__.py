"""Fabrics whose structure is arithmetic: nothing is stored per endpoint, switch or link."""

from __future__ import annotations

from firstlight.network.topology.base import Switched
from firstlight.network.topology.build import build
from firstlight.network.topology.clos import Clos
from firstlight.network.topology.rail import RailOnly, RailOptimised
from firstlight.network.topology.torus import Torus, compact

__all__ = ["Clos", "RailOnly", "RailOptimised", "Switched", "Torus", "build", "compact"]

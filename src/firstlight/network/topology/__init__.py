"""Fabrics whose structure is arithmetic: nothing is stored per endpoint, switch or link."""

from __future__ import annotations

from firstlight.network.topology.base import Switched
from firstlight.network.topology.build import build
from firstlight.network.topology.clos import Clos
from firstlight.network.topology.domains import Domains, Joined, joined, scale_up
from firstlight.network.topology.dragonfly import Dragonfly
from firstlight.network.topology.dual import DualTor
from firstlight.network.topology.hyperx import HyperX
from firstlight.network.topology.rail import RailOnly, RailOptimised
from firstlight.network.topology.sites import Sites
from firstlight.network.topology.slices import Circuits, Slices, circuits, slice_size
from firstlight.network.topology.slimfly import SlimFly
from firstlight.network.topology.torus import CUBE, Torus, compact

__all__ = [
    "CUBE",
    "Circuits",
    "Clos",
    "Domains",
    "Dragonfly",
    "DualTor",
    "HyperX",
    "Joined",
    "RailOnly",
    "RailOptimised",
    "Sites",
    "Slices",
    "SlimFly",
    "Switched",
    "Torus",
    "build",
    "circuits",
    "compact",
    "joined",
    "scale_up",
    "slice_size",
]

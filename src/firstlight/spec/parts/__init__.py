"""The kinds of part a catalogue holds."""

from __future__ import annotations

from firstlight.spec.parts.base import Part, Provenance
from firstlight.spec.parts.compute import Accelerator, Host, Nic, System
from firstlight.spec.parts.facility import (
    AirHandler,
    Battery,
    Cdu,
    Chiller,
    DryCooler,
    Generator,
    Rack,
    Transformer,
    Ups,
)
from firstlight.spec.parts.network import Cable, Switch, Transceiver

__all__ = [
    "Accelerator",
    "AirHandler",
    "Battery",
    "Cable",
    "Cdu",
    "Chiller",
    "DryCooler",
    "Generator",
    "Host",
    "Nic",
    "Part",
    "Provenance",
    "Rack",
    "Switch",
    "System",
    "Transceiver",
    "Transformer",
    "Ups",
]

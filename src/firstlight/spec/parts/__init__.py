"""The kinds of part a catalogue holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

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
    "KINDS",
    "Accelerator",
    "AirHandler",
    "AnyPart",
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

AnyPart = Annotated[
    Accelerator
    | AirHandler
    | Battery
    | Cable
    | Cdu
    | Chiller
    | DryCooler
    | Generator
    | Host
    | Nic
    | Rack
    | Switch
    | System
    | Transceiver
    | Transformer
    | Ups,
    Field(discriminator="kind"),
]
"""A part of any kind; its `kind:` says which."""

_ORDER: tuple[type[Part], ...] = (
    *(System, Accelerator, Host, Nic, Switch, Transceiver, Cable, Rack),
    *(Cdu, Chiller, DryCooler, AirHandler, Transformer, Ups, Generator, Battery),
)
KINDS: Mapping[str, type[Part]] = {kind.model_fields["kind"].default: kind for kind in _ORDER}
"""The classes by the word that a document writes for them, from the rack outwards."""

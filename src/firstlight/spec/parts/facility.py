"""What feeds the racks and takes their heat away."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from firstlight.spec.parts.base import Part
from firstlight.spec.quantity import Energy, Flow, Fraction, Length, Mass, Power


class Rack(Part):
    """An empty rack."""

    kind: Literal["rack"] = "rack"
    rack_units: float = Field(ge=1)
    width: Length
    depth: Length
    mass: Mass
    """Empty."""
    power: Power
    """Greatest that its power shelves or strips deliver."""


class Cdu(Part):
    """A coolant distribution unit."""

    kind: Literal["cdu"] = "cdu"
    place: Literal["row", "rack"] = "row"
    """Where it stands: in the row, for several racks, or inside the one rack that it cools."""
    capacity: Power
    """Heat moved at its design approach."""
    approach: float = Field(ge=0, le=20)
    """Rack coolant above facility water at capacity [K]."""
    flow: Flow
    """Facility water at capacity."""
    power: Power
    """Pumps at capacity."""


class Chiller(Part):
    """A chiller, air- or water-cooled."""

    kind: Literal["chiller"] = "chiller"
    capacity: Power
    """Heat removed at its design point."""
    cop: float = Field(ge=1, le=20)
    """Heat removed per electricity at its design point."""
    design_ambient: float = Field(ge=0, le=60)
    """Outdoor temperature of the design point [degC]; of one cooled by water, its condenser water."""
    leaving: float = Field(default=6.7, ge=-20, le=60)
    """Chilled water at its design point [degC]; that of AHRI 550/590 where nothing is said."""
    water_cooled: bool = False
    """Gives its heat to condenser water and so to a cooling tower, not to the air."""


class DryCooler(Part):
    """A dry cooler, with adiabatic pads or without."""

    kind: Literal["dry-cooler"] = "dry-cooler"
    capacity: Power
    """Heat rejected at its design approach."""
    approach: float = Field(ge=1, le=30)
    """Leaving water above outdoor temperature at capacity [K]."""
    power: Power
    """Fans at capacity."""
    adiabatic: bool = False
    """Wets its pads on hot hours, and then uses water."""


class AirHandler(Part):
    """A computer-room air handler (fan wall or in-row)."""

    kind: Literal["air-handler"] = "air-handler"
    capacity: Power
    power: Power
    """Fans at capacity."""
    approach: float = Field(ge=1, le=30)
    """Supply air above chilled water [K]."""


class Transformer(Part):
    """A transformer of the site's feed or of a hall."""

    kind: Literal["transformer"] = "transformer"
    rating: Power
    no_load_loss: Power
    load_loss: Power
    """At full load; grows with the square of the load."""
    high_voltage: bool
    """A substation transformer (true) or one in front of a hall (false)."""


class Ups(Part):
    """An uninterruptible power supply block."""

    kind: Literal["ups"] = "ups"
    rating: Power
    efficiency: Fraction
    """At half load and above."""
    no_load_loss: Power


class Generator(Part):
    """A stand-by generator set."""

    kind: Literal["generator"] = "generator"
    rating: Power


class Battery(Part):
    """A battery system for the site (load smoothing, ride-through)."""

    kind: Literal["battery"] = "battery"
    rating: Power
    energy: Energy
    round_trip: Fraction

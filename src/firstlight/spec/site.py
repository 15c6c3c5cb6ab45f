"""The Site document: the land, the power and the air that a factory is given."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from firstlight.spec.document import Document
from firstlight.spec.quantity import Area, CarbonIntensity, EnergyPrice, Length, Power, Temperature

CoolingKind = Literal["liquid", "air"]


class Coordinates(Document):
    """A point on the earth, instead of a place name."""

    latitude: float = Field(ge=-90, le=90)
    """Degrees north."""
    longitude: float = Field(ge=-180, le=180)
    """Degrees east."""


class Site(Document):
    """What the site offers."""

    place: str | Coordinates
    """A city ("Memphis, Tennessee"; "Stockholm, Sweden") or coordinates. The nearest weather year is found and named."""
    power: Power
    """What the utility delivers at the site's feed."""
    floor: Area
    """White space for racks and aisles, over all halls together."""
    cooling: tuple[CoolingKind, ...] = Field(default=("liquid", "air"), min_length=1)
    """The kinds of cooling that the site can take."""
    halls: int | None = Field(default=None, ge=1, le=10_000)
    """Data halls on the site. Left out: as many as the hall size of the assumptions asks for."""
    buildings: int = Field(default=1, ge=1, le=1_000)
    """Buildings that the halls are shared among."""
    existing: tuple[Literal["shell", "utility"], ...] = ()
    """What already stands: the buildings' shell, the utility's feed with its substation."""
    weather: str | None = None
    """An EPW weather file, relative to this document. Left out: the nearest of the weather years shipped."""
    elevation: Length | None = None
    """Height above the sea. Left out: that of the weather station."""
    supply_temperature: Temperature | None = None
    """Facility water supplied to the racks' coolant units. Left out: what the assumptions say."""
    energy_price: EnergyPrice | None = None
    """What the site pays for electricity. Left out: what the assumptions say."""
    carbon_intensity: CarbonIntensity | None = None
    """Of the grid's electricity. Left out: by month and hour of the nearest balancing area, or what the assumptions say."""

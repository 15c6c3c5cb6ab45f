"""The Site document: the land, the power and the air that a factory is given."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from firstlight.spec.document import Document
from firstlight.spec.quantity import Area, CarbonIntensity, EnergyPrice, Quantity, Temperature

CoolingKind = Literal["liquid", "air"]


class Coordinates(Document):
    """A point on the earth, instead of a place name."""

    latitude: float = Field(ge=-90, le=90, examples=[35.15])
    """Degrees north."""
    longitude: float = Field(ge=-180, le=180, examples=[-90.05])
    """Degrees east."""


def _point(value: Any) -> str:
    return "a point" if isinstance(value, dict | Coordinates) else "a name"


Place = Annotated[
    Annotated[str, Field(min_length=1, max_length=200), Tag("a name")] | Annotated[Coordinates, Tag("a point")],
    Discriminator(_point),
]


class Site(Document):
    """What the site offers."""

    place: Place = Field(examples=["Memphis, Tennessee"])
    """A city ("Memphis, Tennessee"; "Stockholm, Sweden") or coordinates. The nearest weather year is found."""
    power: Annotated[float, Quantity("power", 1e3, 1e11, "150 MW")]
    """What the utility delivers at the site's feed."""
    floor: Area
    """White space for racks and aisles, over all halls together."""
    cooling: tuple[CoolingKind, ...] = Field(default=("liquid", "air"), min_length=1)
    """The kinds of cooling that the site can take."""
    halls: int | None = Field(default=None, ge=1, le=10_000, examples=[4])
    """Data halls on the site. Left out: as many as the hall size of the assumptions asks for."""
    buildings: int = Field(default=1, ge=1, le=1_000)
    """Buildings that the halls are shared among."""
    existing: tuple[Literal["shell", "utility"], ...] = ()
    """What already stands: the buildings' shell, the utility's feed with its substation."""
    weather: str | None = Field(default=None, min_length=1, max_length=1000, examples=["my-site.epw"])
    """An EPW weather file, relative to this document. Left out: the nearest of the weather years shipped."""
    elevation: Annotated[float, Quantity("length", -430, 6000, "90 m")] | None = None
    """Height above the sea. Left out: that of the weather station."""
    supply_temperature: Temperature | None = None
    """Facility water supplied to the racks' coolant units. Left out: what the assumptions say."""
    energy_price: EnergyPrice | None = None
    """What the site pays for electricity. Left out: what the assumptions say."""
    carbon_intensity: CarbonIntensity | None = None
    """Of the grid's electricity. Left out: by month and hour of the nearest balancing area, or the assumptions'."""

"""The air at the site: the user's own weather year or that of the nearest station, brought to the site's height."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.facility.psychrometrics import SEA_LEVEL, pressure_at, wet_bulb
from firstlight.spec import epw, places
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.epw import WeatherYear
from firstlight.spec.site import Coordinates, Site
from firstlight.twin.protocols import Floats

EARTH_RADIUS = 6_371_000.0
"""Mean radius [m]."""
_COLDEST, _HOTTEST = 170.0, 345.0
"""Beyond any air ever measured, a few kelvin aside [K]."""


@dataclass(frozen=True)
class Air:
    """Outdoor air.

    Attributes:
        dry_bulb, wet_bulb: [K] [hours].
        density: over that at sea level: what fans move, and coils take, is in proportion to it [hours].
    """

    dry_bulb: Floats
    wet_bulb: Floats
    density: Floats

    def hotter(self, difference: float) -> Air:
        """The same air, warmer by a difference [K] and as far from saturation."""
        return Air(self.dry_bulb + difference, self.wet_bulb + difference, self.density)


@dataclass(frozen=True)
class Weather:
    """A year of air at the site.

    Attributes:
        station: name.
        distance: of the station [m]; NaN for the user's own file.
        utc_offset: of the hours' clock [h].
        air: by hour of the year [8760].
    """

    station: str
    distance: float
    utc_offset: float
    air: Air


def weather(site: Site, a: Assumptions, base: Path) -> Weather:
    """The weather of a site.

    Temperatures fall with height at the assumed lapse, dry bulb and dew point alike (about the same relative humidity);
    pressure falls by the hypsometric equation.

    Args:
        site: with its place, and its own weather file and elevation where it has them.
        a: assumptions `facility.lapse`.
        base: folder that the weather file is relative to.

    Raises:
        UsageError: the place is unknown, or the file is no weather year.
    """
    distance, year = _year(site, base)
    height = 0.0 if site.elevation is None else site.elevation - year.elevation
    air = _air(year, height, a["facility.lapse"])
    if not (air.dry_bulb.min() >= _COLDEST and air.dry_bulb.max() <= _HOTTEST):
        raise UsageError(
            f"site.elevation: {units.show(height, 'length')} above {year.name}, at assumptions.facility.lapse, the air "
            "is as on no place on earth; correct one of them, or give site.weather a file of the site itself"
        )
    return Weather(year.name, distance, year.utc_offset, air)


def point(site: Site) -> tuple[float, float]:
    """Latitude and longitude of a site [degrees].

    Raises:
        UsageError: nobody knows a place of this name.
    """
    where = site.place if isinstance(site.place, Coordinates) else places.find(site.place)
    return where.latitude, where.longitude


def distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance of two points given in degrees [m] (haversine)."""
    north, other_north = math.radians(latitude), math.radians(other_latitude)
    east = math.radians(other_longitude - longitude)
    half = math.sin((other_north - north) / 2) ** 2
    half += math.cos(north) * math.cos(other_north) * math.sin(east / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(min(1.0, math.sqrt(half)))


@cache
def stations() -> tuple[WeatherYear, ...]:
    """The weather years that firstlight comes with."""
    folder = resources.files("firstlight.data") / "weather"
    rows = csv.DictReader((folder / "stations.csv").read_text("utf-8").splitlines())
    with (folder / "years.npz").open("rb") as file, np.load(file) as held:
        tenths, pressure = (held["dry_bulb"] / 10, held["dew_point"] / 10), held["pressure"].astype(np.float64)
    dry_bulb, dew_point = (values + units.CELSIUS_ZERO for values in tenths)
    return tuple(
        WeatherYear(
            name=f"{row['name']}, {row['region']} ({row['source']} {row['wmo']})",
            latitude=float(row["latitude"]),
            longitude=float(row["longitude"]),
            utc_offset=float(row["utc_offset_h"]),
            elevation=float(row["elevation_m"]),
            dry_bulb=dry_bulb[i],
            dew_point=dew_point[i],
            pressure=pressure[i],
        )
        for i, row in enumerate(rows)
    )


def _year(site: Site, base: Path) -> tuple[float, WeatherYear]:
    """The weather year for a site, and how far its station is [m]."""
    if site.weather is not None:
        return math.nan, epw.read(base / site.weather)
    here = point(site)
    away = [distance(*here, station.latitude, station.longitude) for station in stations()]
    nearest = int(np.argmin(away))
    return away[nearest], stations()[nearest]


@lru_cache(maxsize=32)
def _air(year: WeatherYear, height: float, lapse: float) -> Air:
    """The air of a year, so much higher [m], with a lapse per kilometre [K]."""
    colder = lapse * height / 1000
    dry_bulb, dew_point = year.dry_bulb - colder, year.dew_point - colder
    pressure = pressure_at(year.pressure, height, (year.dry_bulb + dry_bulb) / 2)
    return Air(dry_bulb, wet_bulb(dry_bulb, dew_point, pressure), pressure / SEA_LEVEL)

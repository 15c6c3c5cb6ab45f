"""Carbon of the grid's electricity, by hour of the year."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from firstlight import units
from firstlight.facility.weather import distance, point
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.site import Site
from firstlight.twin.protocols import Floats

HOURS = 8760
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class Area:
    """A balancing area.

    Attributes:
        name: in words.
        latitude, longitude: the middle of its load [degrees].
        intensity: by month and hour of the day in UTC [kg/J] [12, 24].
    """

    name: str
    latitude: float
    longitude: float
    intensity: Floats


@cache
def areas() -> tuple[Area, ...]:
    """The balancing areas that firstlight knows."""
    folder = resources.files("firstlight.data") / "grid"
    named = {row["id"]: row for row in csv.DictReader((folder / "areas.csv").read_text("utf-8").splitlines())}
    table = {ident: np.zeros((12, 24)) for ident in named}
    for row in csv.DictReader((folder / "carbon_intensity.csv").read_text("utf-8").splitlines()):
        table[row["grid"]][int(row["month"]) - 1, int(row["hour"])] = units.parse(
            f"{row['ci']} g/kWh", "carbon intensity"
        )
    return tuple(
        Area(row["name"], float(row["latitude"]), float(row["longitude"]), table[ident]) for ident, row in named.items()
    )


def intensity(site: Site, utc_offset: float, a: Assumptions) -> tuple[Floats, str]:
    """Carbon intensity of each hour of the year [kg/J] [8760], and where it is from.

    The site's own; else that of the balancing area whose middle is nearest, within the assumed reach; else the assumed.

    Args:
        site: with its place.
        utc_offset: of the hours' clock [h].
        a: assumptions `facility.grid_reach`, `facility.carbon_intensity`.
    """
    if site.carbon_intensity is not None:
        return np.full(HOURS, site.carbon_intensity), "the site's own"
    here = point(site)
    away, area = min(((distance(*here, area.latitude, area.longitude), area) for area in areas()), key=lambda p: p[0])
    if away <= a["facility.grid_reach"]:
        return _by_hour(area.intensity, utc_offset), f"{area.name}, {units.show(away, 'length')} from its middle"
    return np.full(HOURS, a["facility.carbon_intensity"]), a.entry("facility.carbon_intensity").source


def _by_hour(table: Floats, utc_offset: float) -> Floats:
    """A table by month and hour in UTC, by hour of the local year."""
    utc = np.floor(np.arange(HOURS) - utc_offset).astype(np.int64) % HOURS
    month = np.repeat(np.arange(12), _DAYS)[utc // 24]
    return table[month, utc % 24]

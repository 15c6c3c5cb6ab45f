"""What the facility room answers."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.twin.protocols import Floats
from firstlight.twin.result import Result, quantity


@dataclass(frozen=True)
class Plant:
    """Equipment of one kind: part id of the catalogue, how many (redundant ones included), what sized them."""

    part: str
    role: str
    count: int
    sized_by: str


@dataclass(frozen=True, repr=False)
class FacilityResult(Result):
    """Power, cooling, water and carbon of one factory over a typical year."""

    station: str = quantity("", "weather station")
    station_distance: float = quantity("m", "from the site; NaN for the user's own file")
    it_peak: float = quantity("W", "greatest IT power")
    it_idle: float = quantity("W", "IT power with nothing running")
    peak: float = quantity("W", "greatest power at the utility feed, in the hottest hour with all IT at its greatest")
    available: float = quantity("W", "power of the site")
    energy: float = quantity("J", "a year at the feed, with the demand running")
    it_energy: float = quantity("J", "a year at the IT equipment")
    pue: float = quantity("", "power usage effectiveness over the year")
    pue_peak: float = quantity("", "in the worst hour")
    water: float = quantity("m3", "a year")
    wue: float = quantity("m3/J", "water over IT energy")
    carbon: float = quantity("kg", "CO2 equivalent a year, grid electricity")
    carbon_source: str = quantity("", "balancing area and distance, or the assumption")
    carbon_assumed: bool = quantity("", "no grid of the table is near: the carbon intensity is the assumption")
    energy_parts: dict[str, float] = quantity("J", "where a year's energy goes; adds up to `energy`")
    peak_parts: dict[str, float] = quantity("W", "where the power of the peak hour goes; adds up to `peak`")
    hourly_power: Floats = quantity("W", "at the feed, by hour of the year [8760]")
    hourly_it: Floats = quantity("W", "of the IT equipment, by hour of the year [8760]")
    hourly_water: Floats = quantity("m3/s", "by hour of the year [8760]")
    hourly_ambient: Floats = quantity("K", "dry bulb, by hour of the year [8760]")
    chiller_hours: int = quantity("", "hours of the year in which chillers run")
    floor_used: float = quantity("m2", "halls as laid out, aisles included")
    floor_available: float = quantity("m2", "floor of the site")
    plant: tuple[Plant, ...] = quantity("", "equipment and what sized it")

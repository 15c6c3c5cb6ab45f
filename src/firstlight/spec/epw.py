"""EPW weather files: one year of hours at one point.

Source: EnergyPlus documentation, Auxiliary Programs, "EnergyPlus Weather File (EPW) Data Dictionary": eight lines of
head, then one line an hour with the dry bulb in column 7, the dew point in column 8 and the pressure in column 10.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firstlight import units
from firstlight.errors import UsageError

HOURS = 8760
_HEAD = 8
_MOST_BYTES = 16 * 2**20
_LONGEST_GAP = 24


@dataclass(frozen=True)
class Column:
    """One column of the hours.

    Attributes:
        name: for messages.
        index: from 0.
        low, high: what is possible on earth; anything else is missing.
    """

    name: str
    index: int
    low: float
    high: float


_COLUMNS = (
    Column("dry bulb", 6, -90, 70),
    Column("dew point", 7, -100, 70),
    Column("pressure", 9, 31_000, 120_000),
)


@dataclass(frozen=True, eq=False)
class WeatherYear:
    """A year of hours, local standard time; each is equal to itself only, so that it can be a key.

    Attributes:
        name: of the station.
        latitude, longitude: [degrees north, east].
        utc_offset: of its clock [h].
        elevation: above the sea [m].
        dry_bulb, dew_point: [K] [8760].
        pressure: [Pa] [8760].
    """

    name: str
    latitude: float
    longitude: float
    utc_offset: float
    elevation: float
    dry_bulb: NDArray[np.float64]
    dew_point: NDArray[np.float64]
    pressure: NDArray[np.float64]


def read(path: Path) -> WeatherYear:
    """The year of an EPW file; gaps of up to a day are bridged, a leap day is left out.

    Raises:
        UsageError: the file cannot be read, or is no EPW file of a whole year; says where and what is wrong.
    """
    shown = units.printed(str(path), 1000)
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise _wrong(path, f"has {size:,} bytes, more than any EPW file")
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}; check site.weather") from None
    return _parsed(path, text)


@lru_cache(maxsize=8)
def _parsed(path: Path, text: str) -> WeatherYear:
    try:
        lines = list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise _wrong(path, f"is not a table of commas: {error}") from None
    if len(lines) <= _HEAD or not lines[0] or lines[0][0].strip().upper() != "LOCATION":
        raise _wrong(path, "does not begin with a LOCATION line and eight lines of head")
    name, place = _location(path, lines[0])
    hours = _hours(path, lines)
    dry_bulb, dew_point, pressure = (_values(path, hours, column) for column in _COLUMNS)
    dry_bulb, dew_point = dry_bulb + units.CELSIUS_ZERO, dew_point + units.CELSIUS_ZERO
    return WeatherYear(name, *place, dry_bulb, np.minimum(dew_point, dry_bulb), pressure)


def _location(path: Path, line: list[str]) -> tuple[str, tuple[float, float, float, float]]:
    """Name of the station; latitude, longitude, clock and elevation."""
    limits = (("latitude", 90.0), ("longitude", 180.0), ("time zone", 15.0), ("elevation", 9000.0))
    numbers = [_number(text) for text in line[6:10]]
    for (what, most), number in zip(limits, [*numbers, *[math.nan] * 4], strict=False):
        if not abs(number) <= most:
            raise _wrong(path, f"states no {what} in its LOCATION line")
    latitude, longitude, clock, elevation = numbers
    return ", ".join(filter(None, (cell.strip() for cell in line[1:4]))) or path.name, (
        latitude,
        longitude,
        clock,
        elevation,
    )


def _hours(path: Path, lines: list[list[str]]) -> list[list[str]]:
    """The 8,760 lines of the year."""
    hours = [line for line in lines[_HEAD:] if line]
    if short := [line for line in hours if len(line) <= _COLUMNS[-1].index]:
        raise _wrong(path, f"has a line of {len(short[0])} columns: {units.printed(','.join(short[0]))}")
    if len(hours) == HOURS + 24:
        hours = [line for line in hours if (_number(line[1]), _number(line[2])) != (2, 29)]
    if len(hours) != HOURS:
        raise _wrong(path, f"has {len(hours):,} hours, not {HOURS:,}")
    return hours


def _values(path: Path, hours: list[list[str]], column: Column) -> NDArray[np.float64]:
    """One column, short gaps bridged by straight lines."""
    values = np.array([_number(line[column.index]) for line in hours])
    known = np.flatnonzero((values >= column.low) & (values <= column.high))
    if not known.size:
        raise _wrong(path, f"has no {column.name}")
    # The year is a ring, so a gap over New Year counts as one.
    gap = int(np.diff(np.append(known, known[0] + HOURS)).max()) - 1
    if gap > _LONGEST_GAP:
        raise _wrong(path, f"has no {column.name} for {gap:,} hours on end")
    return np.interp(np.arange(HOURS), known, values[known], period=HOURS)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _wrong(path: Path, what: str) -> UsageError:
    shown = units.printed(str(path), 1000)
    return UsageError(f"{shown} {what}; give site.weather an EPW file of one year of hours")

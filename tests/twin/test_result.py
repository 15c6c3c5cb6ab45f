"""Results: how a number and its interval behave, and how a result shows itself."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import MissingExtraError
from firstlight.spec.site import Coordinates
from firstlight.twin import result
from firstlight.twin.result import Prediction, Result, plain, quantity, show

POSITIVE = st.floats(1e-6, 1e12)


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    mass: float


@dataclasses.dataclass(frozen=True, repr=False)
class Sample(Result):
    power: float = quantity("W", "greatest <power>")
    time: Prediction = quantity("s", "of a step")
    series: np.ndarray = quantity("W", "by hour")
    parts: tuple[Part, ...] = quantity("", "what it is made of")
    count: int = quantity("", "pieces")
    name: str = quantity("", "what it is called")
    day: dt.date | None = quantity("", "first light")


TIME = Prediction(3600.0, 7200.0, 14400.0, True, "a test")
SAMPLE = Sample(12.4e6, TIME, np.array([1.0, math.nan]), (Part("a", 2.0),), 1234, "x & y", dt.date(2027, 1, 2))


@given(POSITIVE, st.floats(0, 3))
def test_an_interval_lies_about_its_median(median, half):
    found = Prediction.within(median, half, calibrated=True, basis="b")
    assert found.p10 <= found.p50 == median <= found.p90
    assert found.p90 / found.p50 == pytest.approx(found.p50 / found.p10)
    assert math.log(found.p90 / median) == pytest.approx(half, abs=1e-9)


@given(POSITIVE, st.floats(0, 3), st.floats(-10, 10).filter(bool))
def test_scaling_keeps_the_order(median, half, factor):
    found = Prediction.within(median, half, calibrated=False, basis="b").scaled(factor)
    assert found.p10 <= found.p50 <= found.p90
    assert found.p50 == median * factor
    assert (found.calibrated, found.basis) == (False, "b")


@given(POSITIVE, st.floats(0, 3), POSITIVE)
def test_the_inverse_turns_low_into_high(median, half, numerator):
    made = Prediction.within(median, half, calibrated=True, basis="b")
    found = made.inverse(numerator)
    assert found.p10 <= found.p50 <= found.p90
    assert found.p10 == numerator / made.p90
    assert found.inverse(numerator).p50 == pytest.approx(median)


class Kind(IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (math.inf, None),
        (np.float64(2.5), 2.5),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.0, math.nan]), [1.0, None]),
        ({1: (np.float64(math.inf),)}, {"1": [None]}),
        (dt.date(2027, 1, 2), "2027-01-02"),
        (dt.datetime(2027, 1, 2, 3), "2027-01-02T03:00:00"),
        (Part("a", math.nan), {"name": "a", "mass": None}),
        (Coordinates(latitude=1, longitude=2), {"latitude": 1.0, "longitude": 2.0}),
        (Kind.ONE, 1),
        (None, None),
        ("text", "text"),
    ],
)
def test_plain_values(value, expected):
    found = plain(value)
    assert found == expected
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (12.4e6, "W", "12.4 MW"),
        (50e9, "B/s", "50 GB/s"),
        (1234567, "", "1,234,567"),
        (np.int64(1234567), "", "1,234,567"),
        (True, "", "yes"),
        (False, "", "no"),
        (0.25, "", "0.25"),
        (math.nan, "W", "not known"),
        (TIME, "s", "2 h (1 h to 4 h)"),
        (np.zeros((2, 4380)), "W", "8,760 values"),
        ((1,), "", "1 entry"),
        ({}, "", "0 entries"),
        (["a", "b"], "", "2 entries"),
        ("clos", "", "clos"),
        (None, "", "none"),
        (dt.date(2027, 1, 2), "", "2027-01-02"),
    ],
)
def test_values_in_words(value, unit, expected):
    assert show(value, unit) == expected


def test_a_result_in_one_line():
    assert repr(SAMPLE) == "Sample(power=12.4 MW, time=2 h (1 h to 4 h), count=1,234, name=x & y)"


def test_a_result_as_a_table():
    found = SAMPLE._repr_html_()
    assert found.count("<tr>") == 7
    assert "<td>greatest &lt;power&gt;</td>" in found
    assert "<td>x &amp; y</td>" in found
    assert "<td>2 values</td>" in found


def test_a_result_as_json():
    found = SAMPLE.to_dict()
    assert list(found) == ["power", "time", "series", "parts", "count", "name", "day"]
    assert found["time"] == {"p10": 3600, "p50": 7200, "p90": 14400, "calibrated": True, "basis": "a test"}
    assert (found["series"], found["parts"], found["day"]) == ([1, None], [{"name": "a", "mass": 2}], "2027-01-02")
    assert plain({"nested": SAMPLE})["nested"] == found


def test_units_and_meanings():
    assert list(Sample.units().values()) == ["W", "s", "W", "", "", "", ""]
    assert Sample.meanings()["count"] == "pieces"


def test_a_result_as_a_frame():
    frame = SAMPLE.to_frame()
    assert list(frame.columns) == ["value", "unit", "meaning"]
    assert list(frame.index) == [f.name for f in dataclasses.fields(Sample)]
    assert frame.loc["power", "value"] == 12.4e6


def test_a_frame_needs_pandas(monkeypatch):
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(result, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"pandas is not installed\. Install it with: pip install 'firstlight"):
        SAMPLE.to_frame()


def test_a_result_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SAMPLE.power = 1.0

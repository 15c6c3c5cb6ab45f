"""EPW files: what is read, which gaps are bridged, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.spec import epw

from .conftest import COLOSSUS

HOURS = np.arange(8760)


def test_a_year_is_read(weather_file, tmp_path):
    year = epw.read(weather_file(tmp_path / "a.epw", HOURS / 1000, -5, 95_000 + HOURS, elevation=123))
    assert (year.name, year.latitude, year.longitude) == ("Nowhere, XX, XXX", 10.0, 20.0)
    assert (year.utc_offset, year.elevation) == (1.0, 123.0)
    assert year.dry_bulb == pytest.approx(273.15 + HOURS / 1000)
    assert year.dew_point == pytest.approx(np.minimum(268.15, year.dry_bulb))
    assert year.pressure == pytest.approx(95_000 + HOURS)


def test_dew_point_is_never_above_the_dry_bulb(weather_file, tmp_path):
    year = epw.read(weather_file(tmp_path / "a.epw", 10, 12))
    assert year.dew_point == pytest.approx(year.dry_bulb)


def test_short_gaps_are_bridged_also_over_new_year(weather_file, tmp_path):
    dry = np.where((HOURS < 3) | (HOURS > 8757) | (HOURS == 100), 99.9, 10.0 + (HOURS > 99))
    year = epw.read(weather_file(tmp_path / "a.epw", dry, 5))
    assert 283.15 <= year.dry_bulb.min() <= year.dry_bulb.max() <= 284.15
    assert year.dry_bulb[100] == pytest.approx(283.65, abs=0.51)


def test_a_leap_day_is_left_out(weather_file, tmp_path):
    path = weather_file(tmp_path / "a.epw")
    lines = path.read_text().splitlines()
    leap = [f"2000,2,29,{hour},0,-,60,10,50,101325" for hour in range(1, 25)]
    path.write_text("\n".join([*lines, *leap]))
    assert epw.read(path).dry_bulb.max() == pytest.approx(293.15)


def test_a_file_that_changes_is_read_again(weather_file, tmp_path):
    path = tmp_path / "a.epw"
    cold, warm = (epw.read(weather_file(path, dry)).dry_bulb.mean() for dry in (5, 6))
    assert warm - cold == pytest.approx(1)


def broken(text: str, what: str) -> str:
    lines = text.splitlines()
    match what:
        case "head":
            return "\n".join(lines[1:])
        case "latitude":
            return text.replace("10.0,20.0,1.0", "north,20.0,1.0")
        case "short":
            return "\n".join(lines[:-1])
        case "columns":
            return "\n".join([*lines[:-1], "2001,1,1,24"])
        case "gap":
            return "\n".join([*lines[:20], *(line.replace(",20.0,", ",99.9,") for line in lines[20:60]), *lines[60:]])
        case "empty":
            return text.replace(",20.0,10.0,50", ",x,10.0,50")
    return ""


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("head", "does not begin with a LOCATION line"),
        ("latitude", "states no latitude in its LOCATION line"),
        ("short", "has 8,759 hours, not 8,760"),
        ("columns", "has a line of 4 columns"),
        ("gap", "has no dry bulb for 40 hours on end"),
        ("empty", "has no dry bulb;"),
        ("nothing", "does not begin with a LOCATION line"),
    ],
)
def test_what_is_no_weather_year_is_refused(weather_file, tmp_path, what, message):
    path = weather_file(tmp_path / "a.epw")
    path.write_text(broken(path.read_text(), what))
    with pytest.raises(UsageError, match=message) as caught:
        epw.read(path)
    assert "give site.weather an EPW file of one year of hours" in str(caught.value)


def test_a_file_that_is_gone_is_said_so(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none.epw.*check site.weather"):
        epw.read(tmp_path / "none.epw")


def test_check_reports_a_file_without_weather(problems, tmp_path):
    (tmp_path / "my.epw").write_text("hello")
    (problem,) = problems(COLOSSUS.replace("  floor:", "  weather: my.epw\n  floor:"))
    assert (problem.where, problem.line, problem.column) == ("site.weather", 5, 12)
    assert "does not begin with a LOCATION line" in problem.message
    assert problem.remedy == "Give site.weather an EPW file of one year of hours."

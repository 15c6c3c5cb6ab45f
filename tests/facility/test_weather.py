import math

import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.facility.weather import distance, point, stations, weather
from firstlight.spec.site import Site
from firstlight.units import CELSIUS_ZERO


def site(**changes) -> Site:
    return Site.model_validate({"place": "Phoenix, Arizona", "power": "1 MW", "floor": "100 m2"} | changes)


def test_distances_on_the_globe():
    # Memphis to Stockholm; a quarter of the globe; across the date line
    assert distance(35.15, -90.05, 59.33, 18.07) == pytest.approx(7_607e3, rel=0.01)
    assert distance(0, 0, 90, 0) == pytest.approx(math.pi / 2 * 6_371e3)
    assert distance(0, 179.5, 0, -179.5) == pytest.approx(111.2e3, rel=0.001)
    assert distance(10, 20, 10, 20) == 0
    assert distance(10, 0, -10, 180) == pytest.approx(math.pi * 6_371e3)


def test_stations_are_whole_years_of_possible_air():
    assert len(stations()) == 14
    for station in stations():
        assert station.dry_bulb.shape == station.dew_point.shape == station.pressure.shape == (8760,)
        assert 240 < station.dry_bulb.min() < station.dry_bulb.max() < 320
        assert np.all(station.dew_point <= station.dry_bulb)
        assert station.pressure.mean() == pytest.approx(101_325 * math.exp(-station.elevation / 8430), rel=0.01)


def test_the_nearest_station_stands_for_a_place(assumptions, tmp_path):
    found = weather(site(), assumptions(), tmp_path)
    assert found.station == "Phoenix Sky Harbor Intl AP, AZ (TMYx 722780)"
    assert found.distance < 15e3
    assert found.utc_offset == -7
    far = weather(site(place="Stockholm, Sweden"), assumptions(), tmp_path)
    assert far.distance > 5_000e3
    assert point(site(place={"latitude": 1, "longitude": 2})) == (1.0, 2.0)


def test_unknown_places_are_refused(assumptions, tmp_path):
    with pytest.raises(UsageError, match="unknown place"):
        weather(site(place="Qqqqqq"), assumptions(), tmp_path)


def test_the_users_own_year(assumptions, weather_file, tmp_path):
    weather_file(tmp_path / "my.epw", 31, 12, 90_000, elevation=1000)
    found = weather(site(weather="my.epw"), assumptions(), tmp_path)
    assert found.station == "Nowhere, XX, XXX"
    assert math.isnan(found.distance)
    assert found.air.dry_bulb == pytest.approx(31 + CELSIUS_ZERO)
    assert found.air.density == pytest.approx(90_000 / 101_325)


def test_a_higher_site_is_colder_and_its_air_thinner(assumptions, weather_file, tmp_path):
    weather_file(tmp_path / "my.epw", 30, 10)
    low, high = (
        weather(site(weather="my.epw", elevation=height), assumptions(), tmp_path).air for height in ("0 m", "2000 m")
    )
    assert low.dry_bulb - high.dry_bulb == pytest.approx(13.0)
    assert high.density == pytest.approx(0.79, abs=0.01)
    assert np.all(high.wet_bulb < low.wet_bulb)
    level = weather(site(weather="my.epw", elevation="2000 m"), assumptions(lapse="0 K"), tmp_path).air
    assert level.dry_bulb == pytest.approx(low.dry_bulb)


@pytest.mark.parametrize("height", ["-430 m", "5000 m", "6000 m"])
def test_any_height_on_earth(assumptions, tmp_path, height):
    for station in stations():
        place = {"latitude": station.latitude, "longitude": station.longitude}
        air = weather(site(place=place, elevation=height), assumptions(), tmp_path).air
        assert np.isfinite(air.wet_bulb).all()
        assert np.all(air.wet_bulb <= air.dry_bulb + 0.01)


def test_an_absurd_lapse_is_refused(assumptions, tmp_path):
    with pytest.raises(UsageError, match=r"site.elevation: .* as on no place on earth"):
        weather(site(elevation="5000 m"), assumptions(lapse="300 K"), tmp_path)

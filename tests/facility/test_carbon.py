import numpy as np
import pytest

from firstlight.facility.carbon import areas, intensity
from firstlight.spec.site import Site

G_PER_KWH = 1e-3 / 3.6e6


def site(**changes) -> Site:
    return Site.model_validate({"place": "Phoenix, Arizona", "power": "1 MW", "floor": "100 m2"} | changes)


def test_the_sites_own_figure_comes_first(assumptions):
    by_hour, source = intensity(site(carbon_intensity="50 g/kWh"), -7, assumptions())
    assert by_hour == pytest.approx(np.full(8760, 50 * G_PER_KWH))
    assert source == "the site's own"


def test_the_nearest_area_by_month_and_hour(assumptions):
    by_hour, source = intensity(site(), -7, assumptions())
    assert source.startswith("Arizona Public Service, ")
    assert by_hour.shape == (8760,)
    table = next(area for area in areas() if area.name.startswith("Arizona")).intensity
    assert by_hour[0] == table[0, 7]  # midnight of 1 January is 07:00 in UTC
    assert by_hour[-1] == table[0, 6]  # the last hour of the year runs into January
    assert by_hour[24 * 31 + 3] == table[1, 10]
    assert table[0, 0] == pytest.approx(603.97 * G_PER_KWH)


def test_half_hours_and_eastern_clocks(assumptions):
    table = next(area for area in areas() if area.name.startswith("Arizona")).intensity
    assert intensity(site(), 5.5, assumptions())[0][0] == table[11, 18]
    assert intensity(site(), 14, assumptions())[0][20] == table[0, 6]


def test_beyond_the_reach_the_assumption(assumptions):
    by_hour, source = intensity(site(place="Stockholm, Sweden"), 1, assumptions())
    assert by_hour[0] == pytest.approx(445 * G_PER_KWH)
    assert source.startswith("IEA")
    near, _ = intensity(site(), -7, assumptions(grid_reach="1 m", carbon_intensity="1 g/kWh"))
    assert near[0] == pytest.approx(G_PER_KWH)


def test_areas_are_plausible():
    assert len(areas()) == 8
    for area in areas():
        assert 10 * G_PER_KWH < area.intensity.min() < area.intensity.max() < 800 * G_PER_KWH

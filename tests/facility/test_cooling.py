import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.facility.cooling import Surroundings, air_loop, liquid_loop, run
from firstlight.facility.weather import Air
from firstlight.spec.design import CoolingDesign
from firstlight.units import CELSIUS_ZERO

from .conftest import air, assumed, make_factory, the_catalog


def around(outside: Air, rejection: str = "dry", cdu: str | None = "cdu-row-2000kw", **overrides) -> Surroundings:
    design = CoolingDesign.model_validate({"cdu": cdu, "rejection": rejection})
    return Surroundings(design, outside, the_catalog(), assumed(**overrides))


def liquid(outside: Air, supply: float | None = None, **changes):
    loop = liquid_loop(supply, make_factory(), around(outside, **changes))
    assert loop
    return loop


def test_the_coolant_less_the_units_approach():
    loop = liquid(air(10.0))
    assert loop.water.supply == pytest.approx(35 + CELSIUS_ZERO)
    assert loop.water.rise == pytest.approx(2e6 / (2.8 / 60 * 1000 * 4186))
    assert liquid(air(10.0), cdu="cdu-row-1350kw").water.supply == pytest.approx(36 + CELSIUS_ZERO)
    assert liquid(air(10.0), supply=300.0).water.supply == 300.0


def test_units_by_hand():
    loop = liquid(air(10.0))
    assert (loop.movers.count, loop.heat) == (8 + 2, pytest.approx(15e6))
    handlers = air_loop(5e6, around(air(10.0))).movers
    assert (handlers.part.id, handlers.count) == ("fan-wall-500kw", 10 + 2)


def test_cold_places_need_no_chillers_and_no_pads():
    loop = liquid(air([-10.0, 15.0]))
    assert loop.chillers is None
    assert loop.coolers is not None
    assert not loop.coolers.part.adiabatic


def test_dry_heat_is_met_with_pads_and_muggy_heat_with_chillers():
    desert = liquid(air([10.0, 40.0], below=20.0))
    assert desert.coolers is not None
    assert desert.coolers.part.adiabatic
    assert desert.chillers is None
    jungle = liquid(air([30.0, 40.0], below=1.0))
    assert jungle.coolers is not None
    assert not jungle.coolers.part.adiabatic
    assert jungle.chillers is not None


def test_chillers_all_year_are_sized_for_all_heat_in_a_heat_wave():
    loop = liquid(air([10.0, 35.0]), rejection="chiller")
    assert loop.coolers is None
    assert loop.chillers is not None
    # 15 MW and the pumps' heat by chillers of 1.75 MW that have lost 3 x 1.2 % of it at 38 C.
    assert loop.chillers.count == 10 + 2
    calm = liquid(air([10.0, 35.0]), rejection="chiller", heat_wave="0 K")
    assert calm.chillers is not None
    assert calm.chillers.count < loop.chillers.count


def test_thin_air_needs_more_coolers_and_handlers():
    low, high = (liquid(air(10.0, density=density)) for density in (1.0, 0.55))
    assert low.coolers is not None
    assert high.coolers is not None
    assert high.coolers.count > 1.7 * low.coolers.count
    assert high.movers.count == low.movers.count
    fans = [air_loop(5e6, around(air(10.0, density=density))).movers.count for density in (1.0, 0.55)]
    assert fans[1] > 1.7 * fans[0]


def test_pumps_and_fans_at_lower_load():
    outside = air(np.array([10.0, 10.0]))
    loop = liquid(outside)
    used = run(loop, np.array([15e6, 7.5e6]), outside, assumed())
    assert used.movers[0] == pytest.approx(10 * 28e3 * 0.75**2)
    assert used.movers[1] == pytest.approx(used.movers[0] / 4)
    # 15 MW / (4186 x 10.2) kg/s lifted by 25 m at 70 %
    assert used.pumps[0] == pytest.approx(15e6 / (4186 * loop.water.rise) * 9.80665 * 25 / 0.7)
    assert used.pumps[1] == pytest.approx(used.pumps[0] / 4)
    halls = air_loop(5e6, around(outside))
    blown = run(halls, np.array([5e6, 2.5e6, 1.0]), air(np.array([10.0] * 3)), assumed())
    assert blown.movers[:2] == pytest.approx(np.array([1, 1 / 8]) * 12 * 14e3 * (10 / 12) ** 3)
    assert blown.movers[2] == pytest.approx(12 * 14e3 * 0.2**3)


def test_no_liquid_no_loop():
    assert liquid_loop(None, make_factory(liquid=0), around(air(10.0), cdu=None)) is None


def test_open_designs_are_refused():
    with pytest.raises(UsageError, match=r"design.cooling.cdu is open"):
        liquid(air(10.0), cdu=None)
    open_way = Surroundings(CoolingDesign(), air(10.0), the_catalog(), assumed())
    with pytest.raises(UsageError, match=r"design.cooling.rejection is open"):
        air_loop(1e6, open_way)

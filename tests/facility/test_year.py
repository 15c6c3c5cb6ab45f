import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.facility import year
from firstlight.spec.assumptions import shipped
from firstlight.spec.design import Design
from firstlight.spec.site import Site
from firstlight.units import HOUR

from .conftest import POWER, assumed, make_factory, the_catalog


def counts(result) -> dict[str, int]:
    return {unit.role: unit.count for unit in result.plant}


def test_parts_add_up(run):
    result = run(power={"battery": "battery-megapack-2xl"})
    assert sum(result.energy_parts.values()) == result.energy
    assert sum(result.peak_parts.values()) == result.peak
    assert result.hourly_power.sum() * HOUR == pytest.approx(result.energy, rel=1e-12)
    assert result.hourly_water.sum() * HOUR == pytest.approx(result.water, rel=1e-12)
    assert set(result.energy_parts) == {
        "IT", "UPS losses", "Distribution", "Coolant units", "Air handlers", "Pumps", "Dry coolers", "Chillers",
        "Lighting and rest", "Generators", "Batteries", "Transformers",
    }  # fmt: skip


def test_energy_of_the_it_is_the_profiles(run):
    made = make_factory(20e6, idle=0.2)
    result = run(made=made, share=0.5)
    assert result.hourly_it == pytest.approx(np.full(8760, 12e6))
    assert result.it_energy == pytest.approx(12e6 * 8760 * HOUR)
    assert (result.it_peak, result.it_idle) == pytest.approx((20e6, 4e6))
    assert result.energy_parts["IT"] == result.it_energy


def test_profile_is_asked_by_the_hour(catalog):
    site = Site.model_validate({"place": "Dallas, Texas", "power": "30 MW", "floor": "4000 m2"})
    design = Design.model_validate({"power": POWER, "cooling": {"cdu": "cdu-row-2000kw", "rejection": "dry"}})
    result = year(
        site, design, make_factory(), lambda hour: (hour % 24 < 12).astype(float), catalog, assumed(), None  # type: ignore[arg-type]
    )  # fmt: skip
    assert result.hourly_it[:24].tolist() == pytest.approx([20e6] * 12 + [4e6] * 12)


def test_peak_is_the_worst_hour_with_all_it_at_its_greatest(run):
    full = run(share=1.0, site={"place": "Atlanta, Georgia"})
    assert full.peak == pytest.approx(full.hourly_power.max())
    assert run(share=0.3, site={"place": "Atlanta, Georgia"}).peak == pytest.approx(full.peak)
    assert full.peak_parts["IT"] == full.it_peak == 20e6
    assert full.hourly_ambient[int(np.argmax(full.hourly_power))] == full.hourly_ambient.max()
    # Where pads cool, the worst hour is a humid one and not the hottest.
    desert = run(share=1.0)
    assert desert.peak == pytest.approx(desert.hourly_power.max())
    assert desert.hourly_ambient[int(np.argmax(desert.hourly_power))] < desert.hourly_ambient.max()


def test_pue_and_wue_by_definition(run):
    result = run()
    assert result.pue == result.energy / result.it_energy
    assert 1.0 < result.pue < result.pue_peak < 1.5
    assert result.pue_peak == pytest.approx((result.hourly_power / result.hourly_it).max())
    assert result.wue == result.water / result.it_energy


def test_carbon_is_weighed_by_the_hour(run):
    result = run(site={"carbon_intensity": "100 g/kWh"})
    assert result.carbon == pytest.approx(result.energy * 0.1 / 3.6e6)
    assert result.carbon_source == "the site's own"
    assert not result.carbon_assumed
    assert run().carbon > 5 * result.carbon  # Arizona burns gas and coal
    assert run(site={"carbon_intensity": "0 g/kWh"}).carbon == 0


def test_heat_is_taken_by_the_plant_that_stands(run):
    """Whatever heat enters a loop in the worst hour, its coolers and chillers can take."""
    for place in ("Phoenix, Arizona", "Seattle, Washington", "Atlanta, Georgia"):
        for rejection in ("dry", "chiller"):
            result = run(site={"place": place}, cooling={"rejection": rejection}, share=1.0)
            units = [(the_catalog(), unit) for unit in result.plant if "loop" in unit.role]
            capacity = sum(catalog_part(unit.part).capacity * unit.count for _, unit in units)
            assert capacity > 20e6


def catalog_part(ident: str):
    return next(part for part in the_catalog() if part.id == ident)


def test_floor_and_power_of_the_site(run):
    result = run(made=make_factory(halls=3, area=500))
    assert (result.floor_used, result.floor_available, result.available) == pytest.approx((1500, 4000, 30e6))


def test_every_field_of_the_site_has_an_effect(run, weather_file, tmp_path):
    base = run(base=tmp_path)
    weather_file(tmp_path / "my.epw", 10, 5)
    assert run(site={"weather": "my.epw"}, base=tmp_path).energy < base.energy
    assert run(site={"elevation": "1500 m"}).energy < base.energy
    assert run(site={"supply_temperature": "25 C"}).energy > base.energy
    assert run(site={"supply_temperature": "40 C"}).energy < base.energy
    assert run(site={"carbon_intensity": "10 g/kWh"}).carbon < base.carbon
    assert run(site={"place": "Seattle, Washington"}).energy < base.energy
    assert run(site={"power": "10 MW"}).available < base.available


def test_every_field_of_the_power_chain_has_an_effect(run):
    base = run()
    n, twice = run(power={"redundancy": "n"}), run(power={"redundancy": "2n"})
    assert counts(n)["UPS"] < counts(base)["UPS"] < counts(twice)["UPS"]
    assert n.energy != base.energy < twice.energy
    bare = run(power={"ups": "none"})
    assert bare.energy < min(n.energy, base.energy)
    assert "UPS losses" not in bare.energy_parts
    assert "UPS" not in counts(bare)
    assert run(power={"ups": "ups-2500kw"}).energy_parts != base.energy_parts
    assert run(power={"transformer": "transformer-100mva"}).energy != base.energy
    assert "Substation transformer" not in counts(run(power={"transformer": "transformer-2500kva"}))
    off = run(power={"generator": "none"})
    assert "Generator" not in counts(off)
    assert off.energy < base.energy
    smooth = run(power={"battery": "battery-20mw"})
    assert counts(smooth)["Battery"] == 1
    assert smooth.energy > base.energy


def test_every_field_of_the_cooling_has_an_effect(run):
    base = run()
    assert run(cooling={"rejection": "chiller"}).energy > 1.05 * base.energy
    assert run(cooling={"rejection": "chiller"}).chiller_hours == 8760
    assert counts(run(cooling={"cdu": "cdu-in-rack-250kw"})) != counts(base)
    assert run(cooling={"cdu": "cdu-row-1350kw"}).energy != base.energy


def test_every_assumption_is_read_and_changes_something(run):
    """Each one, less or more, changes the energy, the peak, the carbon or the plant."""
    names = [name for name in shipped() if name.startswith("facility.")]
    far = {"place": "Denver, Colorado", "elevation": "2500 m"}
    cases = [{}, {"site": far}, {"power": {"battery": "battery-megapack-2xl"}}]
    cases += [{"site": {"place": "Atlanta, Georgia"}}, {"site": far, "cooling": {"rejection": "chiller"}}]
    before = [told(run(**case)) for case in cases]
    for name in names:
        key, entry = name.removeprefix("facility."), shipped()[name]
        texts = [f"{entry.value * factor} {UNITS.get(entry.dimension, '')}".strip() for factor in (0.6, 1.6)]
        if entry.dimension == "temperature":
            texts = [f"{entry.value - 15} K", f"{entry.value + 5} K"]
        elif entry.dimension == "fraction":
            texts[1] = str(min(entry.value * 1.6, 1.0))
        found = ([told(run(**case, **{key: text})) for case in cases] for text in texts)
        assert any(after != before for after in found), name


@pytest.mark.parametrize("factor", [0.0, 1e-6, 100.0])
def test_absurd_assumptions_are_refused_or_answered(run, factor):
    for name, entry in shipped().items():
        if not name.startswith("facility."):
            continue
        value = min(entry.value * factor, 1.0) if entry.dimension == "fraction" else entry.value * factor
        if entry.dimension == "temperature":
            value = entry.value + (factor - 1) * 30
        text = f"{value} {UNITS.get(entry.dimension, '')}".strip()
        for rejection in ("dry", "chiller"):
            try:
                result = run(
                    {"elevation": "1500 m"}, {"battery": "battery-20mw"}, {"rejection": rejection},
                    **{name.removeprefix("facility."): text},
                )  # fmt: skip
            except UsageError:
                continue
            assert math.isfinite(result.energy + result.peak + result.water + result.carbon), (name, text)
            assert result.pue > 1, (name, text)
            assert min(result.energy_parts.values()) >= 0, (name, text)


UNITS = {
    "temperature": "K", "temperature difference": "K", "length": "m", "carbon intensity": "kg/J",
    "power density": "W/m2",
}  # fmt: skip


def told(result) -> tuple:
    return (result.energy, result.peak, result.carbon, result.water, result.plant)


@pytest.mark.parametrize("kind", ["dry", "chiller"])
def test_hotter_never_needs_less(run, weather_file, tmp_path, kind):
    rng = np.random.default_rng(3)
    swing = 10 * np.sin(np.arange(8760) / 8760 * 2 * np.pi) + rng.normal(0, 4, 8760)
    before = None
    for mean in range(-20, 40, 4):
        weather_file(tmp_path / "my.epw", np.round(mean + swing, 2), np.round(mean + swing - 9, 2))
        result = run(site={"weather": "my.epw"}, cooling={"rejection": kind}, base=tmp_path)
        # Pads come with coolers of another size, whose fans differ by a little.
        if before is not None:
            assert result.energy >= before.energy * (1 - 1e-3)
            assert result.peak >= before.peak * (1 - 1e-3)
            assert result.chiller_hours >= before.chiller_hours or result.water > before.water
        before = result


@settings(max_examples=40)
@given(
    it=st.floats(1e3, 3e9),
    idle=st.floats(0.01, 0.95),
    liquid=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    halls=st.integers(1, 40),
    place=st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    elevation=st.sampled_from([None, "-430 m", "0 m", "3000 m", "5000 m", "6000 m"]),
    supply=st.sampled_from([None, "-40 C", "5 C", "30 C", "45 C", "90 C"]),
    ups=st.sampled_from(["none", "ups-500kw", "ups-2500kw"]),
    redundancy=st.sampled_from(["n", "n+1", "2n"]),
    transformer=st.sampled_from(["transformer-1600kva", "transformer-10mva", "transformer-200mva"]),
    battery=st.sampled_from(["none", "battery-20mw"]),
    rejection=st.sampled_from(["dry", "chiller"]),
    share=st.floats(0, 1),
)
def test_any_valid_input_has_an_answer(
    it, idle, liquid, halls, place, elevation, supply, ups, redundancy, transformer, battery, rejection, share
):
    site = {"place": {"latitude": place[0], "longitude": place[1]}, "power": "1 kW", "floor": "1 m2"}
    site |= {"elevation": elevation, "supply_temperature": supply}
    power = {"ups": ups, "redundancy": redundancy, "transformer": transformer, "battery": battery, "generator": "none"}
    cooling = {"rejection": rejection, "cdu": "cdu-row-2000kw" if liquid else None}
    made = make_factory(it, idle=idle, liquid=liquid, racks=max(halls, 40), halls=halls, area=10.0)
    result = year(
        Site.model_validate(site), Design.model_validate({"power": power, "cooling": cooling}), made,
        lambda hours: np.full(np.shape(hours), share), the_catalog(), assumed(), None,  # type: ignore[arg-type]
    )  # fmt: skip
    for name, value in dataclasses.asdict(result).items():
        if isinstance(value, float | np.ndarray):
            assert np.isfinite(value).all(), name
    assert 1.0 < result.pue <= result.pue_peak * (1 + 1e-12)
    assert result.peak >= result.hourly_power.max() * (1 - 1e-12)
    assert min(result.energy_parts.values()) > 0
    assert sum(result.energy_parts.values()) == result.energy
    assert sum(result.peak_parts.values()) == result.peak
    assert all(unit.count > 0 for unit in result.plant)


def test_a_million_accelerators_and_a_single_rack(run):
    huge = run(made=make_factory(2.3e9, racks=20_000, halls=40, area=20_000))
    assert 1.05 < huge.pue < 1.25
    tiny = run(made=make_factory(10e3, racks=1, halls=1, area=20), power={"ups": "none", "generator": "none"})
    assert math.isfinite(tiny.pue)
    assert tiny.peak_parts["Transformers"] > 1e3  # a substation for one rack


def test_open_designs_are_refused(run):
    with pytest.raises(UsageError, match=r"design.power.ups is open"):
        run(power={"ups": None})
    with pytest.raises(UsageError, match=r"design.cooling.rejection is open"):
        run(cooling={"rejection": None})

import math

import pytest

from firstlight.economics import BuildingFacts, EnergyFacts, WorkloadFacts, price
from firstlight.errors import UsageError
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.twin.bill import BillLine
from firstlight.twin.result import Prediction

YEAR, DAY = 365 * 86400.0, 86400.0


def a(**overrides):
    return with_overrides(shipped(), {f"economics.{k}": v for k, v in overrides.items()})


def line(category="IT", lead="accelerators", unit_price=300_000.0, count=1000.0, unit="", rating=0.0) -> BillLine:
    return BillLine(
        category, f"{lead} item", f"{lead}-part", count, unit, unit_price, "a page", "published", lead, rating
    )


BILL = (
    line(),
    line("Network", "switches", 36_000, 300),
    line("Power", "ups", 400_000, 15),
    line("Cooling", "cdu", 1e5, 9),
)
ENERGY = EnergyFacts(energy=12e6 * YEAR, peak=15e6, water=20_000, carbon=4e7)
BUILDING = BuildingFacts(it_peak=12e6, floor=3000)
EVERYTHING_PRICED = (
    "accelerators", "transformer-high-voltage", "transformer", "ups", "generator", "battery", "chiller", "dry-cooler",
    "cdu", "air-handler", "switches", "optics", "cables", "racks",
)  # fmt: skip


def result(bill=BILL, energy=ENERGY, building=BUILDING, workloads=(), availability=0.99, **overrides):
    return price(bill, energy, building, 8000, availability, workloads, a(**overrides))


def test_leaves_add_up():
    found = result()
    capital = [line.amount for line in found.lines if line.path[0] == "Capital"]
    running = [line.amount for line in found.lines if line.path[0] == "Running"]
    assert sum(capital) == pytest.approx(found.capital)
    assert sum(running) == pytest.approx(found.running)
    assert len(capital) + len(running) == len(found.lines)
    assert len({line.path for line in found.lines}) == len(found.lines)
    assert all(line.source and line.standing for line in found.lines)
    assert found.per_watt == pytest.approx(found.capital / 15e6)
    assert found.per_accelerator_hour.p50 == pytest.approx(found.annual / (8000 * 0.99 * 8760))
    assert found.energy_cost == pytest.approx(12e3 * 8760 * 0.081)


def test_annual_cost_by_hand():
    """One asset class at a time: without interest a year costs capital over life, plus the running costs."""
    found = result(cost_of_capital="0 %", life_it="5 years", life_plant="5 years", life_building="5 years")
    land = next(line.amount for line in found.lines if line.path[-1] == "Land")
    assert found.annual == pytest.approx((found.capital - land) / 5 + found.running)


def test_what_stands_is_not_paid_for():
    stands = result(building=BuildingFacts(12e6, 3000, frozenset({"shell", "utility"})))
    names = {line.path[-1] for line in stands.lines}
    assert not names & {"Shell", "Site works", "Land", "Utility connection"}
    assert stands.capital < result().capital


def test_a_bill_that_lists_it_replaces_what_is_added():
    own = (line("Power", "switchgear", 1.0, 1), line("Power", "busway", 1.0, 1), line("IT", "storage", 1.0, 1))
    names = [entry.path[-1] for entry in result((*BILL, *own)).lines]
    assert not {"Switchgear", "Busway", "Storage"} & set(names)
    assert "switchgear item" in names


@pytest.mark.parametrize("lead", EVERYTHING_PRICED)
def test_a_missing_price_is_estimated_and_says_so(lead):
    (found,) = [
        entry for entry in result((line(lead=lead, unit_price=math.nan, count=2, rating=1e6),)).lines
        if entry.part == f"{lead}-part"
    ]  # fmt: skip
    entry = a().entry(f"economics.price_{lead}")
    each = entry.value if entry.dimension == "money" else entry.value * 1e6
    assert found.amount == pytest.approx(2 * each)
    assert found.standing == "estimate"
    by_watt = result((line(lead=lead, unit_price=math.nan, count=2e6, unit="W"),)).lines[0].amount
    assert entry.dimension == "money" or by_watt == pytest.approx(found.amount)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line(unit_price=math.nan), "neither a price nor a rating"),
        (line(lead="sculpture", unit_price=math.nan), "has no price"),
        (line("Garden"), 'category "Garden"'),
    ],
)
def test_lines_that_cannot_be_priced_are_refused(bad, message):
    with pytest.raises(UsageError, match=message):
        result((bad,))


def test_impossible_factories_are_refused():
    with pytest.raises(UsageError, match="availability"):
        result(availability=0)
    with pytest.raises(UsageError, match="more than zero"):
        result(life_it="0 years")


def training(**changes) -> WorkloadFacts:
    facts = {"duration": Prediction.within(30 * DAY, 0.2, calibrated=True, basis="fit"), "tokens": 15e12}
    return WorkloadFacts("llama", 4000, 0.5, **(facts | changes))


def serving() -> WorkloadFacts:
    return WorkloadFacts("deepseek", 2000, 0.2, tokens_per_s=Prediction.within(1e6, 0.2, calibrated=True, basis="fit"))


def test_a_run_costs_its_accelerator_hours():
    """With its share of the power equal to its share of the accelerators and all of them up, both prices agree."""
    found = result(workloads=(training(),), availability=1.0)
    (work,) = found.workloads
    assert work.per_run is not None
    assert work.per_run.p50 == pytest.approx(found.per_accelerator_hour.p50 * 4000 * 30 * 24)
    assert work.per_million_tokens.p50 == pytest.approx(work.per_run.p50 / 15e6)
    assert work.carbon_per_million_tokens == pytest.approx(4e7 * 0.5 * 30 / 365 / 15e6)
    assert work.per_run.p90 / work.per_run.p50 > math.exp(0.2)


def test_served_tokens_cost_their_share():
    (work,) = result(workloads=(serving(),)).workloads
    assert work.kind == "serving"
    assert work.per_run is None
    (half,) = result(workloads=(WorkloadFacts("deepseek", 1000, 0.1, tokens_per_s=serving().tokens_per_s),)).workloads
    assert half.per_million_tokens.p50 == pytest.approx(work.per_million_tokens.p50 / 2)
    assert half.carbon_per_million_tokens == pytest.approx(work.carbon_per_million_tokens / 2)


def test_workloads_must_train_or_serve():
    with pytest.raises(UsageError, match="either duration and tokens"):
        WorkloadFacts("x", 1, 0.1)
    with pytest.raises(UsageError, match="either duration and tokens"):
        training(tokens_per_s=Prediction.within(1, 0.1, calibrated=True, basis=""))
    with pytest.raises(UsageError, match="at least one accelerator"):
        WorkloadFacts("x", 0, 0.1, tokens_per_s=serving().tokens_per_s)


DEARER = {
    "cost_of_capital": "14 %", "electrical_works": "9 USD/W", "mechanical_works": "9 USD/W", "site_works": "9 USD/W",
    "switchgear": "9 USD/W", "busway": "9 USD/W", "utility_connection": "9 USD/W", "shell": "9000 USD/m2",
    "support_density": "1 kW/m2", "land": "9 USD/W", "storage": "50 %", "it_installation": "50 %",
    "engineering": "50 %", "commissioning": "50 %", "contingency": "50 %", "energy_price": "900 USD/MWh",
    "demand_charge": "1 USD/W", "water_price": "90 USD/m3", "staff_base": "900", "staff_power": "1 kW",
    "salary": "9 MUSD", "plant_maintenance": "50 %", "it_support": "50 %", "it_spares": "50 %", "insurance": "50 %",
    "property_tax": "50 %", "life_it": "1 years", "life_plant": "1 years", "life_building": "1 years",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), DEARER.items())
def test_each_assumption_bites(name, value):
    assert result(**{name: value}).annual > result().annual


def test_a_small_site_shares_its_staff():
    def people(peak):
        lines = result(energy=EnergyFacts(ENERGY.energy, peak, ENERGY.water, ENERGY.carbon)).lines
        return next(line.quantity for line in lines if line.path[-1] == "Staff")

    assert people(2e6) == pytest.approx(15 + 2e6 / 3.4e6)
    assert people(46e3) == pytest.approx(15 * 0.023 + 46e3 / 3.4e6)
    assert people(340e6) == pytest.approx(115)


@pytest.mark.parametrize("standing", ["measured", "vendor", "published", "estimate"])
def test_each_spread_bites(standing):
    bill = [BillLine("IT", "x", "x", 1, "", 1e9, "s", standing, "accelerators")]
    base, wide = (result(bill, **o).per_accelerator_hour for o in ({}, {f"spread_{standing}": "90 %"}))
    assert wide.p90 > base.p90
    assert wide.p50 == base.p50


def test_own_prices_are_certain():
    bill = [BillLine("IT", "x", "x", 1, "", 1e12, "the plan", "user", "accelerators")]
    hourly = result(bill, storage="0 %", it_installation="0 %").per_accelerator_hour
    assert hourly.p90 / hourly.p50 < 1.01


def test_the_sites_own_energy_price_is_used():
    cheap = result(energy=EnergyFacts(ENERGY.energy, ENERGY.peak, ENERGY.water, ENERGY.carbon, 1e-9))
    assert cheap.energy_cost == pytest.approx(ENERGY.energy * 1e-9)
    assert next(line for line in cheap.lines if line.path[-1] == "Electricity").standing == "user"

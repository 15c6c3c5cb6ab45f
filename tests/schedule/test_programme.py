import datetime as dt
import itertools
import math
from typing import get_args

import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.schedule import BuildFacts, OrderItem, programme
from firstlight.schedule.build import UNBILLED, WAITS_FOR
from firstlight.schedule.leadtimes import generation_key, lead_time, table
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.spec.plan import Equipment

START = dt.date(2026, 3, 2)
DAY = 86400.0
WEEK = 7 * DAY
BROWNFIELD = frozenset({"shell", "utility"})


def a(**overrides):
    return with_overrides(shipped(), {f"schedule.{k}": v for k, v in overrides.items()})


def build(**changes) -> BuildFacts:
    facts = {"buildings": 2, "halls": 8, "racks": 800, "nodes": 6000, "cables": 60_000, "it_power": 100e6}
    return BuildFacts(**(facts | changes))


def items(*keys: str) -> list[OrderItem]:
    return [OrderItem(table()[key]["item"], "", 3, key) for key in keys]


QUICK = dict.fromkeys(("lead_switchgear", "lead_busway", "utility_connection", "substation"), "0 weeks")
EVERYTHING = [key for key in table() if key not in ("accelerators-new", "switchgear-low-voltage")]


def test_tasks_keep_their_predecessors_and_the_end():
    result = programme(START, None, items(*EVERYTHING), build(), a())
    tasks = {task.name: task for task in result.tasks}
    assert len(tasks) == len(result.tasks)
    for task in result.tasks:
        assert task.finish == pytest.approx(task.start + task.duration)
        assert all(tasks[name].finish <= task.start + 1e-6 for name in task.after)
        assert task.late_start >= task.start - 1e-6
        assert task.source
        assert task.critical == (task.late_start - task.start < 1)
    assert max(task.finish for task in result.tasks) == result.makespan
    assert result.first_light == START + dt.timedelta(days=-(-result.makespan // DAY))
    assert result.first_light_p10 < result.first_light_p50 < result.first_light_p90


def test_critical_path_is_a_chain_without_slack():
    result = programme(START, None, items(*EVERYTHING), build(), a())
    tasks = {task.name: task for task in result.tasks}
    path = [tasks[name] for name in result.critical_path]
    assert all(task.critical for task in path)
    assert all(one.name in two.after and one.finish == two.start for one, two in itertools.pairwise(path))
    assert path[0].start == 0
    assert path[-1].name == "Acceptance of the whole factory"
    assert sum(task.duration for task in path) == pytest.approx(result.makespan)


def test_every_key_of_the_table_holds_up_first_light():
    assert {key for keys in WAITS_FOR.values() for key in keys} == set(table())
    base = programme(START, None, items(*EVERYTHING), build(), a()).makespan
    for key in EVERYTHING:
        late = programme(START, None, items(*EVERYTHING), build(), a(**{f"lead_{key}": "600 weeks"}))
        assert late.makespan > max(base, 600 * WEEK), key


def test_latest_order_dates_meet_ready_by():
    ready = dt.date(2031, 1, 1)
    result = programme(START, ready, items(*EVERYTHING), build(), a())
    assert result.late == 0
    assert [o.order_by for o in result.orders] == sorted(o.order_by for o in result.orders)
    ups = next(o for o in result.orders if o.item == "UPS blocks")
    begin = (ups.order_by - START).days * DAY
    # ordered on its latest day, the UPS still meets the date; a week later it does not
    on_time, too_late = (
        programme(START, None, items(*EVERYTHING), build(), a(lead_ups=f"{(begin + ups.lead_time + extra) / DAY} days"))
        for extra in (0.0, WEEK)
    )
    assert on_time.first_light <= ready < too_late.first_light


def test_a_date_too_early_says_by_how_much():
    early = START + dt.timedelta(days=122)
    result = programme(START, early, items(*EVERYTHING), build(), a())
    assert result.late == pytest.approx(result.makespan - 122 * DAY)
    transformers = next(o for o in result.orders if o.item == "Substation transformers")
    assert transformers.order_by < START
    assert transformers.late >= (START - transformers.order_by).days * DAY - DAY
    assert max(order.late for order in result.orders) == pytest.approx(result.late)


def test_what_stands_is_not_built_nor_ordered():
    both = programme(START, None, items(*EVERYTHING), build(existing=BROWNFIELD), a())
    names = {task.name for task in both.tasks}
    assert not any(
        name.startswith(("Permits", "Site works", "Frame", "Enclosure", "Substation", "Utility")) for name in names
    )
    assert "Order: Substation transformers" not in names
    shell_only = programme(START, None, items(*EVERYTHING), build(existing=frozenset({"shell"})), a())
    assert both.makespan < shell_only.makespan


def test_what_each_build_needs_is_ordered_even_if_unnamed():
    result = programme(START, None, (), build(), a())
    assert {o.item for o in result.orders} == {"Switchgear", "Busway", "Storage systems"}
    named = programme(START, None, [OrderItem("Our switchgear", "own", 4, "switchgear")], build(), a())
    assert {o.item for o in named.orders} == {"Our switchgear", "Busway", "Storage systems"}


def test_what_is_secured_does_not_wait_for_its_lead_time():
    keys = frozenset(EVERYTHING)
    waits = programme(START, None, items(*EVERYTHING), build(existing=BROWNFIELD), a())
    secured = programme(START, None, items(*EVERYTHING), build(existing=BROWNFIELD, secured=keys), a())
    assert secured.makespan < waits.makespan
    assert all(order.lead_time == order.lead_time_high == 0 for order in secured.orders)
    one = programme(START, None, items(*EVERYTHING), build(existing=BROWNFIELD, secured=frozenset({"ups"})), a())
    changed = [o.item for o in one.orders if o.lead_time == 0]
    assert changed == [table()["ups"]["item"]]


def test_a_small_site_waits_for_low_voltage_boards_only():
    small, large = (
        programme(START, None, (), build(existing=BROWNFIELD, it_power=power), a()) for power in (1.9e6, 2.1e6)
    )
    assert small.makespan < large.makespan
    (order,) = [order for order in small.orders if order.item == "Switchgear"]
    assert order.lead_time == 24 * WEEK


def test_a_plan_can_secure_whatever_is_ordered():
    assert set(get_args(Equipment)) == set(EVERYTHING)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("permits", "60 weeks"), ("site_works", "60 weeks"), ("frame", "60 weeks"), ("enclosure", "60 weeks"),
        ("rough_in", "60 weeks"), ("equipment", "60 weeks"), ("building_power", "1 kW"), ("hall_power", "1 kW"),
        ("utility_connection", "300 weeks"), ("substation", "300 weeks"), ("start_up", "60 weeks"),
        ("functional_tests", "60 weeks"), ("integrated_tests", "60 weeks"), ("rack_rate", "0.1 /day"),
        ("link_rate", "10 /day"), ("burn_in", "60 weeks"), ("early_failures", "100 %"), ("repair_rate", "1 /day"),
        ("acceptance", "60 weeks"), ("halls_per_crew", "1"), ("shifts", "2"),
    ],
)  # fmt: skip
def test_each_assumption_bites(name, value):
    orders, quick = items("transformer-high-voltage"), {**QUICK, "lead_transformer-high-voltage": "0 weeks"}
    base = programme(START, None, orders, build(), a(**quick)).makespan
    changed = programme(START, None, orders, build(), a(**(quick | {name: value}))).makespan
    faster = name in ("halls_per_crew", "shifts")
    assert changed < base if faster else changed > base


def test_a_site_at_medium_voltage_has_no_substation_to_build():
    with_one, without = (
        {task.name for task in programme(START, None, items(*keys), build(), a()).tasks}
        for keys in (["transformer", "transformer-high-voltage"], ["transformer"])
    )
    assert {"Substation", "Utility connection"} <= with_one
    assert "Substation" not in without
    assert "Utility connection" in without


def test_more_structural_crews_save_time():
    one, two = (
        programme(START, None, (), build(halls=2), a(**QUICK, halls_per_crew=1, buildings_per_crew=n)).makespan
        for n in (1, 2)
    )
    assert one < two


def test_trunks_laid_early_save_time_and_nights_help():
    quick = QUICK | {"link_rate": "100 /day"}
    some, most = (
        programme(START, None, (), build(existing=BROWNFIELD), a(**quick, trunk_share=s)).makespan
        for s in ("10 %", "60 %")
    )
    assert most < some
    lazy, keen = (
        programme(START, None, (), build(existing=BROWNFIELD), a(**quick, shifts=2, shift_efficiency=e)).makespan
        for e in ("10 %", "90 %")
    )
    assert keen < lazy


def test_more_to_build_takes_longer():
    small, large = (programme(START, None, (), build(it_power=p), a(growth=0.3)).makespan for p in (50e6, 500e6))
    assert small < large
    flat = programme(START, None, (), build(it_power=500e6), a(growth=0)).makespan
    assert flat < large


def test_newest_generation_waits_longer():
    assert generation_key("accelerators", 2025, 2026) == "accelerators-new"
    assert generation_key("accelerators", 2022, 2026) == "accelerators"
    assert generation_key("accelerators", None, 2026) == "accelerators"
    orders = [
        programme(START, None, [OrderItem("x", "", 1, "accelerators", year)], build(), a()).orders
        for year in (2022, 2026)
    ]
    old, new = (next(o for o in some if o.item == "x").lead_time for some in orders)
    assert old == 12 * WEEK
    assert new == 26 * WEEK


def test_table_is_ordered_and_the_plan_can_replace_it():
    for key in table():
        lead = lead_time(key, a())
        assert 0 < lead.low <= lead.typical <= lead.high < 300 * WEEK
        assert lead.standing in ("published", "estimate", "vendor", "measured")
    own = lead_time("ups", a(lead_ups="3 weeks"))
    assert (own.low, own.typical, own.high, own.standing) == (3 * WEEK, 3 * WEEK, 3 * WEEK, "user")


def test_items_without_key_do_not_wait_and_unknown_keys_are_refused():
    assert len(programme(START, None, [OrderItem("paint", "", 1, "")], build(), a()).orders) == len(UNBILLED)
    with pytest.raises(UsageError, match='did you mean "chiller"'):
        programme(START, None, [OrderItem("x", "", 1, "chillers")], build(), a())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: programme(START, START - dt.timedelta(days=1), (), build(), a()), "before the start"),
        (lambda: build(buildings=9), "cannot be shared"),
        (lambda: build(racks=0), "above zero"),
        (lambda: build(existing=frozenset({"roof"})), 'write "shell" or "utility"'),
        (lambda: programme(START, None, (), build(), a(rack_rate="0 /day")), "more than zero"),
        (lambda: programme(START, None, (), build(), a(frame="5000 years")), "shorten"),
        (lambda: programme(START, None, (), build(), a(shifts=7)), "from 1 to 3"),
        (lambda: programme(START, None, (), build(), a(growth=900)), "from 0 to 1"),
    ],
)
def test_wrong_calls_are_refused_with_a_remedy(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_two_hundred_halls():
    result = programme(START, None, items(*EVERYTHING), build(buildings=10, halls=200, it_power=2e9), a())
    assert len(result.tasks) > 2000


def test_the_same_seed_gives_the_same_interval_and_another_seed_nearly_the_same():
    one, again, other = (
        programme(START, None, items(*EVERYTHING), build(), a(), np.random.SeedSequence(seed)) for seed in (1, 1, 2)
    )
    assert (one.first_light_p10, one.first_light_p90) == (again.first_light_p10, again.first_light_p90)
    assert abs((one.first_light_p90 - other.first_light_p90).days) <= 10


def test_the_chance_grows_with_the_time_allowed():
    dates = [START + dt.timedelta(days=days) for days in (30, 700, 5000)]
    chances = [programme(START, day, items(*EVERYTHING), build(), a()).chance for day in dates]
    assert chances == sorted(chances)
    assert chances[0] == 0
    assert chances[-1] == 1
    assert math.isnan(programme(START, None, items(*EVERYTHING), build(), a()).chance)

"""The disciplines one after the other: numbers that hang together, and the same for the same seed."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from firstlight.errors import UsageError
from firstlight.evaluate import evaluate
from firstlight.spec import assumptions, catalog
from firstlight.spec.design import Design
from firstlight.twin.result import Prediction


def predictions(value):
    """Every Prediction inside a result."""
    if isinstance(value, Prediction):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from predictions(each)
    elif dataclasses.is_dataclass(value) and type(value).__module__.startswith("firstlight"):
        for field in dataclasses.fields(value):
            yield from predictions(getattr(value, field.name))


def test_the_same_seed_gives_the_same_bytes(evaluated):
    first, second = (json.dumps(evaluated(name=f'"{n}"').to_dict()) for n in ("a", "b"))
    first, second = (json.loads(text) for text in (first, second))
    for body in (first, second):
        for name in ("name", "plan", "input_hash"):
            body.pop(name)
    assert first == second


def test_the_seed_only_moves_what_is_drawn(evaluated):
    one, other = evaluated(), evaluated(seed=7)
    assert one.schedule.first_light == other.schedule.first_light
    assert (
        one.schedule.first_light_p90 != other.schedule.first_light_p90 or one.schedule.chance != other.schedule.chance
    )
    assert one.input_hash == other.input_hash


@pytest.mark.parametrize(
    "sets",
    [{"site.power": "3.5 MW"}, {"assumptions.economics.energy_price": "45 USD/MWh"}, {"demand[0].tokens": "201B"}],
)
def test_the_hash_covers_every_input(evaluated, sets):
    assert evaluated(**sets).input_hash != evaluated().input_hash


def test_json_is_finite_and_every_field_has_its_unit(evaluated):
    body = evaluated().to_dict()
    json.dumps(body, allow_nan=False)
    for room in ("network", "facility", "reliability", "economics", "schedule"):
        assert set(body["units"][room]) == set(body[room])


def test_intervals_are_in_order_and_say_what_they_rest_on(evaluated):
    found = list(predictions(evaluated()))
    assert len(found) > 12
    for each in found:
        assert each.p10 <= each.p50 <= each.p90
        assert each.basis
        assert math.isfinite(each.p50)


def test_counts_hang_together(evaluated):
    one = evaluated()
    made, factory = one.factory, one.twin
    assert made.accelerators == made.systems * 8 == 512
    assert made.compute_racks + made.network_racks + made.service_racks == len(factory.racks)
    assert one.facility.it_peak == pytest.approx(factory.it_power)
    assert one.network.endpoints == 512
    assert sum(part for part in one.facility.energy_parts.values()) == pytest.approx(one.facility.energy)
    assert one.economics.capital == pytest.approx(
        sum(line.amount for line in one.economics.lines if line.path[0] == "Capital")
    )


def test_assumptions_that_were_read_are_listed_and_can_be_replaced(evaluated):
    names = {entry.name for entry in evaluated().assumptions}
    for room in ("twin", "network", "performance", "facility", "reliability", "economics", "schedule"):
        assert any(name.startswith(f"{room}.") for name in names), room
    assert all(entry.source for entry in evaluated().assumptions)
    cheap = evaluated(**{"assumptions.economics.energy_price": "10 USD/MWh"})
    (own,) = [entry for entry in cheap.assumptions if entry.name == "economics.energy_price"]
    assert own.standing == "user"
    assert cheap.economics.energy_cost == pytest.approx(evaluated().economics.energy_cost * 10 / 81)


def test_an_open_design_is_refused(evaluated):
    open_plan = evaluated().plan.model_copy(update={"design": Design()})
    with pytest.raises(ValueError, match="system resolved"):
        evaluate(open_plan, catalog.shipped(), assumptions.with_overrides(assumptions.shipped(), {}))
    settled = evaluated().plan
    placed_nowhere = settled.model_copy(update={"design": settled.design.model_copy(update={"placements": None})})
    with pytest.raises(UsageError, match=r"design\.placements is open"):
        evaluate(placed_nowhere, catalog.shipped(), assumptions.with_overrides(assumptions.shipped(), {}))


def test_progress_names_each_step(evaluated):
    from firstlight.evaluate.run import STEPS

    seen: list[str] = []
    one = evaluated()
    a = assumptions.with_overrides(assumptions.shipped(), {})
    evaluate(one.plan, catalog.shipped(), a, progress=seen.append)
    assert tuple(seen) == STEPS

"""What a plan leaves open is proposed with a reason, what it says is kept, and what cannot be is explained."""

from __future__ import annotations

import re

import pytest

from firstlight.errors import InfeasibleError, UsageError
from firstlight.spec import catalog
from firstlight.spec.load import dump
from firstlight.spec.parts import System


def test_nothing_is_left_open_and_each_choice_has_its_reason(proposed):
    found = proposed()
    design = found.plan.design
    assert None not in (design.system, design.accelerators, design.spare, design.placements)
    fabric = design.fabric
    assert None not in (fabric.kind, fabric.link, fabric.switch, fabric.planes, fabric.taper)
    assert all(value is not None for value in design.power.model_dump().values())
    assert design.cooling.rejection is not None
    for path in ("design.system", "design.accelerators", "design.fabric.switch", "design.power.ups", "design.spare",
                 "design.cooling.rejection", "design.placements[0]", "design.placements[1]"):  # fmt: skip
        assert found.reasons[path]
    assert found.plan.demand[0].batch is not None


def test_what_is_given_is_kept(proposed):
    given = {
        "design.system": "dgx-b200", "design.accelerators": "800", "design.fabric.taper": "2",
        "design.fabric.switch": "nvidia-sn5600", "design.power.ups": "none", "design.cooling.rejection": "chiller",
        "design.spare": "5 %",
    }  # fmt: skip
    found = proposed(**given)
    design = found.plan.design
    assert (design.system, design.accelerators, design.spare) == ("dgx-b200", 800, 0.05)
    assert (design.fabric.taper, design.fabric.switch) == (2, "nvidia-sn5600")
    assert (design.power.ups, design.cooling.rejection) == ("none", "chiller")
    assert not set(given) & set(found.reasons)


def test_a_resolved_plan_is_proposed_as_it_is(proposed, tmp_path):
    once = proposed(**{"design.system": "hgx-h100"})
    again = proposed(document=dump(once.plan, base=tmp_path, to=tmp_path))
    assert again.plan == once.plan
    assert not again.reasons


def test_a_site_without_a_deadline_is_filled(proposed):
    run = "[{train: llama-3-8b, tokens: 500B}]"
    small, large = (proposed(demand=run, **{"design.system": "hgx-h100", "site.power": p}) for p in ("1 MW", "2 MW"))
    assert "site.power holds" in small.reasons["design.accelerators"]
    assert large.plan.design.accelerators == pytest.approx(2 * small.plan.design.accelerators, rel=0.05)
    cramped = proposed(demand=run, **{"design.system": "hgx-h100", "site.floor": "150 m2"})
    assert "site.floor holds" in cramped.reasons["design.accelerators"]


def test_deadlines_and_rates_take_the_fewest(proposed):
    calm = proposed(**{"design.system": "hgx-h100"})
    assert "fewest" in calm.reasons["design.accelerators"]
    hurried = proposed(**{"design.system": "hgx-h100", "demand[0].within": "30 days"})
    busy = proposed(**{"design.system": "hgx-h100", "demand[1].requests": "2000 /s"})
    assert hurried.plan.design.accelerators > calm.plan.design.accelerators
    assert busy.plan.design.accelerators > calm.plan.design.accelerators


def test_given_placements_say_how_many(proposed):
    placed = "[{accelerators: 64, training: {tensor: 1}}, {accelerators: 16, serving: {tensor: 1}}]"
    found = proposed(**{"design.system": "hgx-h100", "design.placements": placed})
    assert found.plan.design.accelerators == 80
    assert found.plan.design.spare == 0


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({"design.system": "hgx-h100", "site.power": "1 kW"}, ["site.power", "Give it more power"]),
        ({"design.system": "hgx-h100", "site.floor": "1 m2"}, ["site.floor", "Give it more floor"]),
        ({"design.system": "hgx-h100", "demand[0].within": "1 min"}, ["cannot be trained in time", "Allow"]),
        ({"design.system": "hgx-h100", "demand[1].requests": "900000 /s"}, ["accelerators serve", "site.power"]),
        (
            {"design.system": "l4-8", "demand": "[{train: llama-3.1-405b, tokens: 1T}]", "design.accelerators": "8"},
            ["does not fit on 8 nvidia-l4", "It fits on"],
        ),
        ({"design.system": "hgx-h100", "demand[1].per_token": "10 us"}, ["per_token", "at best"]),
        ({"demand[1].per_token": "10 us"}, ["none of the systems on sale", "hgx-h200", "per_token"]),
    ],
)
def test_what_cannot_be_says_which_limit_binds_and_what_would_do(proposed, sets, words):
    with pytest.raises(InfeasibleError) as no:
        proposed(**sets)
    for word in words:
        assert word in str(no.value)


def test_parts_that_do_not_go_together_are_refused(proposed):
    with pytest.raises(UsageError, match="port"):
        proposed(**{"design.system": "hgx-h100", "design.fabric.switch": "nvidia-qm8700", "design.accelerators": "64"})


def test_systems_that_the_site_cannot_cool_or_that_are_not_on_sale_are_not_proposed(proposed):
    assert proposed(**{"site.cooling": "[air]"}).plan.design.system.count("nvl72") == 0
    reason = proposed().reasons["design.system"]
    assert "systems that can do the work" in reason


def test_a_latency_that_no_number_meets_is_not_blamed_on_the_site(proposed):
    with pytest.raises(InfeasibleError) as no:
        proposed(**{"design.system": "hgx-h100", "demand[1].per_token": "10 us"})
    assert "site." not in str(no.value)


def test_the_nearest_systems_tell_their_limits_and_what_they_say_would_fit_fits(proposed):
    run = "[{train: llama-3.1-405b, tokens: 15T, within: 30 days}]"
    with pytest.raises(InfeasibleError) as no:
        proposed(demand=run, **{"site.power": "500 kW"})
    told = str(no.value)
    assert told.count("cannot be trained in time") == 3
    assert "Farther off: " in told
    system, days = re.findall(r"  (\S+): llama.*\n.*Allow ([0-9,]+) days, reserve included", told)[0]
    enough = run.replace("30 days", days.replace(",", "") + " days")
    assert proposed(demand=enough, **{"site.power": "500 kW", "design.system": system}).plan.design.system == system


def test_the_fewest_have_nodes_to_spare(proposed):
    """A spare node for the whole of a large site is a fraction of one for the few that a demand takes."""
    large = {"site.power": "50 MW", "site.floor": "20000 m2", "demand[0].within": "5 days"}
    found = proposed(**{"design.system": "hgx-h100", **large})
    design = found.plan.design
    placed = sum(placement.accelerators for placement in design.placements)
    assert design.accelerators - placed >= 8
    assert design.spare == pytest.approx(1 - placed / design.accelerators)


def test_what_is_not_sold_is_not_proposed(proposed):
    found = proposed(**{"site.power": "1 MW"})
    assert found.plan.design.system not in NOT_SOLD
    assert proposed(**{"site.power": "1 MW", "design.system": "tpu-v6e-8"}).plan.design.system == "tpu-v6e-8"
    with pytest.raises(InfeasibleError) as no:
        proposed(**{"demand[1].per_token": "10 us"})
    assert not any(system in str(no.value) for system in NOT_SOLD)


NOT_SOLD = [system.id for system in catalog.shipped().parts(System) if not system.sold]

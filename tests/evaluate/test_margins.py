"""How close a factory comes to each limit, and what is said where it goes beyond."""

from __future__ import annotations

import pytest

from firstlight.errors import InfeasibleError
from firstlight.evaluate.margins import require


def margin(evaluation, name: str):
    (found,) = [margin for margin in evaluation.margins if margin.name == name]
    return found


def refused(evaluation) -> str:
    with pytest.raises(InfeasibleError) as no:
        require(evaluation)
    return str(no.value)


def test_every_limit_has_a_margin_the_closest_first(evaluated):
    one = evaluated()
    assert {found.name for found in one.margins} == {
        "site.power", "site.floor", "ready_by", "demand[0].memory", "demand[0].within", "demand[1].memory",
        "demand[1].requests", "demand[1].first_token", "demand[1].per_token",
    }  # fmt: skip
    shares = [found.share for found in one.margins]
    assert shares == sorted(shares, reverse=True)
    require(one)


def test_a_limit_that_is_not_asked_for_has_none(evaluated):
    one = evaluated(**{"demand[1]": "{serve: llama-3.1-8b, requests: 4 /s, prompt: 100, answer: 100}", "ready_by": ""})
    assert not {"ready_by", "demand[1].first_token", "demand[1].per_token"} & {found.name for found in one.margins}


def test_too_little_power_says_how_many_would_fit(evaluated):
    short = evaluated(**{"site.power": "500 kW"})
    found = margin(short, "site.power")
    said = refused(short)
    assert "site.power: needs" in said
    assert f"{100 * (found.share - 1):.3g} % over" in said
    fits = int(said.partition("About ")[2].partition(" ")[0].replace(",", ""))
    assert 0.93 < fits * found.share / 512 <= 1
    smaller = evaluated(**{"site.power": "500 kW", "design.accelerators": str(fits)})
    assert 0.9 < margin(smaller, "site.power").share <= 1


def test_where_no_system_would_fit_it_says_how_much_would_do(evaluated):
    demand = {"design.accelerators": "8", "demand": "[{train: llama-3-8b, tokens: 1B}]"}
    said = refused(evaluated(**demand, **{"site.floor": "20 m2"}))
    assert "accelerators would fit" not in said
    enough = said.partition("Give it ")[2].rstrip(".")
    require(evaluated(**demand, **{"site.floor": enough}))


def test_a_deadline_that_is_missed_says_a_time_that_would_do(evaluated):
    training = "{accelerators: 256, training: {zero: 3, recompute: full}}"
    layout = f"[{training}, {{accelerators: 8, serving: {{tensor: 1, batch: 32}}}}]"
    late = evaluated(**{"design.placements": layout, "demand[0].within": "1 days"})
    allow = refused(late).partition("Allow ")[2].partition(",")[0]
    require(evaluated(**{"design.placements": layout, "demand[0].within": allow}))


def test_too_little_floor_is_a_limit(evaluated):
    assert "site.floor" in refused(evaluated(**{"site.floor": "50 m2"}))


def test_a_date_that_is_missed_names_what_the_critical_path_begins_with(evaluated):
    late = evaluated(ready_by="100 days")
    said = refused(late)
    assert "ready_by" in said
    assert late.schedule.critical_path[0] in said
    assert margin(late, "ready_by").available == pytest.approx(100 * 86400)


def test_a_rate_beyond_the_capacity_says_what_it_can_take(evaluated):
    """The layout is the user's, so the proposal does not size it."""
    placed = "[{accelerators: 256, training: {tensor: 1}}, {accelerators: 8, serving: {tensor: 1, batch: 32}}]"
    one = evaluated(**{"design.placements": placed, "demand[1].requests": "4000 /s"})
    found = margin(one, "demand[1].requests")
    assert found.share > 1
    assert "It can take" in refused(one)

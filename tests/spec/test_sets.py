"""`--set path=value`."""

from __future__ import annotations

import pytest

from .conftest import COLOSSUS


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("site.power", "75 MW", lambda plan: plan.site.power == 75e6),
        ("name", "half", lambda plan: plan.name == "half"),
        ("demand[1].requests", "800 /s", lambda plan: plan.demand[1].requests == 800),
        ("demand[0].batch", "16M", lambda plan: plan.demand[0].batch == 16e6),
        ("demand[0]", "{train: gpt-3-175b, tokens: 1T}", lambda plan: plan.demand[0].train == "gpt-3-175b"),
        ("design.fabric.kind", "clos", lambda plan: plan.design.fabric.kind == "clos"),
        ("design.power.ups", "none", lambda plan: plan.design.power.ups == "none"),
        ("design", "{}", lambda plan: plan.design.system is None),
        ("design.system", "", lambda plan: plan.design.system is None),
        ("site.cooling", "[air]", lambda plan: plan.site.cooling == ("air",)),
        ("site.place", "{latitude: 1, longitude: 2}", lambda plan: plan.site.place.latitude == 1),
        ("assumptions.economics.energy_price", "45 USD/MWh",
         lambda plan: plan.assumptions == {"economics.energy_price": "45 USD/MWh"}),
    ],
)  # fmt: skip
def test_changes_one_value(load, path, value, read):
    assert read(load(COLOSSUS, {path: value}).plan)


def test_later_changes_see_earlier_ones(load):
    plan = load(COLOSSUS, {"site.place": "{latitude: 1, longitude: 2}", "site.place.latitude": "3"}).plan
    assert plan.site.place.latitude == 3


def test_a_changed_value_can_mend_the_document(load):
    assert load(COLOSSUS.replace("150 MW", "150 MB"), {"site.power": "1 MW"}).plan.site.power == 1e6
    assert load(COLOSSUS.replace("system: hgx-h100", "system: a\n  system: b"), {"design.system": "hgx-h100"})


@pytest.mark.parametrize(
    ("path", "value", "message", "remedy"),
    [
        ("site.powr", "75 MW", 'there is no "powr" inside site', 'Did you mean "power"?'),
        ("demand[2].tokens", "1T", "demand has no entry [2]", "Its entries are [0] to [1]"),
        ("site[0]", "1", "site is not a list in this document", "Set site as a whole"),
        ("demand.tokens", "1T", 'there is no "tokens" inside demand', "Set demand as a whole"),
        ("site..power", "1", "this is no path", None),
        ("", "1", "this is no path", None),
        ("[", "1", "this is no path", None),
        ("site.power.unit", "1", None, None),
        ("site.power", "[1", 'a list that begins here is not closed with "]"', None),
        ("site.power", "75 MB", '"75 MB": "MB" is a unit of bytes, not of power', 'Write a power such as "150 MW".'),
        ("site.power", "", "has no value", "Write `power: 150 MW`."),
    ],
)
def test_refuses_paths_and_values(problems, path, value, message, remedy):
    (problem,) = problems(COLOSSUS, {path: value})
    assert problem.file == f"--set {path}"
    assert message is None or problem.message == message
    assert remedy is None or problem.remedy == remedy


def test_all_wrong_changes_come_together_with_the_documents_own(problems):
    found = problems(COLOSSUS.replace("15T", "15 W"), {"site.powr": "1 MW", "nme": "x", "site.floor": "3 W"})
    assert [each.where for each in found] == ["site.powr", "nme", "site.floor", "demand[0].tokens"]

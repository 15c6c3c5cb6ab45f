"""Loading plans: what is refused, where exactly, and with which remedy."""

from __future__ import annotations

import datetime as dt

import pytest

from firstlight.errors import DocumentError, UsageError
from firstlight.spec.load import KINDS, kind_of, load_document, load_plan
from firstlight.spec.workload import Serving, Training

from .conftest import COLOSSUS, TODAY

PLACED = COLOSSUS.replace(
    "fabric: {kind: rail-optimised, link: 400 Gb/s}",
    "placements:\n    - accelerators: 60_000\n      training: {tensor: 8}\n"
    "    - accelerators: 40_000\n      serving: {tensor: 8}",
)


def test_quantities_arrive_in_si(load):
    plan = load(COLOSSUS).plan
    assert (plan.site.power, plan.site.floor) == (150e6, 70000.0)
    assert plan.site.cooling == ("liquid", "air")
    training, serving = plan.demand
    assert isinstance(training, Training)
    assert (training.tokens, training.within) == (15e12, 60 * 86400.0)
    assert isinstance(serving, Serving)
    assert (serving.requests, serving.prompt, serving.first_token, serving.per_token) == (400.0, 4000, 1.0, 0.02)
    assert plan.design.accelerators == 100_000
    assert plan.design.fabric.link == 5e10
    assert plan.ready_by == 122 * 86400.0


def test_what_belongs_to_a_plan_comes_with_it(load, tmp_path):
    loaded = load(COLOSSUS + 'assumptions: {economics.energy_price: "45 USD/MWh"}\n')
    assert loaded.path == tmp_path / "plan.yaml"
    assert loaded.base == tmp_path
    assert loaded.assumptions["economics.energy_price"] == pytest.approx(45 / 3.6e9)
    assert loaded.assumptions.entry("economics.energy_price").standing == "user"
    assert len(loaded.catalog) > 200


@pytest.mark.parametrize(
    ("old", "new", "place", "where", "message", "remedy"),
    [
        ("150 MW", "150 MB", "4:10", "site.power", '"150 MB": "MB" is a unit of bytes, not of power',
         'Write a power such as "150 MW".'),
        ("150 MW", "150 mw", "4:10", "site.power", '"150 mw": unknown unit "mw"', 'Did you mean "MW"?'),
        ("150 MW", "150", "4:10", "site.power", "150 has no unit", 'Write a power such as "150 MW".'),
        ("150 MW", "-150 MW", "4:10", "site.power", '"-150 MW" is out of range',
         'Write something between 1 kW and 100 GW, such as "150 MW".'),
        ("150 MW", "150 EW", "4:10", "site.power", '"150 EW" is out of range',
         'Write something between 1 kW and 100 GW, such as "150 MW".'),
        ("150 MW", "[1, 2]", "4:10", "site.power", "[1, 2] is not a power", 'Write a power such as "150 MW".'),
        ("150 MW", "true", "4:10", "site.power", '"true" is not a power', 'Write a power such as "150 MW".'),
        ("150 MW", "", "4:9", "site.power", "has no value", "Write `power: 150 MW`."),
        ("15T", ".nan", "9:13", "demand[0].tokens", "nan is not a finite number",
         'Write a number of tokens such as "15T tokens".'),
        ("15T", "-.inf", "9:13", "demand[0].tokens", "-inf is not a finite number",
         'Write a number of tokens such as "15T tokens".'),
        ("15T", "nan", "9:13", "demand[0].tokens", '"nan" is not a number of tokens',
         'Write a number of tokens such as "15T tokens".'),
        ("60 days", "60", "10:13", "demand[0].within", "60 has no unit", 'Write a time such as "60 days".'),
        ("floor:", "flor:", "5:3", "site.flor", 'unknown key "flor"', 'Did you mean "floor"?'),
        ("  floor: 70000 m2\n", "", "2:1", "site.floor", "is missing",
         "Write `floor: 70000 m2` (White space for racks and aisles, over all halls together)."),
        ("site:", "sites:", "1:1", "site", "is missing",
         'Write `site: {place: "Memphis, Tennessee", power: 150 MW, floor: 70000 m2}` '
         "(The site, or the path of a Site document)."),
        ("name: colossus", "name: ''", "1:7", "name", "is empty", "Write `name: colossus`."),
        ("name: colossus", "name: 7", "1:7", "name", "7 is not a text", 'Put it in quotes: "7".'),
        ("name: colossus", "name: " + 101 * "x", "1:7", "name", "101 characters are too many", "At most 100."),
        ("liquid", "liqid", "6:13", "site.cooling[0]", '"liqid" is none of liquid, air', 'Did you mean "liquid"?'),
        ("[liquid, air]", "[]", "6:12", "site.cooling", "is empty", "Write `cooling: [liquid, air]`."),
        ("[liquid, air]", "air", "6:12", "site.cooling", '"air" is not a list', "Write `cooling: [air]`."),
        ("prompt: 4000", "prompt: 0", "13:13", "demand[1].prompt", "0 is out of range",
         "Write a number between 1 and 16,777,216."),
        ("prompt: 4000", "prompt: 4.5", "13:13", "demand[1].prompt", "4.5 is not a whole number",
         "Write `prompt: 4000`."),
        ("prompt: 4000", "prompt: 400000", "13:13", "demand[1].prompt", "prompt and answer are 401,000 tokens together",
         None),
        ("requests: 400 /s", "requests: -400 /s", "12:15", "demand[1].requests", '"-400 /s" is out of range', None),
        ("train:", "tran:", "8:5", "demand[0]", "this workload does not say what it does",
         'Did you mean "train" where "tran" stands?'),
        ("tokens: 15T", "serve: gpt-3", "8:5", "demand[0]", "a workload is either trained or served",
         "Make two entries of it, one with `train:`, one with `serve:`."),
        ("llama-3.1-405b", "llama-3.1-405", "8:12", "demand[0].train", 'unknown model "llama-3.1-405"', None),
        ("hgx-h100", "hgx-h10", "18:11", "design.system", 'unknown system "hgx-h10"', None),
        ("100_000", "-5", "19:17", "design.accelerators", "-5 is out of range",
         'Write something between 1 and 100M, such as "100_000".'),
        ("100_000", "1e300", "19:17", "design.accelerators", "1e+300 is out of range", None),
        ("100_000", "2.5", "19:17", "design.accelerators", "2.5 is not a whole number",
         'Write one such as "100_000".'),
        ("rail-optimised", "rail-optimized", "20:18", "design.fabric.kind",
         '"rail-optimized" is none of clos, rail-optimised, rail-only, dual-tor, dragonfly, slim-fly, hyperx, torus',
         'Did you mean "rail-optimised"?'),
        ("fabric: {kind: rail-optimised, link: 400 Gb/s}", "fabric: rail", "20:11", "design.fabric",
         '"rail" is not a mapping', "Write keys and values below it: kind, link, switch, spine_switch, planes, taper, "
         "groups, trunk, dragonfly, slim_fly, hyperx, torus, sites."),
        ("fabric:", "halls: 3\n  fabric:", "20:3", "design.halls", 'unknown key "halls" here',
         "It belongs below `site:`."),
        ("122 days", "2026-05-31", "21:11", "ready_by", "2026-05-31 is in the past (today is 2026-06-01)",
         "Write a date that is still to come."),
        ("122 days", "2027-02-30", "21:11", "ready_by", '"2027-02-30" is not in the calendar',
         'Write a date such as 2027-03-01 or a time such as "122 days".'),
        ("122 days", "1890-01-01", "21:11", "ready_by", "1890-01-01 is out of range", None),
        ("122 days", "2027-03-01\nstart: 2027-04-01", "21:11", "ready_by", "2027-03-01 is before the start, 2027-04-01",
         "Write a later date."),
        ("  cooling: [liquid, air]", "  halls: 1\n  buildings: 3", "6:10", "site.halls",
         "1 hall cannot fill 3 buildings", "Write 3 or more."),
        ("  cooling: [liquid, air]", "  cooling: [air]\n  supply_temperature: 30 C", "7:3", "site.supply_temperature",
         "has no effect: the site takes no liquid cooling", "Remove it, or add liquid to site.cooling."),
        ("rail-optimised, ", "torus, planes: 2, ", "20:25", "design.fabric.planes",
         "has no effect: a torus has no switches", "Remove `planes`, or choose another kind of fabric."),
        ("rail-optimised, ", "clos, taper: 0, ", "20:31", "design.fabric.taper", "0 is out of range",
         "Write a number between 0.015625 and 64."),
        ("rail-optimised, ", "clos, taper: [0], ", "20:32", "design.fabric.taper[0]", "0 is out of range",
         "Write a number between 0.015625 and 64."),
        ("rail-optimised, ", "dragonfly, taper: 2, ", "20:29", "design.fabric.taper",
         "has no effect on a dragonfly", "Remove `taper`, or choose another kind of fabric."),
        ("rail-optimised, ", "clos, hyperx: {dimensions: [8, 8]}, ", "20:24", "design.fabric.hyperx",
         "has no effect on a clos", "Remove `hyperx`, or choose another kind of fabric."),
        ("link: 400 Gb/s", "spine_switch: nvlink5-tray", "20:48", "design.fabric.spine_switch",
         "nvidia-nvlink5-tray joins the accelerators of one system, and no fabric",
         "Name an Ethernet or InfiniBand switch."),
        ("link: 400 Gb/s", "switch: nvlink5-tray", "20:42", "design.fabric.switch",
         "nvidia-nvlink5-tray joins the accelerators of one system, and no fabric",
         "Name an Ethernet or InfiniBand switch."),
        ("fabric:", "power: {ups: none, redundancy: n+1}\n  fabric:", "20:22", "design.power.redundancy",
         "has no effect: the racks are fed without a UPS", "Remove it, or name a UPS."),
        ("ready_by:", "catalog: nix.yaml\nready_by:", "21:10", "catalog", None, "Check the path."),
        ("ready_by:", "assumptions: {economics.energy_prize: 3}\nready_by:", "21:15",
         "assumptions.economics.energy_prize", 'unknown assumption "economics.energy_prize"',
         'Did you mean "economics.energy_price"?'),
        ("ready_by:", "assumptions: {economics.energy_price: 3 GB}\nready_by:", "21:39",
         "assumptions.economics.energy_price", '"3 GB": "GB" is a unit of bytes, not of energy price',
         'Write an energy price such as "60 USD/MWh".'),
        ("ready_by:", "assumptions: {economics.energy_price: [1]}\nready_by:", "21:39",
         "assumptions.economics.energy_price", None, None),
        ("  floor:", "  weather: my.epw\n  floor:", "5:12", "site.weather", None,
         "Paths are relative to the document."),
        ("place: Memphis, Tennessee ", "place: {latitude: 95, longitude: 0} ", "3:21", "site.place.latitude",
         "95 is out of range", "Write a number between -90 and 90."),
        ("  floor:", "  power: 3 MW\n  floor:", "5:3", "site.power",
         'the key "power" stands here twice, first on line 4', "Keep one of them."),
    ],
)  # fmt: skip
def test_refuses_at_the_place_with_the_remedy(problems, old, new, place, where, message, remedy):
    assert old in COLOSSUS
    found = problems(COLOSSUS.replace(old, new, 1))
    (problem,) = [each for each in found if each.where == where]
    assert f"{problem.line}:{problem.column}" == place
    assert message is None or problem.message == message
    assert problem.remedy == remedy if remedy is not None else problem.remedy
    assert "\n" not in problem.message + problem.remedy


@pytest.mark.parametrize(
    ("old", "new", "where", "message", "remedy"),
    [
        ("    - accelerators: 40_000\n      serving: {tensor: 8}", "", "design.placements",
         "1 placements for 2 workloads", "Write one for each workload, in the demand's order."),
        ("60_000", "80_000", "design.placements", "120,000 accelerators are placed, but the design has 100,000",
         "Take 20,000 out, or raise design.accelerators."),
        ("60_000", "60_001", "design.placements[0].accelerators",
         "60,001 accelerators do not divide into groups of tensor 8 x pipeline 1 x context 1 = 8",
         "Write 60000 or 60008, or another layout."),
        ("training: {tensor: 8}", "serving: {tensor: 8}", "design.placements[0].serving",
         "has no effect: demand[0] is a training workload", "Write `training:` instead."),
        ("training: {tensor: 8}", "training: {tensor: 8, expert: 2}", "design.placements[0].training.expert", None,
         "Remove it."),
        ("serving: {tensor: 8}", "serving: {tensor: 8, expert: 3}", "design.placements[1].serving.expert",
         "3 expert-parallel ranks do not divide tensor x data x context = 8", "Write 2, or another divisor of 8."),
        ("training: {tensor: 8}", "training: {tensor: 8, interleave: 2}", "design.placements[0].training.interleave",
         "has no effect: one pipeline stage cannot be interleaved", "Remove it, or raise `pipeline`."),
    ],
)  # fmt: skip
def test_placements_fit_demand_factory_and_themselves(problems, old, new, where, message, remedy):
    assert old in PLACED
    problem = next(each for each in problems(PLACED.replace(old, new, 1)) if each.where == where)
    assert message is None or problem.message == message
    assert problem.remedy == remedy


def test_placements_that_fit_are_taken(load):
    placements = load(PLACED).plan.design.placements
    assert placements
    assert [placement.accelerators for placement in placements] == [60_000, 40_000]


def test_all_problems_come_at_once_in_order(problems):
    text = COLOSSUS
    for old, new in [
        ("floor: 70000", "flor: 70000"), ("150 MW", "150 MB"), ("15T", ".nan"), ("llama-3.1-405b", "llama-3.1-405"),
        ("hgx-h100", "hgx-h10"), ("rail-optimised", "rails"), ("122 days", "2020-01-01"),
        ("prompt: 4000", "prompt: -1"),
    ]:  # fmt: skip
        assert old in text
        text = text.replace(old, new, 1)
    text += "site: 3\nassumptions: {nonsense: 1}\ncatalog: nix.yaml\n"
    found = problems(text)
    assert [problem.where for problem in found] == [
        "site.floor", "site.power", "site.flor", "demand[0].train", "demand[0].tokens", "demand[1].prompt",
        "design.system", "design.fabric.kind", "ready_by", "site", "assumptions.nonsense", "catalog",
    ]  # fmt: skip
    assert all(problem.line and problem.column and problem.source and problem.remedy for problem in found)


def test_at_most_a_hundred_problems_are_shown(problems):
    found = problems(COLOSSUS + "\n".join(f"key{n}: 1" for n in range(300)))
    assert len(found) == 101
    assert found[-1].message == "200 more problems are not shown"


def test_first_light_may_be_today_and_a_past_start_is_history(load):
    load(COLOSSUS.replace("122 days", str(TODAY)))
    plan = load(COLOSSUS + "start: 2024-05-01\n", sets={"ready_by": "5 years"}).plan
    assert plan.start == dt.date(2024, 5, 1)


@pytest.mark.parametrize("word", ["yes", "on", "NO", "012", "1:30", "=", "2027-3-1"])
def test_words_that_yaml_1_1_would_turn_into_something_else_stay_words(load, word):
    assert load(COLOSSUS.replace("name: colossus", f"name: {word}", 1) if word != "012" else COLOSSUS).plan.name


DOCUMENTS = {
    "site": "place: Memphis, Tennessee\npower: 3 MW\nfloor: 500 m2\n",
    "demand": "- {train: gpt-3-175b, tokens: 1T}\n- work.yaml\n",
    "workload": "serve: deepseek-r1\nrequests: 4 /s\nprompt: 10\nanswer: 10\n",
    "design": "system: hgx-h100\naccelerators: 64\n",
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_each_document_can_stand_alone(tmp_path, kind):
    (tmp_path / "work.yaml").write_text(DOCUMENTS["workload"])
    (tmp_path / "it.yaml").write_text(DOCUMENTS[kind])
    assert load_document(kind, tmp_path / "it.yaml")
    assert kind_of(tmp_path / "it.yaml") == kind


def test_single_documents_name_parts_models_and_files_that_exist(tmp_path):
    for kind, text in {
        "site": DOCUMENTS["site"] + "weather: nix.epw\n",
        "demand": "- {train: gpt-33, tokens: 1T}\n",
        "workload": DOCUMENTS["workload"].replace("deepseek-r1", "deepseek-r11"),
        "design": "system: hgx-h1000\n",
    }.items():
        (tmp_path / "it.yaml").write_text(text)
        with pytest.raises(DocumentError) as caught:
            load_document(kind, tmp_path / "it.yaml")
        assert caught.value.problems[0].line


def test_unknown_kind_of_document(tmp_path):
    with pytest.raises(UsageError, match='there is no document "sites"; Did you mean "site"'):
        load_document("sites", tmp_path)
    assert set(DOCUMENTS) < set(KINDS)


def test_parts_of_the_users_own_are_laid_over_the_catalogue(tmp_path, load):
    from firstlight.spec.parts import Switch

    parts = (
        "- {kind: switch, id: acme-s1, name: Acme S1, vendor: Acme, source: us, standing: vendor, protocol: ethernet,\n"
        "   ports: 64, port_bandwidth: 800 Gb/s, latency: 500 ns, rack_units: 2, power: 2 kW}\n"
    )
    text = COLOSSUS.replace("link: 400 Gb/s", "link: 400 Gb/s, switch: acme-s1")
    loaded = load(text + "catalog: parts.yaml\n", parts=parts)
    assert loaded.catalog.part(Switch, "acme-s1").ports == 64


def test_problems_of_the_users_own_parts_carry_their_file(problems):
    found = problems(COLOSSUS + "catalog: parts.yaml\n", parts="- {kind: swich, id: acme-s1}\n")
    assert found[0].file.endswith("parts.yaml")


def test_models_of_the_users_own_are_read(tmp_path, problems):
    (tmp_path / "config.json").write_text('{"model_type": "lama"}')
    found = problems(COLOSSUS.replace("llama-3.1-405b", "config.json"))
    assert found[0].file.endswith("config.json")
    assert "model_type" in found[0].where


@pytest.mark.parametrize("name", ["", ".", "missing.yaml"])
def test_what_cannot_be_opened_is_said(tmp_path, name):
    with pytest.raises(DocumentError) as caught:
        load_plan(tmp_path / name, today=TODAY)
    assert caught.value.problems[0].message in ("this is a folder, not a document", "no such file")


@pytest.mark.parametrize(
    ("model", "fields", "where", "message", "remedy"),
    [
        ("wan2.1-t2v-14b", "prompt: 300, answer: 20", "demand[1].answer",
         "Wan2.1 text to video 14B reads all tokens in one pass and writes none after another",
         "Write answer: 1; a request is then one pass (a video of 50 denoising steps is 50 of them)."),
        ("esm-2-650m", "prompt: 300, answer: 1, per_token: 20 ms", "demand[1].per_token",
         "has no effect: ESM-2 650M writes no token after another", "Remove it; first_token limits the pass."),
        ("wan2.1-t2v-14b", "prompt: 75_601, answer: 1", "demand[1].prompt", "is 75,601 tokens",
         "Wan2.1 text to video 14B reads at most 75,600: shorten it."),
    ],
)  # fmt: skip
def test_models_of_one_pass_write_no_token_after_another(load, problems, model, fields, where, message, remedy):
    start = COLOSSUS.index("  - serve:")
    served = f"  - {{serve: {model}, requests: 1 /s, {fields}}}\n"
    text = COLOSSUS[:start] + served + COLOSSUS[COLOSSUS.index("design:") :]
    (problem,) = problems(text)
    assert (problem.where, problem.message, problem.remedy) == (where, message, remedy)
    load(text.replace(fields, "prompt: 1000, answer: 1"))

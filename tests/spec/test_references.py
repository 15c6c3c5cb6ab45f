"""Documents in files of their own."""

from __future__ import annotations

import pytest

from firstlight.errors import DocumentError
from firstlight.spec.load import load_plan

from .conftest import COLOSSUS, TODAY

SITE = "place: Memphis, Tennessee\npower: 150 MW\nfloor: 70000 m2\n"
WORK = "serve: deepseek-r1\nrequests: 400 /s\nprompt: 4000\nanswer: 1000\n"
PLAN = "name: x\nsite: site.yaml\ndemand: demand.yaml\ndesign: design.yaml\n"
FILES = {
    "site": SITE,
    "demand": "- {train: llama-3.1-405b, tokens: 15T}\n- work.yaml\n",
    "work": WORK,
    "design": "system: hgx-h100\n",
}


def test_sections_may_stand_in_files(load):
    plan = load(PLAN, **FILES).plan
    assert plan.site.power == 150e6
    assert [getattr(workload, "serve", None) for workload in plan.demand] == [None, "deepseek-r1"]
    assert plan.design.system == "hgx-h100"


def test_paths_are_relative_to_the_file_that_they_stand_in(tmp_path, weather_file):
    (tmp_path / "parts").mkdir()
    weather_file(tmp_path / "parts" / "here.epw")
    (tmp_path / "parts" / "site.yaml").write_text(SITE + "weather: here.epw\n")
    (tmp_path / "parts" / "demand.yaml").write_text("- work.yaml\n")
    (tmp_path / "parts" / "work.yaml").write_text(WORK)
    (tmp_path / "plan.yaml").write_text("name: x\nsite: parts/site.yaml\ndemand: parts/demand.yaml\n")
    plan = load_plan(tmp_path / "plan.yaml", today=TODAY).plan
    assert plan.site.weather == "parts/here.epw"


def test_a_folder_named_like_a_model_does_not_replace_it(tmp_path):
    (tmp_path / "parts" / "deepseek-r1").mkdir(parents=True)
    (tmp_path / "parts" / "work.yaml").write_text(WORK)
    (tmp_path / "plan.yaml").write_text(f"name: x\ndemand: [parts/work.yaml]\nsite: {{{SITE.replace(chr(10), ', ')}}}"
                                        .replace("Memphis, ", "Memphis "))  # fmt: skip
    assert load_plan(tmp_path / "plan.yaml", today=TODAY).plan.demand[0].serve == "deepseek-r1"


def test_problems_carry_the_file_they_are_in(problems):
    found = problems(PLAN, **{**FILES, "site": SITE.replace("MW", "MB"), "work": WORK.replace("4000", "-4")})
    assert [(p.file.rpartition("/")[2], p.line, p.column, p.where) for p in found] == [
        ("site.yaml", 2, 8, "site.power"),
        ("work.yaml", 3, 9, "demand[1].prompt"),
    ]


def test_what_is_missing_from_a_file_is_said_there(problems):
    (problem,) = problems(PLAN, **{**FILES, "site": "place: Memphis, Tennessee\npower: 150 MW\n"})
    assert (problem.file.rpartition("/")[2], problem.line, problem.where) == ("site.yaml", 1, "site.floor")


def test_missing_and_broken_files_and_all_else_come_together(problems):
    files = {"demand": "- {train: llama-3.1-405b, tokens: 15 W}\n- wrk.yaml\n", "design": "system: [\n", "work": WORK}
    found = problems(PLAN + "ready_by: 2020-01-01\n", **files)
    assert [(p.file.rpartition("/")[2], p.line, p.column) for p in found] == [
        ("plan.yaml", 2, 7), ("plan.yaml", 5, 11), ("demand.yaml", 1, 35), ("demand.yaml", 2, 3), ("design.yaml", 2, 1),
    ]  # fmt: skip
    assert "no such file" in found[0].message
    assert found[3].remedy == 'Did you mean "work.yaml"?'


@pytest.mark.parametrize(
    "files",
    [
        {"demand": "- plan.yaml\n"},
        {"demand": "demand.yaml\n"},
        {"demand": "- demand.yaml\n"},
    ],
)
def test_files_that_refer_back_are_refused(problems, files):
    found = problems("name: x\nsite: {place: Bonn, power: 1 MW, floor: 10 m2}\ndemand: demand.yaml\n", **files)
    assert any("refers back to itself" in p.message or "not a list" in p.message for p in found)
    assert not any("workload" in p.message for p in found)


def test_a_file_that_is_a_folder(tmp_path):
    (tmp_path / "site.yaml").mkdir()
    (tmp_path / "plan.yaml").write_text(PLAN.replace("demand.yaml", "[]").replace("design.yaml", "{}"))
    with pytest.raises(DocumentError) as caught:
        load_plan(tmp_path / "plan.yaml", today=TODAY)
    assert "this is a folder" in caught.value.problems[0].message
    assert caught.value.problems[0].line == 2


def test_set_can_name_another_file(load):
    site = SITE.replace("150", "75")
    assert load(COLOSSUS, {"site": "other.yaml"}, other=site).plan.site.power == 75e6
    assert load(PLAN, {"site": "other.yaml"}, **{**FILES, "site": "broken: [", "other": site}).plan.site.power == 75e6

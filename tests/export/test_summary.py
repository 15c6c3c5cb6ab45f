"""The answer in a dozen lines."""

from __future__ import annotations

import pytest

from firstlight import units
from firstlight.export.summary import summary

from . import sample


def lines(evaluation):
    name, *rest = summary(evaluation).splitlines()
    return name, [tuple(part.strip() for part in line.strip().split(" ", 1)) for line in rest]


def test_it_begins_with_the_name_and_tells_each_thing_once():
    name, rows = lines(sample.evaluation())
    assert name == "sample"
    assert [label for label, _ in rows] == ["factory", "power", "cost", "date", "trains", "serves", "limits", "note"]


def test_its_numbers_are_those_of_the_evaluation():
    evaluation = sample.evaluation()
    said = dict(lines(evaluation)[1])
    assert f"{evaluation.factory.accelerators:,} {evaluation.factory.accelerator}" in said["factory"]
    assert "1 hall, 1 building" in said["factory"]
    assert said["power"].startswith(units.show(evaluation.facility.peak, "power"))
    assert units.show(evaluation.economics.capital, "money") in said["cost"]
    assert str(evaluation.schedule.first_light) in said["date"]
    assert f"MFU {evaluation.training[0].mfu.p50:.1%}" in said["trains"]
    assert f"in {evaluation.serving[0].replicas:,} replicas" in said["serves"]


def test_the_closest_limits_come_first():
    evaluation = sample.evaluation(late_days=43)
    said = dict(lines(evaluation)[1])["limits"]
    assert said.startswith("ready_by 116% (")
    assert said.count(";") == 2


@pytest.mark.parametrize("case", [{"training": False, "serving": False}, {"torus": True}])
def test_it_holds_without_work_and_without_switches(case):
    labels = [label for label, _ in lines(sample.evaluation(**case))[1]]
    assert labels[:4] == ["factory", "power", "cost", "date"]
    assert ("trains" in labels) == case.get("training", True)


def test_not_a_number_is_said():
    assert "nan" not in summary(sample.odd()).lower().replace("donau", "")

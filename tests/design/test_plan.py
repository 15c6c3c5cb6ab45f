"""The verb `plan` in Python: from a file to an Evaluation."""

from __future__ import annotations

import datetime as dt

import pytest

from firstlight.design import STEPS, dry_run, plan
from firstlight.errors import DocumentError

from .conftest import OPEN, TODAY


@pytest.fixture
def file(tmp_path):
    (tmp_path / "plan.yaml").write_text(OPEN + "design: {system: hgx-h100, accelerators: 512}\n", "utf-8")
    return tmp_path / "plan.yaml"


def test_plans_from_a_path_and_reports_each_step(file):
    seen: list[str] = []
    found = plan(str(file), today=TODAY, progress=seen.append)
    assert len(seen) == STEPS
    assert found.factory.accelerators == 512
    assert any(line.startswith("design.power.ups = ") for line in found.proposed)


def test_start_is_the_day_of_the_run_where_the_plan_names_none(file):
    file.write_text(file.read_text().replace("start: 2026-06-01\n", ""))
    assert plan(file, today=dt.date(2026, 9, 1)).schedule.start == dt.date(2026, 9, 1)


def test_a_wrong_document_is_refused_before_anything_is_planned(file):
    file.write_text(file.read_text().replace("5 MW", "5 MB"))
    with pytest.raises(DocumentError, match="5 MB"):
        plan(file, today=TODAY)


def test_dry_run_says_what_would_be_proposed_and_how_long_it_takes(file):
    assert "would propose placements" in dry_run(file)
    assert "would propose nothing" not in dry_run(file, sets={"design.system": "dgx-h100"})
    file.write_text(OPEN)
    assert "system, accelerators, placements" in dry_run(file)

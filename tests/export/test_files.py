"""The files of one evaluation: all or none, readable by others, and nothing of the user's touched."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import firstlight
from firstlight.errors import UsageError
from firstlight.export import files, write
from firstlight.spec import load

from . import sample

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = ["report.html", "evaluation.json", "design.yaml", "bom.csv", "racks.csv", "cables.csv", "schedule.csv"]


@pytest.fixture(scope="module")
def evaluation():
    return sample.evaluation(systems=64)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_files_are_written_and_nothing_else(evaluation, tmp_path):
    written = write(evaluation, tmp_path / "new" / "out")
    assert [path.name for path in written] == FILES
    assert sorted(os.listdir(tmp_path / "new" / "out")) == sorted(FILES)


def test_csv_is_what_others_read(evaluation, tmp_path):
    write(evaluation, tmp_path)
    bill = rows(tmp_path / "bom.csv")
    assert [row["item"] for row in bill] == [line.item for line in evaluation.bill]  # quotes and commas come back
    assert float(bill[0]["amount_usd"]) == evaluation.bill[0].amount
    assert bill[-2]["unit_price_usd"] == ""  # not a number is an empty cell
    assert len(rows(tmp_path / "cables.csv")) == len(evaluation.cable_plan)
    assert len(rows(tmp_path / "racks.csv")) == len(evaluation.twin.racks)
    assert rows(tmp_path / "schedule.csv")[0]["start"] == evaluation.schedule.start.isoformat()


def test_a_long_table_is_parquet_and_takes_the_place_of_the_csv(evaluation, tmp_path, monkeypatch):
    write(evaluation, tmp_path)
    before = rows(tmp_path / "cables.csv")
    monkeypatch.setattr(files, "CSV_ROWS", len(evaluation.cable_plan) - 1)
    written = write(evaluation, tmp_path)
    assert "cables.parquet" in [path.name for path in written]
    assert not (tmp_path / "cables.csv").exists()
    table = pq.read_table(tmp_path / "cables.parquet").to_pylist()
    fractions = dict.fromkeys(("length_m", "power_w", "cost_usd"), "")  # 17 here is 17.0 there
    assert [{name: str(value) for name, value in row.items()} | fractions for row in table] == [
        row | fractions for row in before
    ]
    monkeypatch.undo()
    write(evaluation, tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(FILES)


def test_beyond_a_hundred_thousand_rows_a_table_is_parquet(tmp_path):
    large = sample.evaluation(systems=6_400, halls=4)
    assert len(large.cable_plan) > 100_000
    names = [path.name for path in write(large, tmp_path)]
    assert names == [name.replace("cables.csv", "cables.parquet") for name in FILES]
    found = pq.read_table(tmp_path / "cables.parquet")
    assert found.num_rows == len(large.cable_plan)
    assert len(found["label"].unique()) == found.num_rows


def test_json_holds_every_number(evaluation, tmp_path):
    write(evaluation, tmp_path)
    body = json.loads((tmp_path / "evaluation.json").read_text("utf-8"))
    assert body["facility"]["peak"] == evaluation.facility.peak
    assert body["training"][0]["mfu"]["p90"] == evaluation.training[0].mfu.p90
    assert body["units"]["facility"]["peak"] == "W"
    assert body["schedule"]["first_light"] == evaluation.schedule.first_light.isoformat()
    assert len(body["facility"]["hourly_power"]) == 8760
    assert {"seed", "version", "input_hash", "assumptions", "margins", "plan"} <= set(body)
    assert "twin" not in body


def test_json_has_null_for_what_is_not_a_number(tmp_path):
    write(sample.odd(), tmp_path)
    body = json.loads((tmp_path / "evaluation.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert body["facility"]["station_distance"] is None
    assert body["reliability"]["mtti"]["p50"] is None


def test_design_is_a_valid_plan_and_the_same(evaluation, tmp_path):
    write(evaluation, tmp_path)
    again = load.load_plan(tmp_path / "design.yaml", today=dt.date(2026, 6, 1)).plan
    assert again.model_dump() == evaluation.plan.model_dump()


@pytest.mark.slow
def test_design_of_an_example_gives_the_same_answer(tmp_path):
    first = firstlight.plan(EXAMPLES / "superpod-127.yaml")
    write(first, tmp_path / "a")
    write(firstlight.plan(tmp_path / "a" / "design.yaml"), tmp_path / "b")
    one, two = (json.loads((tmp_path / name / "evaluation.json").read_text("utf-8")) for name in "ab")
    # What is proposed, and the assumptions that choosing read, are the design's by then.
    assert [key for key in one if one[key] != two[key]] == ["assumptions", "proposed"]
    for name in FILES[2:]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_same_evaluation_same_bytes(evaluation, tmp_path):
    write(evaluation, tmp_path / "a")
    write(evaluation, tmp_path / "b")
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("failing", ["report.html", "as_json", "schedule"])
def test_when_writing_fails_nothing_has_changed(evaluation, tmp_path, monkeypatch, failing):
    def broken(*_):
        raise OSError(28, "No space left on device")

    write(evaluation, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    where = {
        "report.html": (files.report, "html"),
        "as_json": (files, "as_json"),
        "schedule": (files.tables, "schedule"),
    }
    monkeypatch.setattr(*where[failing], broken)
    with pytest.raises(UsageError, match=r"No space left on device\. Name another folder with -o\."):
        write(sample.evaluation(systems=32), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_when_writing_fails_no_new_folder_is_left(evaluation, tmp_path, monkeypatch):
    monkeypatch.setattr(files.report, "html", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(evaluation, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_other_files_of_the_folder_stay(evaluation, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "report.html").write_text("mine too")
    write(evaluation, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "sub" / "report.html").read_text() == "mine too"


def test_a_file_in_the_place_of_the_folder_is_refused(evaluation, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is a file; name a folder with -o"):
        write(evaluation, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_replaced(evaluation, tmp_path):
    (tmp_path / "racks.csv").mkdir()
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(UsageError, match=r"racks\.csv is a folder"):
        write(evaluation, tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["racks.csv", "report.html"]


def test_floats_read_back_unchanged(evaluation):
    body = json.loads(files.as_json(evaluation))
    assert body["economics"]["capital"] == evaluation.economics.capital
    assert math.fsum(body["facility"]["energy_parts"].values()) == pytest.approx(evaluation.facility.energy)

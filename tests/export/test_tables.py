"""The tables: every row is there, names are unique and lead back to the factory, columns carry their units."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow.compute as pc
import pytest

from firstlight.export import names, tables

from . import sample


@pytest.fixture(scope="module")
def evaluation():
    return sample.evaluation(systems=300, halls=2)


def test_bom_adds_up_to_the_bill(evaluation):
    table = tables.bom(evaluation).to_pylist()
    assert [row["item"] for row in table] == [line.item for line in evaluation.bill]
    assert sum(row["amount_usd"] or 0 for row in table) == pytest.approx(evaluation.economics.capital)
    unpriced = next(row for row in table if row["part"] == "cdu-1300")
    assert unpriced["unit_price_usd"] is None
    assert {row["counted_in"] for row in table} == {"pieces", "m2"}


def test_racks_lead_back_to_the_factory(evaluation):
    table, racks = tables.racks(evaluation), evaluation.twin.racks
    assert table.num_rows == len(racks) == len(set(table["rack"].to_pylist()))
    assert pc.sum(table["systems"]).as_py() == evaluation.twin.systems
    assert pc.sum(table["power_w"]).as_py() == pytest.approx(evaluation.facility.it_peak)
    assert table["rack"][0].as_py() == "H01-P001-R0001"
    last = table.slice(table.num_rows - 1).to_pylist()[0]
    assert last["rack"].startswith(f"H{last['hall']:02}-P{last['pod']:03}-R{table.num_rows:04}")


def test_network_racks_have_no_cooling_loop(evaluation):
    rows = tables.racks(evaluation).to_pylist()
    assert all((row["loop"] == "") == (row["kind"] == "network") for row in rows)
    assert all(row["feed"].startswith("F") for row in rows)


def test_schedule_dates_follow_from_seconds(evaluation):
    rows = tables.schedule(evaluation).to_pylist()
    assert max(row["finish"] for row in rows) == evaluation.schedule.first_light
    for row in rows:
        assert row["start"] + dt.timedelta(days=row["duration_days"]) == row["finish"]
        assert row["latest_start"] == row["start"] + dt.timedelta(days=row["slack_days"])
        assert row["critical"] == (row["slack_days"] == 0)
    feed = next(row for row in rows if row["task"] == "Energise feed")
    assert feed["after"] == "Order: switchgear"


@pytest.mark.parametrize(("count", "last"), [(7, "C07"), (99, "C99"), (100, "C100")])
def test_numbers_are_padded_to_the_longest(count, last):
    found = names.numbered("C", np.arange(count), count)
    assert found[-1].as_py() == last
    assert len({len(name) for name in found.to_pylist()}) == 1

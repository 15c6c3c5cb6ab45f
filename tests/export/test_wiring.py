"""The tables of a fabric: cables, port maps, switches, bills and spares agree with the plan they come from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from firstlight.evaluate import Evaluation
from firstlight.export import wiring
from firstlight.reliability.result import Spares

from . import sample


def cables(evaluation: Evaluation) -> list[pa.Table]:
    return list(wiring.cables(evaluation.twin, evaluation.cable_plan))


@pytest.fixture(scope="module")
def evaluation():
    return sample.evaluation(systems=300, halls=2)


def test_cables_name_each_end_once(evaluation):
    table = pa.concat_tables(cables(evaluation))
    assert table.num_rows == len(evaluation.cable_plan) == sum(line.count for line in evaluation.network.cables)
    assert len(set(table["cable"].to_pylist())) == table.num_rows
    rows = table.to_pylist()
    ends = [f"{row[f'{side}_device']}:{row[f'{side}_port']}" for row in rows for side in ("from", "to")]
    assert len(set(ends)) == 2 * table.num_rows  # no port holds two cables
    assert rows[0]["label"] == "H01-P001-R0001-N01-NIC1:1 / leaf-001:1"
    assert rows[0]["from_rack"] == "H01-P001-R0001"


def test_cables_agree_with_the_topology(evaluation):
    rows = pa.concat_tables(cables(evaluation)).to_pylist()
    twin = evaluation.twin
    for index in np.linspace(0, len(rows) - 1, 50).astype(int):
        bundle, link = (0, index) if index < 2400 else (1, index - 2400)
        _, upper = twin.topology.ends(bundle, np.array([link]))
        assert rows[index]["to_device"].split("-")[1] == f"{upper[0] + 1:03}"
        assert rows[index]["bundle"] == twin.topology.bundles[bundle].name


def test_cables_in_batches_are_the_same(evaluation, monkeypatch):
    whole = pa.concat_tables(cables(evaluation))
    monkeypatch.setattr(wiring, "CHUNK", 777)
    batches = cables(evaluation)
    assert len(batches) > 2
    assert pa.concat_tables(batches).equals(whole)


def test_a_torus_joins_accelerators():
    evaluation = sample.evaluation(systems=4, torus=True)
    rows = pa.concat_tables(cables(evaluation)).to_pylist()
    assert len(rows) == 32
    assert (rows[0]["from_device"], rows[0]["to_device"]) == ("H01-P001-R0001-N01-ACC1", "H01-P001-R0001-N01-ACC2")
    ends = [row[f"{side}_device"] for row in rows for side in ("from", "to")]
    assert all(ends.count(device) == 2 for device in set(ends))


def test_no_cables_is_a_table_without_rows():
    evaluation = sample.evaluation(systems=4)
    plan = evaluation.cable_plan
    empty = {
        name: getattr(plan, name)[:0]
        for name in ("bundle", "lower", "upper", "lower_rack", "upper_rack", "length", "line", "pulled")
    }
    object.__setattr__(evaluation, "cable_plan", type(plan)(**{**vars(plan), **empty}))
    (table,) = cables(evaluation)
    full = next(iter(cables(sample.evaluation(systems=4))))
    assert table.num_rows == 0
    assert table.column_names == full.column_names


def test_cables_know_their_units_their_bundle_and_their_share_of_power_and_cost(evaluation):
    rows = pa.concat_tables(cables(evaluation)).to_pylist()
    lines = evaluation.cable_plan.lines
    assert sum(row["power_w"] for row in rows) == pytest.approx(sum(line.power for line in lines))
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(sum(line.cost for line in lines))
    assert {row["from_unit"] for row in rows if row["bundle"] == "node-leaf"} == {1, 9, 17, 25}
    together: dict[str, set[frozenset[str]]] = {}
    for row in rows:
        apart = row["from_rack"] != row["to_rack"]
        assert bool(row["pulled_with"]) == apart
        if apart:
            together.setdefault(row["pulled_with"], set()).add(frozenset((row["from_rack"], row["to_rack"])))
    assert all(len(pairs) == 1 for pairs in together.values())


def test_the_port_map_holds_every_cable_at_both_ends_and_every_free_port(evaluation):
    twin, plan = evaluation.twin, evaluation.cable_plan
    rows = pa.concat_tables(list(wiring.ports(twin, plan))).to_pylist()
    tiers = twin.topology.tiers
    assert len(rows) == sum(tier.switches * tier.links_each for tier in tiers)
    assert len({(row["switch"], row["port"]) for row in rows}) == len(rows)
    listed = {row["cable"]: row for row in pa.concat_tables(cables(evaluation)).to_pylist()}
    ends = set()
    for row in rows:
        if row["direction"] == "free":
            assert (row["cable"], row["peer"], row["peer_port"]) == ("", "", None)
            continue
        here, there = ("from", "to") if row["direction"] == "up" else ("to", "from")
        cable = listed[row["cable"]]
        assert (cable[f"{here}_device"], cable[f"{here}_port"]) == (row["switch"], row["port"])
        assert (cable[f"{there}_device"], cable[f"{there}_port"]) == (row["peer"], row["peer_port"])
        ends.add((row["cable"], here))
    links = twin.topology.bundles
    assert len(ends) == sum(bundle.count * ((bundle.lower >= 0) + (bundle.upper >= 0)) for bundle in links)


def test_switches_stand_one_above_the_other(evaluation):
    rows = wiring.switches(evaluation.twin, evaluation.cable_plan).to_pylist()
    assert len(rows) == sum(tier.switches for tier in evaluation.twin.topology.tiers)
    places = {(row["rack"], row["tier"], row["unit"]) for row in rows}
    assert len(places) == len(rows)


def test_the_cable_bill_adds_up_to_the_cables(evaluation):
    lines = evaluation.cable_plan.lines
    table = wiring.cable_bill(lines)
    assert sum(table["count"].to_pylist()) == len(evaluation.cable_plan)
    assert sum(table["cost_usd"].to_pylist()) == pytest.approx(evaluation.network.cable_cost)


def test_spares_are_a_line_each():
    kept = (Spares("dac-400g, 3 m", 1000, 0.9, 2), Spares("sw", 8, 0.1, 1))
    assert wiring.spares(kept).to_pylist()[0] == {
        "part": "dac-400g, 3 m", "installed": 1000, "failures_a_year": 0.9, "spares": 2,
    }  # fmt: skip


def test_a_torus_has_no_ports_of_switches():
    made = sample.evaluation(systems=4, torus=True)
    assert pa.concat_tables(list(wiring.ports(made.twin, made.cable_plan))).num_rows == 0
    assert wiring.switches(made.twin, made.cable_plan).num_rows == 0

"""Packet-level runs row by row: rows with defects are told, repeats weigh as one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from firstlight.errors import DocumentError
from firstlight.operate.validation import validate_network

MEASURED = Path(__file__).parents[3] / "measurements" / "network"
HEADER = "topology,routing,traffic_file,seed,makespan_us\n"
ROWS = (
    "ft3_54_k6,adaptive,tm/incast_54_16to1_1MB_s40.tm,1,353.1\n"
    "ft3_54_k6,adaptive,tm/incast_54_16to1_1MB_s40.tm,2,350\n"
    "ft3_54_k6,adaptive,tm/none.tm,1,350\n"
    "nowhere,adaptive,incast_54_16to1_1MB_s40.tm,1,350\n"
    "ft3_54_k6,sprayed,incast_54_16to1_1MB_s40.tm.gz,1,350\n"
    "ft3_54_k6,adaptive,incast_54_16to1_1MB_s40.tm,1,fast\n"
    "ft3_54_k6,adaptive,incast_54_16to1_1MB_s40.tm,1,\n"
    "ft3_54_k6,,incast_54_16to1_1MB_s40.tm,1,350\n"
    "ft3_54_k6,ecmp,perm_128_8MB.tm,1,350\n"
)


@pytest.fixture
def board(tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text(HEADER + ROWS)
    return validate_network(cases, MEASURED / "topo", MEASURED / "tm")


def test_rows_with_defects_are_told_and_the_others_go_on(board):
    reasons = [one.reason for one in board.outcomes]
    assert [one.predicted is not None for one in board.outcomes] == [True, True] + [False] * 7
    for reason, told in zip(
        reasons[2:],
        ("none.tm is not in", "nowhere.topo is not in", 'unknown routing "sprayed"', "not a number",
         "makespan_us is empty", "routing is empty", "Nodes says 128, and the fabric has 54"),
        strict=True,
    ):  # fmt: skip
        assert told in reason


def test_an_incast_is_predicted_within_a_few_per_cent(board):
    assert board.outcomes[0].ratio == pytest.approx(1, abs=0.05)
    assert board.outcomes[0].case_id == "ft3_54_k6/adaptive/incast_54_16to1_1MB_s40.tm/1"
    assert board.outcomes[0].metric == "makespan_us"


def test_repeats_of_a_case_weigh_as_one(board):
    assert sum(one.weight for one in board.outcomes[:2]) == pytest.approx(2 * board.outcomes[1].weight)
    assert board.outcomes[0].weight < 1


def test_the_table_has_its_columns(board, tmp_path):
    board.write(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        header = next(csv.reader(file))
    assert header == ["case_id", "metric", "measured", "p10", "p50", "p90", "ape", "status", "reason"]
    assert set(board.to_dict()["by"]) == {"routing", "pattern", "topology", "links", "method"}


def test_a_folder_that_is_not_there_is_told(tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text(HEADER + ROWS)
    with pytest.raises(DocumentError, match="no such folder"):
        validate_network(cases, tmp_path / "topo", MEASURED / "tm")


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("54,400,16,16", ""),
        (",,,", ""),
        ("54,400,16,15", "finished is 15 of 16 flows"),
        ("54,400,16,0", "finished is 0 of 16 flows"),
        ("128,400,16,16", "nodes is 128, and ft3_54_k6 has 54"),
        ("54,800,16,16", "link_gbps is 800, and ft3_54_k6 has 400"),
        ("54,400,17,17", "flows is 17, and incast_54_16to1_1MB_s40.tm has 16"),
    ],
)
def test_rows_that_are_not_about_their_files_have_no_score(tmp_path, cells, told):
    cases = tmp_path / "cases.csv"
    row = f"ft3_54_k6,adaptive,incast_54_16to1_1MB_s40.tm,1,353.1,{cells}"
    cases.write_text(HEADER.strip() + ",nodes,link_gbps,flows,finished\n" + row + "\n")
    (one,) = validate_network(cases, MEASURED / "topo", MEASURED / "tm").outcomes
    assert (one.predicted is None) == bool(told)
    assert told in one.reason

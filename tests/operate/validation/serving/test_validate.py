"""Published serving runs through the model: every row is predicted or says why not, and scores hold."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.operate.validation.serving.test_reading import PLAIN

from firstlight.apps.cli.main import root
from firstlight.operate.validation import validate_serving, validate_throughput
from firstlight.operate.validation.serving.score import spearman
from firstlight.spec import catalog

MEASURED = Path(__file__).parents[4] / "measurements"


@pytest.fixture(scope="module")
def serving():
    return validate_serving(MEASURED / "serving.csv", catalog.shipped())


@pytest.fixture(scope="module")
def throughput():
    return validate_throughput(MEASURED / "throughput.csv", catalog.shipped())


def test_nearly_every_published_run_is_predicted(serving, throughput):
    for board in (serving, throughput):
        known = [one for one in board.outcomes if one.predicted]
        assert len(known) >= 0.98 * len(board.outcomes)
        assert all(one.reason for one in board.outcomes if not one.predicted)
        assert all(np.isfinite(one.predicted.p50) and one.predicted.p50 > 0 for one in known)
        assert all(one.predicted.p10 <= one.predicted.p50 <= one.predicted.p90 for one in known)


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, PLAIN)
        table.writeheader()
        table.writerows(rows)
    return path


def test_a_bad_row_is_told_and_the_others_go_on(tmp_path):
    rows = [PLAIN, PLAIN | {"case_id": "two", "model": "no-such-model"}, PLAIN | {"case_id": "three", "tpot_ms": "x"}]
    board = validate_serving(write(tmp_path / "cases.csv", rows), catalog.shipped())
    found = {(one.case_id, one.metric): one for one in board.outcomes}
    assert found["one", "ttft_ms"].predicted
    assert "no-such-model" in found["two", "tpot_ms"].reason
    assert "tpot_ms" in found["three", "tpot_ms"].reason
    assert found["three", "ttft_ms"].predicted


def test_more_clients_wait_longer(tmp_path):
    rows = [PLAIN | {"concurrency": str(2**power)} for power in range(8)]
    board = validate_serving(write(tmp_path / "cases.csv", rows), catalog.shipped())
    for metric in ("ttft_ms", "tpot_ms"):
        times = [one.predicted.p50 for one in board.outcomes if one.metric == metric and one.predicted]
        assert times == sorted(times)


def test_summary_and_lines_of_the_command(tmp_path):
    cases, out = write(tmp_path / "cases.csv", [PLAIN]), tmp_path / "out.csv"
    result = CliRunner().invoke(root, ["validate", "serving", "--cases", str(cases), "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    for metric in ("ttft_ms", "tpot_ms"):
        wanted = {"cases", "predicted", "weighted_median_ape", "weighted_p90_ape", "signed_bias", "interval80_coverage",
                  "spearman", "by"}  # fmt: skip
        assert wanted <= set(summary[metric])
    with out.open(encoding="utf-8", newline="") as file:
        assert [line["metric"] for line in csv.DictReader(file)] == ["ttft_ms", "tpot_ms"]


def test_ranks_are_those_within_groups():
    up = [("a", float(i), 2.0 * i) for i in range(5)]
    down = [("b", float(i), -1.0 * i) for i in range(5)]
    assert spearman(up) == pytest.approx(1)
    assert spearman(down) == pytest.approx(-1)
    assert spearman(up[:4]) is None

"""`firstlight validate kernels` and `firstlight calibrate kernels` as a user calls them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from firstlight.apps.cli import main as cli

TABLES = Path(__file__).parents[2] / "measurements" / "kernels"


@pytest.fixture
def cases(tmp_path):
    """One table of a known accelerator, the same of one never measured, and a broken file."""
    folder = tmp_path / "cases"
    folder.mkdir()
    table = parquet.ParquetFile(TABLES / "nvidia-h200-sxm.deepep_ll.parquet").read().to_pydict()
    columns = {
        name: [*values[:30], *(["much"] if name == "num_token" else values[:1])] for name, values in table.items()
    }
    for accelerator in ("nvidia-h200-sxm", "nvidia-b300-sxm"):
        parquet.write_table(pa.table(columns), folder / f"{accelerator}.deepep_ll.parquet")
    (folder / "nvidia-h200-sxm.gemm.parquet").write_bytes(b"")
    return folder


def run(*arguments, capsys):
    with pytest.raises(SystemExit) as done:
        cli.main([str(one) for one in arguments])
    return int(done.value.code or 0), *capsys.readouterr()


def test_validate_as_json_and_lines(cases, tmp_path, capsys):
    out = tmp_path / "lines.csv"
    code, text, _ = run("validate", "kernels", "--cases", cases, "--json", "--out", out, capsys=capsys)
    summary = json.loads(text)
    assert code == 0
    assert (summary["suite"], summary["cases"], summary["predicted"]) == ("kernels", 125, 120)
    assert set(summary["by"]) == {"operation", "accelerator", "dtype"}
    lines = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert list(lines[0]) == [
        "case_id", "metric", "measured", "p10", "p50", "p90", "ape", "status", "reason", "defaults_assumed",
    ]  # fmt: skip
    refused = {line["reason"] for line in lines if line["status"] == "refused"}
    assert any("cannot be read as Parquet" in reason for reason in refused)
    assert 'num_token: "much" is no number from 1 to 1e+12' in refused
    sisters = [line for line in lines if line["case_id"].startswith("nvidia-b300") and line["status"] == "predicted"]
    assert all("sister accelerators" in line["reason"] for line in sisters)


def test_validate_prints_a_table(cases, capsys):
    code, text, _ = run("validate", "kernels", "--cases", cases / "nvidia-h200-sxm.deepep_ll.parquet", capsys=capsys)
    assert code == 0
    assert "operation deepep_ll" in text
    assert "accelerator nvidia-h200-sxm" in text


def test_calibrate_writes_what_validate_reads(cases, tmp_path, capsys):
    own = tmp_path / "own"
    code, text, err = run("calibrate", "kernels", "--cases", cases, "-o", own, capsys=capsys)
    assert code == 0
    assert "deepep_ll" in text
    assert "leaving out sisters" in err
    assert "nvidia-h200-sxm.gemm.parquet is passed over: cannot be read as Parquet" in err
    assert "rows of dispatch_avg_t_us are left out: num_token" in err
    code, text, _ = run(
        "validate", "kernels", "--cases", cases, "--coefficients", own, "--json", capsys=capsys
    )  # fmt: skip
    assert code == 0
    assert json.loads(text)["weighted_median_ape"] < 0.1


def test_calibrate_as_json_says_what_was_fitted(cases, capsys):
    code, text, err = run("calibrate", "kernels", "--cases", cases, "--json", "--quiet", capsys=capsys)
    found = json.loads(text)
    assert (code, err) == (0, "")
    assert found["provenance"]["rows"] == {"deepep_ll": 120}
    assert found["operations"]["deepep_ll"]["half_width"]["sisters"] > 0


@pytest.mark.parametrize("verb", ["validate", "calibrate"])
def test_wrong_places_are_2_and_named(verb, tmp_path, capsys):
    for path, words in ((tmp_path / "nowhere", "no such file or folder"), (tmp_path, "no .parquet file lies there")):
        code, out, err = run(verb, "kernels", "--cases", path, capsys=capsys)
        assert (code, out) == (2, "")
        assert words in err
        assert "Traceback" not in err


def test_wrong_coefficients_are_2_and_named(cases, tmp_path, capsys):
    code, _, err = run("validate", "kernels", "--cases", cases, "--coefficients", tmp_path, capsys=capsys)
    assert code == 2
    assert "holds no coefficients of timings" in err

"""`firstlight validate` and `firstlight calibrate` as a user calls them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from firstlight.apps.cli import main as cli
from firstlight.spec.assumptions import shipped, with_overrides

TABLE = Path(__file__).parents[2] / "measurements" / "training.csv"


@pytest.fixture
def cases(tmp_path):
    """Eight runs of two groups, and one that cannot be."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for row in rows if row["group"] == "FMS"][:4] + [row for row in rows if row["group"] == "KORTH"][:4]
    with (tmp_path / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows([*chosen, chosen[0] | {"case_id": "broken", "accelerator": "abacus"}])
    return str(tmp_path / "cases.csv")


MEASUREMENTS = Path(__file__).parents[2] / "measurements"


def run(*arguments: str, capsys) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        cli.main(list(arguments))
    return int(done.value.code or 0), *capsys.readouterr()


def test_validate_prints_a_table_and_writes_a_line_a_case(cases, tmp_path, capsys):
    code, out, _ = run("validate", "training", "--cases", cases, "--out", str(tmp_path / "o.csv"), capsys=capsys)
    assert code == 0
    assert "group FMS" in out
    lines = list(csv.DictReader((tmp_path / "o.csv").read_text("utf-8").splitlines()))
    assert [line["status"] for line in lines] == ["predicted"] * 8 + ["refused"]
    assert 'unknown accelerator "abacus"' in lines[-1]["reason"]


def test_validate_as_json(cases, capsys):
    code, out, _ = run("validate", "training", "--cases", cases, "--json", capsys=capsys)
    summary = json.loads(out)
    assert code == 0
    assert (summary["suite"], summary["cases"], summary["predicted"]) == ("training", 9, 8)
    assert set(summary["by"]) == {"group", "accelerator", "precision", "model"}


def test_validate_memory(tmp_path, capsys):
    peaks, out = TABLE.with_name("memory.csv"), tmp_path / "o.csv"
    code, text, _ = run("validate", "memory", "--cases", str(peaks), "--out", str(out), "--json", capsys=capsys)
    summary = json.loads(text)
    assert (code, summary["suite"]) == (0, "memory")
    assert set(summary["by"]) == {"group", "accelerator", "precision", "model"}
    lines = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert {line["metric"] for line in lines} == {"peak_memory_bytes", "activation_bytes", "state_bytes"}
    code, text, _ = run("validate", "memory", "--cases", str(peaks), "--tiers", "B", capsys=capsys)
    assert code == 0
    assert "group TITAN" in text
    assert "group KORTH" not in text


@pytest.mark.parametrize("suite", ["training", "memory"])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_file_of_which_no_row_can_be_predicted_is_a_no(suite, as_json, tmp_path, capsys):
    target = "peak_memory_bytes" if suite == "memory" else "step_time_s"
    (tmp_path / "x.csv").write_text(f"case_id,{target}\na,100\n", "utf-8")
    out = tmp_path / "o.csv"
    code, text, err = run(
        "validate", suite, "--cases", str(tmp_path / "x.csv"), "--out", str(out), *as_json, capsys=capsys
    )
    assert code == 1
    assert "none of 1 rows could be predicted; the first one: layers is empty" in err
    assert not as_json or json.loads(text)["predicted"] == 0
    assert "refused" in out.read_text("utf-8")


def test_calibrate_writes_a_block_for_a_plan(cases, tmp_path, capsys):
    path = tmp_path / "calibrated.yaml"
    code, out, err = run("calibrate", "training", "--cases", cases, "--steps", "1", "-o", str(path), capsys=capsys)
    assert code == 0
    assert "groups left out: 8 runs" in out
    assert "step 1 of 1" in err
    block = yaml.safe_load(path.read_text("utf-8"))["assumptions"]
    with_overrides(shipped(), block)


@pytest.mark.parametrize("verb", ["validate training", "validate memory", "calibrate training"])
def test_wrong_files_are_2_and_named(verb, tmp_path, capsys):
    code, out, err = run(*verb.split(), "--cases", "nowhere.csv", capsys=capsys)
    assert (code, out) == (2, "")
    assert "nowhere.csv" in err
    (tmp_path / "x.csv").write_text("case_id,tier,layer\n1,A,3\n", "utf-8")
    code, _, err = run(*verb.split(), "--cases", str(tmp_path / "x.csv"), capsys=capsys)
    assert code == 2
    assert 'unknown column "layer"' in err


def test_rows_of_which_nothing_can_be_said_are_told(tmp_path, capsys):
    lines = "".join(f"{case},100\n" for case in range(25))
    (tmp_path / "x.csv").write_text("case_id,step_time_s\n" + lines, "utf-8")
    code, out, err = run("validate", "training", "--cases", str(tmp_path / "x.csv"), capsys=capsys)
    assert code == 1
    assert "refused 0: layers is empty" in out
    assert "and 5 more" in out
    assert "none of 25 rows could be predicted; the first one: layers is empty" in err
    code, _, err = run("calibrate", "training", "--cases", str(tmp_path / "x.csv"), capsys=capsys)
    assert code == 2
    assert "can be predicted" in err


def test_throughput_of_nothing_but_unknown_parts_ends_with_an_error(tmp_path, capsys):
    rows = TABLE.with_name("throughput.csv").read_text("utf-8").splitlines()[:2]
    cases = tmp_path / "cases.csv"
    cases.write_text("\n".join(rows).replace("nvidia-h100-sxm-80gb", "abacus"), encoding="utf-8")
    code, _, err = run("validate", "throughput", "--cases", str(cases), capsys=capsys)
    assert code == 1
    assert 'rows could be predicted; the first one: unknown accelerator "abacus"' in err


@pytest.fixture
def few(tmp_path):
    """A few published serving runs of both pools, and throughput runs."""
    found = {}
    for name, every in (("serving", 120), ("throughput", 160)):
        lines = (MEASUREMENTS / f"{name}.csv").read_text("utf-8").splitlines()
        found[name] = tmp_path / f"{name}.csv"
        found[name].write_text("\n".join([lines[0], *lines[1::every]]) + "\n", "utf-8")
    return found


def test_calibrate_serving_writes_a_block_for_a_plan(few, tmp_path, capsys):
    path = tmp_path / "own.yaml"
    chosen = ("--steps", "1", "-o", str(path), "--engine", "sglang", "--accelerator", "nvidia-h200-sxm")
    code, out, err = run("calibrate", "serving", "--cases", str(few["serving"]), *chosen, capsys=capsys)
    assert code == 0
    assert "model left out, tpot_ms" in out
    assert "step 1 of 1" in err
    block = yaml.safe_load(path.read_text("utf-8"))["assumptions"]
    a = with_overrides(shipped(), block)
    assert a["performance.serving_low_token"] < 1 < a["performance.serving_high_token"]
    assert "performance.serving_poll" in block


def test_calibrate_throughput_tells_values_and_scores(few, capsys):
    code, out, _ = run(
        "calibrate", "throughput", "--cases", str(few["throughput"]), "--steps", "1", "--json", "--quiet", capsys=capsys
    )
    assert code == 0
    found = json.loads(out)
    assert "queued" in found["engines"]
    assert {"fitted", "model left out", "accelerator left out"} <= found["scores"].keys()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-o", "x.yaml"), "give --accelerator with it, or neither"),
        (("--accelerator", "nvidia-h200-sxm"), "give --accelerator with it, or neither"),
        (("--engine", "vlm"), 'there is no engine "vlm"'),
    ],
)
def test_calibrate_serving_refuses_options_without_effect(few, arguments, told, capsys):
    code, _, err = run("calibrate", "serving", "--cases", str(few["serving"]), *arguments, capsys=capsys)
    assert code == 2
    assert told in err

"""Runs made by the model with other coefficients: the fit finds them again."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from firstlight.errors import UsageError
from firstlight.operate.calibration import calibrate_training, parameters
from firstlight.operate.validation.runs import COLUMNS, read_run
from firstlight.operate.validation.table import Row
from firstlight.operate.validation.training import predict
from firstlight.spec import assumptions, catalog

BASE = dict.fromkeys(COLUMNS, "") | {
    "tier": "A", "weight": "1", "date": "2024-08", "model": "ours", "layers": "32", "hidden": "4096", "heads": "32",
    "ffn_hidden": "11008", "vocab": "32000", "gated_mlp": "1", "tied_embeddings": "0", "seq_len": "4096",
    "accelerator": "nvidia-h100-sxm-80gb", "accel_per_node": "8", "precision": "bf16", "tp": "1", "pp": "1",
    "sharding": "zero1", "micro_batch": "1", "recompute": "none", "framework": "Megatron-Core",
}  # fmt: skip
TRUTH = {"performance.gemm_bf16_hopper": 0.60, "performance.memory_efficiency": 0.70}


def row(index: int) -> dict[str, str]:
    count = 8 * (1 + index % 3)
    cells = {"hidden": str((2048, 4096, 8192)[index % 3]), "heads": str((16, 32, 64)[index % 3])}
    cells |= {"layers": "8", "seq_len": str((2048, 8192)[index % 2]), "n_accel": str(count)}
    return BASE | cells | {"case_id": f"run {index}", "group": f"pod {index % 2}", "global_batch": str(4 * count)}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Twelve runs with the speeds that the model gives where the truth is."""
    rows = []
    for index in range(12):
        cells = row(index)
        run = read_run(Row(2, cells), catalog.shipped())
        entries = dict(run.assumptions._entries)
        truth = assumptions.with_overrides(entries, TRUTH)
        speed = predict("tokens_per_s_per_accel", run, Row(2, cells), truth).p50
        rows.append(cells | {"tokens_per_s_per_accel": f"{speed:.8g}"})
    with (tmp_path / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows([*rows, BASE | {"case_id": "broken"}])
    return tmp_path / "cases.csv"


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the two coefficients of the truth may move, and little is believed of them."""
    moved = tuple(replace(p, sigma=1.0) for p in parameters.training() if p.name in TRUTH and not p.family)
    monkeypatch.setattr(parameters, "training", lambda: moved)


@pytest.mark.usefixtures("two")
def test_finds_the_truth_and_predicts_groups_that_were_left_out(cases):
    found = calibrate_training(cases, catalog.shipped())
    assert dict(zip((p.name for p in found.parameters), found.values, strict=True)) == pytest.approx(TRUTH, rel=0.02)
    before = {p.name: p.sigma for p in found.parameters}
    assert all(spread < before[p.name] for p, spread in zip(found.parameters, found.spread, strict=True))
    fitted, left_out = found.fitted.to_dict(), found.left_out.to_dict()
    assert fitted["predicted"] == 12  # the broken row is left out
    assert fitted["weighted_median_ape"] < 0.01
    assert fitted["weighted_median_ape"] <= left_out["weighted_median_ape"] < 0.05


@pytest.mark.usefixtures("two")
def test_what_is_found_goes_into_a_plan(cases):
    block = calibrate_training(cases, catalog.shipped()).assumptions()
    assert set(block) == {*TRUTH, "performance.spread_data"}  # all runs are of that class
    a = assumptions.with_overrides(assumptions.shipped(), block)
    assert a["performance.gemm_bf16_hopper"] == pytest.approx(0.60, rel=0.02)


def test_nothing_to_fit_is_said(tmp_path):
    with (tmp_path / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerow(BASE | {"case_id": "broken"})
    with pytest.raises(UsageError, match="no run of"):
        calibrate_training(tmp_path / "cases.csv", catalog.shipped())

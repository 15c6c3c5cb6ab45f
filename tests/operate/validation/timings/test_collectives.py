"""`validate collectives` and what is left out: which tables count, and the score with one measured latency."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from firstlight.errors import UsageError
from firstlight.operate.calibration import calibrate_kernels
from firstlight.operate.calibration.timings import left_out
from firstlight.operate.calibration.timings.kernels import read
from firstlight.operate.validation import validate_collectives, validate_kernels
from firstlight.operate.validation.timings.registry import COLLECTIVES, shipped
from firstlight.spec import catalog

SHELF = catalog.shipped()
TABLES = Path(__file__).parents[4] / "measurements" / "kernels"


def folder(tmp_path: Path, *names: str) -> Path:
    for name in names:
        shutil.copy(TABLES / f"{name}.parquet", tmp_path)
    return tmp_path


def test_tables_of_kernels_are_left_to_the_other_command(tmp_path):
    cases = folder(tmp_path, "nvidia-a100-sxm-80gb.nccl", "nvidia-a100-sxm-80gb.moe")
    board = validate_collectives(cases, SHELF, shipped())
    assert {one.slices["operation"] for one in board.outcomes} == {"nccl"}
    both = validate_kernels(cases, SHELF, shipped())
    ours = [one for one in both.outcomes if one.slices["operation"] == "nccl"]
    assert [one.predicted for one in ours] == [one.predicted for one in board.outcomes]
    summary = board.to_dict()
    assert summary["suite"] == "collectives"
    assert set(summary["by"]) == {"operation", "accelerator", "dtype"}


def test_an_unknown_operation_is_one_refused_case(tmp_path):
    shutil.copy(TABLES / "nvidia-a100-sxm-80gb.nccl.parquet", tmp_path / "nvidia-a100-sxm-80gb.ncll.parquet")
    (one,) = validate_collectives(tmp_path, SHELF, shipped()).outcomes
    assert "nccl" in one.reason


def test_a_folder_without_collectives_says_so(tmp_path):
    with pytest.raises(UsageError, match="holds tables of kernels only"):
        validate_collectives(folder(tmp_path, "nvidia-a100-sxm-80gb.moe"), SHELF, shipped())
    with pytest.raises(UsageError, match="Fitted here are nccl"):
        calibrate_kernels(tmp_path, SHELF, operations=COLLECTIVES)


def test_a_part_with_a_measured_latency_moves_what_latency_decides(tmp_path):
    cases = folder(tmp_path, "nvidia-a100-sxm-80gb.nccl") / "nvidia-a100-sxm-80gb.nccl.parquet"
    parts = tmp_path / "parts.yaml"
    parts.write_text("- {id: nvidia-a100-sxm-80gb, kind: accelerator, all_reduce_latency: 45 us}\n", "utf-8")
    plain, slow = (validate_collectives(cases, shelf, shipped()) for shelf in (SHELF, catalog.load(parts)))
    ratios = [
        b.predicted.p50 / a.predicted.p50
        for a, b in zip(plain.outcomes, slow.outcomes, strict=True)
        if a.predicted and b.predicted
    ]
    assert max(ratios) == pytest.approx(2.0, rel=0.1)
    assert min(ratios) < 1.1


def test_one_latency_scores_every_row_but_one_of_each_accelerator(tmp_path):
    cases = folder(tmp_path, "nvidia-a100-sxm-80gb.nccl", "nvidia-h100-sxm-80gb.nccl")
    rows = read(cases, SHELF, operations=COLLECTIVES)["nccl"]
    outcomes = left_out.one_latency(rows, shipped().operations["nccl"])
    assert len(outcomes) == len(rows.seconds) - 2
    assert np.median([abs(one.ratio - 1) for one in outcomes]) < 0.15

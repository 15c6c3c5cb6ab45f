"""Serving fitted to rows: what was known is found again, and groups that were left out are scored."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tests.operate.validation.serving.test_reading import PLAIN

from firstlight.operate.calibration.serving import calibrate_serving
from firstlight.operate.validation import validate_serving
from firstlight.spec import catalog


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """Two models on two accelerators under two engines, a few loads each."""
    return [
        PLAIN | {"case_id": f"{model}-{chip}-{engine}-{load}", "model": model, "accelerator": chip, "engine": engine,
                 "concurrency": str(load)}
        for model in ("Qwen/Qwen3-32B", "meta-llama/Llama-3.1-8B-Instruct")
        for chip, engine in (("nvidia-h100-sxm-80gb", "vllm"), ("nvidia-b200-sxm", "trtllm"))
        for load in (4, 64)
    ]  # fmt: skip


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, PLAIN)
        table.writeheader()
        table.writerows(rows)
    return path


def test_a_fit_to_the_models_own_times_comes_near_them(tmp_path, rows):
    first = validate_serving(write(tmp_path / "a.csv", rows), catalog.shipped())
    told = {(one.case_id, one.metric): one.predicted.p50 for one in first.outcomes if one.predicted}
    measured = [row | {name: f"{told[row['case_id'], name]:.6g}" for name in ("ttft_ms", "tpot_ms")} for row in rows]
    found = calibrate_serving(write(tmp_path / "b.csv", measured), catalog.shipped(), steps=3)
    for metric in ("ttft_ms", "tpot_ms"):
        assert found.fitted.of(metric).to_dict()["weighted_median_ape"] < 0.1
    assert set(found.left_out) == {"model", "accelerator", "engine"}
    for board in found.left_out.values():
        assert len(board.outcomes) == 2 * len(rows)
    assert all(low <= high for each in found.widths.values() for low, high in each.values())

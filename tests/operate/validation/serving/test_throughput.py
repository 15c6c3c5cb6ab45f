"""What rows of published throughputs are read as."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from firstlight.operate.validation.serving.throughput import COLUMNS, Job, read_job
from firstlight.operate.validation.table import Row
from firstlight.spec import catalog

PLAIN = dict.fromkeys(COLUMNS, "") | {
    "case_id": "one", "model": "qwen3-235b-a22b", "accelerator": "nvidia-h200-sxm", "n_accel": "8", "tp": "8",
    "weights_precision": "fp8", "kv_precision": "fp8", "framework": "TensorRT-LLM", "framework_version": "0.17",
    "scenario": "offline", "isl": "1000", "osl": "1000", "metric_name": "output_tokens_per_s_total",
    "metric_value": "23789", "tier": "B",
}  # fmt: skip
MEASURED = Path(__file__).parents[4] / "measurements" / "throughput.csv"
NOTE = "MoE runs use --ep and attention DP (ep degree not printed in table)"


def read(**cells: str) -> Job:
    job = read_job(Row(2, PLAIN | cells), catalog.shipped())
    assert isinstance(job, Job), job
    return job


def test_notes_say_how_experts_and_attention_are_spread():
    plain, told = read(), read(notes=NOTE)
    assert (plain.tensor, plain.data, plain.expert) == (8, 1, 1)
    assert (told.tensor, told.data, told.expert, told.replicas) == (1, 8, 8, 1)
    assert any("data-parallel" in sentence for sentence in told.assumed)


def test_notes_about_experts_leave_dense_models_alone():
    told = read(model="llama3.3-70b", notes=NOTE)
    assert (told.tensor, told.data, told.expert) == (8, 1, 1)


@pytest.mark.parametrize(
    ("framework", "version", "manners"),
    [
        ("TensorRT-LLM", "0.14.0", ("queued", "old")),
        ("TensorRT-LLM", "0.17", ("queued",)),
        ("TensorRT-LLM (PyTorch backend)", "1.0", ("queued", "pytorch")),
        ("vLLM", "0.14.0", ("queued",)),
    ],
)
def test_old_built_engines_have_values_of_their_own(framework, version, manners):
    assert read(framework=framework, framework_version=version).manners == manners


def test_releases_that_are_called_old_ran_the_same_configurations_slower():
    runs = pd.read_csv(MEASURED, dtype=str).query("scenario == 'offline' and tier != 'C'")
    runs = runs[runs.framework.str.contains("TensorRT", na=False)]
    runs = runs.assign(value=runs.metric_value.astype(float))
    same = ["model", "accelerator", "n_accel", "tp", "pp", "weights_precision", "isl", "osl", "metric_name"]
    each = runs.pivot_table(index=same, columns="framework_version", values="value", aggfunc="median")
    gain = (each["0.17"] / each["0.14.0"]).dropna()
    assert len(gain) > 100
    assert gain.median() > 1.05

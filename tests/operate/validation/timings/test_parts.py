"""Timed kernels of training steps against terms of the step model."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import parquet

from firstlight.operate.validation import validate_kernels
from firstlight.operate.validation.timings import registry
from firstlight.spec import catalog
from firstlight.spec.parts import Accelerator

H100, H200 = "nvidia-h100-sxm-80gb", "nvidia-h200-sxm"
PRODUCT = {"kernel_source": "torch.nn.functional.linear", "gemm_dtype": "bfloat16", "direction": "forward",
           "m": "8192", "n": "8192", "k": "8192", "latency_ms": "1.7"}  # fmt: skip
PASS = {"kernel_source": "torch", "op_name": "cast", "direction": "forward", "rows": "4096", "columns": "4096",
        "moved_bytes": "100663296", "latency_ms": "0.04"}  # fmt: skip
CORE = {"kernel_source": "cudnn", "attn_dtype": "bfloat16", "direction": "forward", "batch_size": "4", "isl": "4096",
        "num_heads": "32", "num_key_value_heads": "8", "head_dim": "128", "latency_ms": "1"}  # fmt: skip


@pytest.fixture
def predicted(tmp_path):
    """Outcomes of rows of one table."""

    def outcomes(operation, *rows, accelerator=H100):
        path = tmp_path / f"{accelerator}.{operation}.parquet"
        parquet.write_table(pa.table({name: [row[name] for row in rows] for name in rows[0]}), path)
        return validate_kernels(path, catalog.shipped(), registry.shipped()).outcomes

    return outcomes


def times(outcomes):
    return [one.predicted.p50 for one in outcomes]


def test_products_of_gradients_have_the_flops_of_the_forward_one(predicted):
    turns = ("forward", "dgrad", "wgrad", "wgrad_fp32")
    forward, dgrad, wgrad, added = times(
        predicted("training_gemm", *({**PRODUCT, "direction": direction} for direction in turns))
    )
    peak = catalog.shipped().part(Accelerator, H100).bf16
    assert peak is not None
    least = 2 * 8192**3 / peak * 1e3
    assert least < forward < 2 * least
    assert forward == pytest.approx(dgrad)
    assert forward == pytest.approx(wgrad)
    assert forward < added < 1.3 * forward


def test_grouped_products_are_no_faster_than_one_as_large(predicted):
    whole = times(predicted("training_gemm", PRODUCT))[0]
    one, many = times(predicted("training_grouped", *({**PRODUCT, "num_experts": count} for count in ("1", "64"))))
    assert one == pytest.approx(whole)
    assert many >= one


def test_bytes_take_the_memory_s_time(predicted):
    parts = catalog.shipped()
    slow, fast = (times(predicted("training_passes", PASS, accelerator=name))[0] for name in (H100, H200))
    rates = [parts.part(Accelerator, name).memory_bandwidth for name in (H100, H200)]
    assert slow / fast == pytest.approx(rates[1] / rates[0])
    assert slow > 100663296 / rates[0] * 1e3


def test_both_ways_of_a_loss_are_one_term(predicted):
    rows = [{**PASS, "op_name": "cross_entropy", "direction": direction} for direction in ("forward", "backward")]
    found = predicted("training_passes", *rows, {**rows[0], "rows": "8192"})
    assert [one.case_id.partition(":")[2] for one in found] == ["1+2", "3"]
    assert found[0].measured == pytest.approx(0.08)
    assert found[1].predicted.p50 == pytest.approx(2 * found[0].predicted.p50)
    assert found[0].slices["kernel"] == "cross_entropy both ways torch"


def test_backward_attention_takes_longer_and_older_kernels_too(predicted):
    old = {**CORE, "kernel_source": "flash_attention_2"}
    forward, backward, ported = times(predicted("training_attention", CORE, {**CORE, "direction": "backward"}, old))
    assert 2 * forward < backward < 5 * forward
    assert ported > forward


@pytest.mark.parametrize(
    ("operation", "row", "reason"),
    [
        ("training_gemm", {**PRODUCT, "m": "many"}, "m: "),
        ("training_gemm", {**PRODUCT, "direction": "sideways"}, "sideways: "),
        ("training_gemm", {**PRODUCT, "gemm_dtype": "nvfp4"}, "gemm_dtype: "),
        ("training_attention", {**CORE, "head_dim": ""}, "head_dim: "),
        ("training_passes", {**PASS, "latency_ms": "0"}, "latency_ms: "),
        ("training_passes", {name: cell for name, cell in PASS.items() if name != "moved_bytes"}, "moved_bytes: "),
    ],
)
def test_a_row_that_cannot_be_says_why(predicted, operation, row, reason):
    refused = predicted(operation, row)[0]
    assert refused.predicted is None
    assert refused.reason.startswith(reason)

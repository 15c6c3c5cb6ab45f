"""Timing tables: what is read of them, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from firstlight.errors import DocumentError, UsageError
from firstlight.operate.validation.timings import makers, tables
from firstlight.operate.validation.timings.kernels import accelerator, measured, validate_kernels
from firstlight.operate.validation.timings.readers import READERS, read
from firstlight.operate.validation.timings.registry import shipped
from firstlight.spec import catalog
from firstlight.spec.parts import Accelerator
from firstlight.timings.device import processors

TABLES = Path(__file__).parents[4] / "measurements" / "kernels"
GEMM = {
    "framework_version": ["vllm/0.24.0"] * 4,
    "kernel_source": ["torch.nn.functional.linear"] * 4,
    "gemm_dtype": ["bfloat16", "bfloat16", "bfloat16", "decimal"],
    "m": ["4096", "0", "many", "16"],
    "n": ["4096"] * 4,
    "k": ["4096"] * 4,
    "latency_ms": ["0.2", "0.1", "0.1", "0.1"],
}


def write(path, columns):
    parquet.write_table(pa.table(columns), path)
    return path


def validate(path):
    return validate_kernels(path, catalog.shipped(), shipped())


def test_numbers_are_read_cell_by_cell():
    found = tables.parse(["1.5", "", " 2 ", "x", "inf", "nan"])
    assert found[[0, 2]].tolist() == [1.5, 2.0]
    assert np.isnan(found[[1, 5]]).all()
    assert np.isinf(found[[3, 4]]).all()


def test_bad_rows_say_why_and_the_others_go_on(tmp_path):
    board = validate(write(tmp_path / "nvidia-h100-sxm-80gb.gemm.parquet", GEMM))
    good, zero, text, kind = board.outcomes
    assert good.predicted is not None
    assert good.predicted.p10 < good.predicted.p50 < good.predicted.p90
    assert zero.reason == 'm: "0" is no number from 1 to 1e+12'
    assert text.reason == 'm: "many" is no number from 1 to 1e+12'
    assert "number types are bfloat16" in kind.reason
    assert [one.case_id.rpartition(":")[2] for one in board.outcomes] == ["1", "2", "3", "4"]


def test_missing_columns_refuse_each_row_by_name(tmp_path):
    board = validate(write(tmp_path / "nvidia-h100-sxm-80gb.gemm.parquet", {"m": ["1", "2"], "latency_ms": ["1", "2"]}))
    assert [one.reason for one in board.outcomes] == ["the table lacks the columns n, k, gemm_dtype"] * 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("abacus.gemm.parquet", 'unknown accelerator "abacus"'),
        ("nvidia-h100-sxm-80gb.gem.parquet", 'Did you mean "gemm"'),
        ("nvidia-h100-sxm-80gb.parquet", "is no operation that tables time"),
    ],
)
def test_an_unknown_name_of_a_file_is_one_refused_case(tmp_path, name, words):
    (one,) = validate(write(tmp_path / name, GEMM)).outcomes
    assert one.case_id == name
    assert one.reason.startswith("4 rows are not read: ")
    assert words in one.reason


def test_accelerators_go_by_id_alias_and_alias_with_vendor():
    parts = catalog.shipped()
    found = [accelerator(parts, name).id for name in ("nvidia-b300-sxm", "b300", "nvidia-b300")]
    assert found == ["nvidia-b300-sxm"] * 3
    with pytest.raises(UsageError, match="amd-b300"):
        accelerator(parts, "amd-b300")


def test_a_broken_file_is_one_refused_line_and_the_others_go_on(tmp_path):
    (tmp_path / "nvidia-a100-sxm-80gb.gemm.parquet").write_bytes(b"PAR1 no more")
    write(tmp_path / "nvidia-h100-sxm-80gb.gemm.parquet", GEMM)
    broken, *others = validate(tmp_path).outcomes
    assert "cannot be read as Parquet" in broken.reason
    assert len(others) == 4


def test_numbers_may_be_numbers_and_columns_may_repeat(tmp_path):
    columns = [pa.array([4096]), pa.array([1.0]), pa.array([4096]), pa.array(["bfloat16"]), pa.array([0.2])]
    table = pa.Table.from_arrays([*columns, columns[0]], ["m", "n", "k", "gemm_dtype", "latency_ms", "m"])
    parquet.write_table(table, tmp_path / "nvidia-h100-sxm-80gb.gemm.parquet")
    (one,) = validate(tmp_path).outcomes
    assert one.predicted is not None


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("num_experts", "1e9"),
        ("num_tokens", "1e300"),
        ("moe_ep_size", "0.5"),
        ("latency_ms", "-1"),
        ("latency_ms", "0"),
    ],
)
def test_impossible_sizes_are_refused_before_they_are_drawn(tmp_path, column, cell):
    row = {
        "moe_dtype": "bfloat16",
        "distribution": "power_law_1.2",
        "latency_ms": "1",
        "num_tokens": "64",
        "topk": "2",
        "hidden_size": "4096",
        "inter_size": "14336",
        "num_experts": "8",
        "moe_tp_size": "1",
        "moe_ep_size": "1",
    }
    write(
        tmp_path / "nvidia-h100-sxm-80gb.moe.parquet", {name: [value] for name, value in (row | {column: cell}).items()}
    )
    (one,) = validate(tmp_path).outcomes
    assert one.reason.startswith(f'{column}: "{cell}" is no number {"above 0" if "latency" in column else "from"}')


def test_nothing_to_read_is_a_document_error(tmp_path):
    with pytest.raises(DocumentError, match=r"no \.parquet file lies there"):
        tables.read(tmp_path)
    with pytest.raises(DocumentError, match="there is no such file or folder"):
        tables.read(tmp_path / "nowhere")


def cases(tmp_path, operation, accelerator="nvidia-h100-sxm-80gb", **columns):
    path = write(tmp_path / f"{accelerator}.{operation}.parquet", {name: [value] for name, value in columns.items()})
    part = catalog.shipped().part(Accelerator, accelerator)
    return [read(tables.read(path)[0], reader, part) for reader in READERS[operation]]


def test_nccl_counts_elements(tmp_path):
    columns = {"op_name": "all_reduce", "num_gpus": "8", "message_size": "268435456", "latency_ms": "2.04"}
    (found,) = cases(tmp_path, "nccl", nccl_dtype="half", framework_version="nccl/2.27", **columns)
    volume = found.cases.shape["volume"][0]
    assert volume == 2 * 268435456 * 2 * 7 / 8
    # 8 x H100, NVLink SHARP: 460 GB/s of bus bandwidth are published, which is this volume over the time.
    assert volume / found.seconds[0] == pytest.approx(460e9, rel=0.01)


def test_the_tables_of_exchanges_hold_microseconds(tmp_path):
    columns = {"comm_backend": "deepep_ll", "phase": "dispatch", "comm_dtype": "default", "ep_size": "8"}
    shape = {"hidden_size": "7168", "topk": "8", "num_experts": "256", "num_tokens": "32", "latency_ms": "60"}
    (found,) = cases(tmp_path, "moe_a2a", **columns, **shape)
    assert found.seconds[0] == pytest.approx(60e-6)


def test_deepep_is_two_targets_each_with_its_notification(tmp_path):
    shape = {"node_num": "2", "hidden_size": "7168", "num_token": "128", "num_topk": "8", "num_experts": "256"}
    times = {
        f"{side}_{part}_us": value
        for side in ("dispatch", "combine")
        for part, value in (("transmit", "100"), ("notify", "20"))
    }
    found = cases(tmp_path, "deepep_normal", dispatch_sms="24", combine_sms="20", **shape, **times)
    assert [one.reader.metric for one in found] == [
        "dispatch_transmit_us + dispatch_notify_us", "combine_transmit_us + combine_notify_us",
    ]  # fmt: skip
    assert [one.seconds[0] for one in found] == pytest.approx([120e-6] * 2)
    assert [one.cases.shape["used_units"][0] for one in found] == [24, 20]


def test_windows_cap_the_cache_and_wide_groups_fall_back(tmp_path):
    columns = {"framework_version": "trtllm/1.3.0", "kernel_source": "torch_flow", "attn_dtype": "bfloat16"}
    shape = {"kv_cache_dtype": "fp8", "batch_size": "4", "isl": "1", "num_heads": "64", "num_key_value_heads": "1"}
    more = {"head_dim": "128", "window_size": "128", "step": "1023", "latency_ms": "0.01"}
    (found,) = cases(tmp_path, "generation_attention", **columns, **shape, **more)
    x = found.cases.shape
    assert (x["length"][0], x["token_bytes"][0]) == (128, 256)
    assert (x["groups"][0], x["most_splits"][0], found.cases.labels.style[0]) == (64, 1, "per-head")


def test_experts_without_a_gate_have_two_matrices(tmp_path):
    columns = {"framework_version": "trtllm/1", "moe_dtype": "bfloat16", "distribution": "balanced", "latency_ms": "1"}
    shape = {"num_tokens": "64", "hidden_size": "4096", "inter_size": "14336", "topk": "2", "num_experts": "8"}
    for kernel, gates in (("moe_torch_flow_nongated", 1), ("moe_torch_flow_cutlass", 2)):
        (found,) = cases(tmp_path, "moe", kernel_source=kernel, moe_tp_size="1", moe_ep_size="1", **columns, **shape)
        assert found.cases.shape["gates"][0] == gates


REDUCED = {"framework_version": "sglang/0.5.10", "kernel_source": "SGLang_CustomAllReduce_graph",
           "allreduce_dtype": "bfloat16", "num_gpus": "4", "message_size": "4096", "latency_ms": "0.01"}  # fmt: skip
PRODUCT = {"framework_version": "vllm/0.24.0", "kernel_source": "torch.nn.functional.linear", "gemm_dtype": "bfloat16",
           "m": "4096", "n": "4096", "k": "4096", "latency_ms": "0.2"}  # fmt: skip
COLLECTIVE = {"framework_version": "nccl/2.27", "nccl_dtype": "half", "op_name": "all_reduce", "num_gpus": "4",
              "message_size": "4096", "latency_ms": "0.01"}  # fmt: skip
ROWS = {"custom_allreduce": REDUCED, "gemm": PRODUCT, "nccl": COLLECTIVE}


@pytest.mark.parametrize(
    ("operation", "accelerator", "cells", "words"),
    [
        ("custom_allreduce", "google-tpu-v5p", {}, "runs on accelerators of NVIDIA and AMD only"),
        ("custom_allreduce", "intel-gaudi3", {}, "cannot have run on intel-gaudi3"),
        ("custom_allreduce", "amd-mi300x", {}, ""),
        ("custom_allreduce", "amd-mi300x", {"kernel_source": "TRTLLM"}, "a kernel of TensorRT-LLM runs on"),
        ("gemm", "google-tpu-v5p", {}, ""),
        (
            "gemm",
            "google-tpu-v5p",
            {"framework_version": "trtllm/1.0.0"},
            "TensorRT-LLM runs on accelerators of NVIDIA",
        ),
        ("gemm", "nvidia-a100-sxm-80gb", {"kernel_source": "deepgemm"}, "DeepGEMM runs on accelerators of NVIDIA (hop"),
        ("gemm", "nvidia-b300-sxm", {"kernel_source": "deepgemm"}, ""),
        ("nccl", "aws-trainium2", {}, "NCCL runs on accelerators of NVIDIA and AMD only"),
        ("custom_allreduce", "nvidia-a100-sxm-80gb", {"allreduce_dtype": "foo"}, 'allreduce_dtype: "foo" is unknown'),
        ("custom_allreduce", "nvidia-a100-sxm-80gb", {"num_gpus": "3.5"}, 'num_gpus: "3.5" is no whole number'),
        ("nccl", "nvidia-a100-sxm-80gb", {"nccl_dtype": "foo"}, 'nccl_dtype: "foo" is unknown; number types are'),
        ("nccl", "nvidia-a100-sxm-80gb", {"op_name": "gossip"}, 'op_name: "gossip" is unknown; known are all_reduce'),
        ("gemm", "nvidia-h100-sxm-80gb", {"m": "16.5"}, 'm: "16.5" is no whole number'),
        ("gemm", "nvidia-h100-sxm-80gb", {"m": "16.0"}, ""),
    ],
)
def test_what_cannot_have_been_timed_is_refused(tmp_path, operation, accelerator, cells, words):
    columns = {name: [value] for name, value in (ROWS[operation] | cells).items()}
    (one,) = validate(write(tmp_path / f"{accelerator}.{operation}.parquet", columns)).outcomes
    assert (one.predicted is None) == bool(words)
    assert words in one.reason


def test_number_types_of_all_reduces_go_by_any_of_their_names(tmp_path):
    sizes = {}
    for kind in ("bfloat16", "half", "fp8"):
        (found,) = cases(tmp_path, "custom_allreduce", **(REDUCED | {"allreduce_dtype": kind}))
        sizes[kind] = (found.cases.labels.dtype[0], found.cases.shape["size"][0])
    assert sizes == {"bfloat16": ("bfloat16", 8192), "half": ("bfloat16", 8192), "fp8": ("fp8", 4096)}


def test_rules_of_makers_name_what_there_is():
    parts = catalog.shipped().parts(Accelerator)
    for rule in makers.rules():
        assert set(rule.makers) <= {part.vendor for part in parts}, rule
        assert set(rule.generations) <= set(processors()["generations"]), rule
        assert set(rule.operations) <= set(READERS), rule
        assert rule.operations or rule.frameworks or rule.contains


def test_no_published_row_is_refused():
    said: list[str] = []
    usable = sum(len(one.values) for one in measured(tables.read(TABLES), catalog.shipped(), said.append))
    assert (usable, said) == (107523, [])

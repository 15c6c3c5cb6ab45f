"""What rows of published serving runs are read as."""

from __future__ import annotations

import math

import pytest

from firstlight.operate.validation.serving.engines import early
from firstlight.operate.validation.serving.layouts import Engine
from firstlight.operate.validation.serving.reading import COLUMNS, read_served
from firstlight.operate.validation.table import CellError, Row
from firstlight.spec import catalog

PLAIN = dict.fromkeys(COLUMNS, "") | {
    "case_id": "one", "weight": "1", "engine": "vllm", "engine_version": "0.18.0", "model": "Qwen/Qwen3-32B",
    "accelerator": "nvidia-h100-sxm-80gb", "precision": "fp8", "mode": "agg", "isl": "1024", "osl": "1024",
    "concurrency": "32", "tp_size": "4", "ttft_ms": "100", "tpot_ms": "10", "tier": "A",
}  # fmt: skip
LATENT = {"model": "deepseek-ai/DeepSeek-R1", "accelerator": "nvidia-b200-sxm", "engine": "sglang"}


def read(**cells: str):
    return read_served(Row(2, PLAIN | cells), catalog.shipped())


def test_a_row_that_says_everything_assumes_nothing():
    one = read()
    assert one.assumed == ()
    assert (one.model.id, one.kind, one.clients, one.split, one.drafts) == ("qwen3-32b", "fp8", 32, False, False)
    assert one.reading == one.writing == Engine(4, 1, 1)
    assert (one.prompt, one.answer, one.equal) == (1024, 1024, True)
    assert one.wide_cache


def test_drawn_lengths_are_nine_tenths_in_the_mean():
    one = read(source_notes="InferenceX random lengths: sampled uniformly 0.8x..1.0x nominal")
    assert (one.prompt, one.equal) == (pytest.approx(921.6), False)


@pytest.mark.parametrize(
    ("cells", "kind", "told"),
    [
        ({"precision": ""}, "bf16", "precision bf16"),
        ({"precision": "", "model": "nvidia/Llama-3.1-8B-Instruct-FP8"}, "fp8", "precision fp8"),
        ({"precision": "fp8", "model": "openai/gpt-oss-120b"}, "fp4", None),
    ],
)
def test_an_empty_precision_is_that_of_the_checkpoint(cells, kind, told):
    one = read(**cells)
    assert one.kind == kind
    assert told is None or told in one.assumed


@pytest.mark.parametrize(
    ("cells", "engine"),
    [
        ({"tp_size": "64", "moe_tp_size": "8", "moe_ep_size": "8"}, Engine(8, 1, 8)),
        ({"tp_size": "8", "attention_dp_size": "8", "moe_tp_size": "8", "moe_ep_size": "8"}, Engine(8, 8, 8)),
        ({"tp_size": "4", "attention_dp_size": "4", "moe_ep_size": "16"}, Engine(4, 1, 4)),
        ({"tp_size": "1", "attention_dp_size": "8", "moe_ep_size": "8"}, Engine(8, 8, 8)),
    ],
)
def test_products_that_dumps_state_are_undone(cells, engine):
    assert read(**LATENT, **cells).writing == engine


def test_pools_keep_stated_workers_and_fill_missing_ones():
    pools = {f"{pool}_{name}": "8" for pool in ("prefill", "decode") for name in ("tp_size", "moe_ep_size")}
    known = read(**LATENT, **pools, mode="disagg", prefill_num_workers="3", decode_num_workers="2")
    assert (known.readers, known.writers, known.accelerators) == (3, 2, 40)
    missing = read(**LATENT, **pools, mode="disagg")
    assert math.isnan(missing.readers)
    assert "4 decode workers" in missing.assumed
    wide = read(**LATENT, **pools, mode="disagg", concurrency="4096")
    assert wide.writing.data == 8
    assert wide.writers == math.ceil(4096 / (8 * 192))


def test_rows_that_cannot_be_read_say_why():
    with pytest.raises(CellError, match="concurrency"):
        read(concurrency="")
    with pytest.raises(CellError, match="precision"):
        read(precision="int3")


@pytest.mark.parametrize(
    ("version", "date", "kind", "before"),
    [
        ("0.15.1", "2026-02-25", "fp8", True),
        ("0.15.1", "2026-02-25", "fp4", False),
        ("nightly-5b8c30d", "2026-04-02", "fp4", True),
        ("0.18.0", "2026-03-25", "fp8", False),
        ("", "2025-11-02", "fp4", True),
        ("", "2026-02-05", "fp4", False),
    ],
)
def test_kernels_of_each_type_were_tuned_by_a_release_of_their_own(version, date, kind, before):
    assert early(version, date, kind) is before


@pytest.mark.parametrize(("engine", "chip", "wide"), [
    ("sglang", "nvidia-h200-sxm", True), ("sglang", "nvidia-b200-sxm", False), ("trtllm", "nvidia-h200-sxm", False),
])  # fmt: skip
def test_caches_keep_16_bits_where_engines_do_by_default(engine, chip, wide):
    assert read(engine=engine, accelerator=chip).wide_cache is wide

"""Published training runs through the model: columns, defaults, conventions, refusals."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from firstlight.operate.validation import validate_training
from firstlight.operate.validation.runs import COLUMNS, read_run
from firstlight.operate.validation.table import Row, read
from firstlight.spec import catalog

TABLE = Path(__file__).parents[3] / "measurements" / "training.csv"
MEGATRON = dict.fromkeys(COLUMNS, "") | {
    "case_id": "one", "group": "mine", "tier": "A", "weight": "1", "tokens_per_s_per_accel": "800", "date": "2024-08",
    "model": "ours", "layers": "96", "hidden": "12288", "heads": "96", "seq_len": "2048", "vocab": "51200",
    "accelerator": "nvidia-h100-sxm-80gb", "n_accel": "512", "accel_per_node": "8", "precision": "bf16", "tp": "4",
    "pp": "8", "vpp": "6", "micro_batch": "1", "global_batch": "2048", "recompute": "none",
    "framework": "NeMo/Megatron-Core",
}  # fmt: skip


def run(**cells: str):
    return read_run(Row(2, MEGATRON | cells), catalog.shipped())


def validated(tmp_path, *rows: dict[str, str]):
    with (tmp_path / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(MEGATRON | row for row in rows)
    return validate_training(tmp_path / "cases.csv", catalog.shipped()).outcomes


def test_a_row_that_says_everything_assumes_only_what_columns_cannot_say():
    one = run(tied_embeddings="0", sharding="zero1")
    assert one.assumed == ()
    layout = one.layout
    assert (layout.tensor, layout.pipeline, layout.interleave, layout.zero) == (4, 8, 6, 1)
    assert one.model.main.blocks[0].count == 96
    assert one.workload.batch == 2048 * 2048


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"vocab": ""}, "vocab 51200"),
        ({"heads": ""}, "heads 96"),
        ({"vpp": ""}, "vpp 6"),
        ({"attention": "mla"}, "latent attention of DeepSeek-V3"),
        ({"attention": "swa"}, "window 4096 on every other layer"),
        ({"micro_batch": ""}, "micro_batch 1"),
        ({"recompute": "", "micro_batch": "1"}, "recompute none"),
        ({"date": ""}, "software of 2026.5"),
        ({"sharding": "hsdp", "pp": "1", "vpp": ""}, "sharded over 32 ranks"),
        ({"sharding": "", "framework": "MaxText (JAX)", "pp": "1", "vpp": ""}, "fully sharded"),
        ({"method": "lora"}, "adapters of rank 16"),
        ({"software_switches": "tokendrop"}, "tokendrop is not modelled"),
        ({"framework": "Megatron-DeepSpeed", "precision": "fp16"}, "gradients in 16 bits"),
    ],
)
def test_what_a_row_leaves_empty_is_told(cells, told):
    assert told in run(**cells).assumed


def test_hybrid_sharding_without_a_group_takes_the_fewest_nodes_that_hold_the_states():
    one = run(sharding="hsdp", pp="1", vpp="")
    assert one.layout.shard == 32  # 16 B x 177 G parameters / (4 tensor ranks x 32) = 22 GB of 80 GB; 44 GB is too much
    assert run(sharding="hsdp", pp="1", vpp="", n_accel="128").layout.shard is None  # all ranks: nothing is replicated


def test_the_largest_easy_micro_batch_is_taken_where_it_is_open():
    small = {"layers": "24", "hidden": "2048", "heads": "16", "tp": "1", "pp": "1", "vpp": "", "micro_batch": ""}
    assert run(**small, global_batch="4096").layout.micro_batch == 4  # 4 x 2,048 tokens
    assert run(**small, global_batch="1536").layout.micro_batch == 1  # 3 sequences a rank


def test_recomputation_that_does_not_make_it_fit_is_not_assumed():
    assert run(tp="1", pp="1", vpp="", n_accel="8", global_batch="64", recompute="").layout.recompute == "none"


def test_the_method_says_what_is_trained():
    lora, full = run(method="lora"), run(method="sft")
    assert lora.workload.adapters == 16
    assert full.workload.adapters is None


def test_a_share_of_the_peak_is_a_target_too(tmp_path):
    silent = {"tokens_per_s_per_accel": "", "mfu_definition_notes": "causal"}
    one, other, speed = validated(
        tmp_path, silent | {"reported_mfu": "0.45"}, silent | {"reported_tflops_per_accel": "450"}, {}
    )
    assert (one.metric, one.measured) == ("reported_mfu", 0.45)
    assert one.predicted.p50 == pytest.approx(other.predicted.p50 * 1e12 / 989e12)
    assert speed.metric == "tokens_per_s_per_accel"


def test_attention_of_a_row_is_that_of_its_model():
    latent, windows = run(attention="mla").model, run(attention="swa").model
    assert latent.main.blocks[0].mixer.kv_rank == 512
    assert [(block.count, block.mixer.window) for block in windows.main.blocks] == [(48, 4096), (48, None)]


def test_xla_does_not_accumulate():
    one = run(
        framework="MaxText (JAX)", accelerator="google-tpu-v5p", tp="", pp="", vpp="", micro_batch="1", sharding="fsdp"
    )
    assert one.layout.micro_batch == 4
    assert one.parts.nic is None


def test_a_shipped_model_is_taken_where_its_shapes_agree():
    cells = {"model": "gpt-oss-120b", "layers": "36", "hidden": "2880", "experts": "128", "top_k": "4", "ep": "8"}
    windows = [block.mixer.window for block in run(**cells, tp="1", pp="1", vpp="").model.main.blocks]
    assert set(windows) == {128, None}
    other = run(**(cells | {"layers": "35"}), expert_ffn="2880", heads="64", tp="1", pp="1", vpp="")
    assert [block.mixer.window for block in other.model.main.blocks] == [None]


def test_links_of_the_row_are_those_of_the_fabric(tmp_path):
    cells = {"tp": "1", "pp": "1", "vpp": "", "sharding": "fsdp", "micro_batch": "1", "global_batch": "512"}
    fast, slow = validated(
        tmp_path,
        MEGATRON | cells | {"scaleout_gbit_per_gpu": "400"},
        MEGATRON | cells | {"scaleout_gbit_per_gpu": "25"},
    )
    assert slow.predicted.p50 < 0.8 * fast.predicted.p50


def test_targets_and_conventions_agree(tmp_path):
    (tokens,) = validated(tmp_path, MEGATRON)
    step = MEGATRON | {"tokens_per_s_per_accel": "", "step_time_s": "10"}
    flops = MEGATRON | {"tokens_per_s_per_accel": "", "reported_tflops_per_accel": "400"}
    (time,), (causal,) = validated(tmp_path, step), validated(tmp_path, flops)
    (full,) = validated(tmp_path, flops | {"mfu_definition_notes": "full attention"})
    (hardware,) = validated(tmp_path, flops | {"mfu_definition_notes": "HARDWARE FLOPs"})
    assert time.predicted.p50 == pytest.approx(2048 * 2048 / 512 / tokens.predicted.p50)
    assert [one.metric for one in (tokens, time, causal)] == [
        "tokens_per_s_per_accel", "step_time_s", "reported_tflops_per_accel"
    ]  # fmt: skip
    assert hardware.predicted.p50 == pytest.approx(4 / 3 * full.predicted.p50)
    assert 1.0 < full.predicted.p50 / causal.predicted.p50 < 1.05
    megatron = 96 * 96 * 12288**2 * (1 + 2048 / (6 * 12288) + 51200 / (16 * 96 * 12288))
    assert hardware.predicted.p50 == pytest.approx(megatron * tokens.predicted.p50 / 1e12, rel=0.005)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"layers": ""}, "layers is empty"),
        ({"layers": "many"}, 'layers: "many" is not a number'),
        ({"accelerator": "nvidia-h1000"}, 'unknown accelerator "nvidia-h1000"'),
        ({"precision": "fp17"}, "precision"),
        ({"sharding": "sliced"}, "sharding"),
        ({"recompute": "some"}, "recompute"),
        ({"tp": "7"}, "does not divide 96 attention heads"),
        ({"tp": "512", "pp": "512"}, "lower one of them"),
        ({"kv_heads": "7"}, "do not divide 96 heads"),
        ({"experts": "8", "top_k": "9", "expert_ffn": "100"}, "top_k: 9 of 8 experts"),
        ({"tokens_per_s_per_accel": ""}, "no target"),
        ({"tokens_per_s_per_accel": "-1"}, "not above 0"),
        ({"weight": "heavy"}, "weight"),
    ],
)
def test_a_row_that_cannot_be_is_told_and_the_next_one_predicted(tmp_path, cells, reason):
    refused, fine = validated(tmp_path, MEGATRON | cells, MEGATRON)
    assert refused.predicted is None
    assert reason in refused.reason
    assert "\n" not in refused.reason
    assert fine.predicted


def test_tiers_are_chosen(tmp_path):
    assert [one.case_id for one in validated(tmp_path, MEGATRON | {"tier": "C"}, MEGATRON)] == ["one"]


def test_one_row_of_each_group_is_predicted():
    """All rows are scored by `scripts/scoreboards.py`."""
    seen: dict[str, Row] = {}
    for each in read(TABLE, COLUMNS):
        if each.text("tier") in ("A", "B"):
            seen.setdefault(each.text("group"), each)
    for row in seen.values():
        read_run(row, catalog.shipped())

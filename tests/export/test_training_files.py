"""The files of a training run: the trace, Megatron's arguments, TorchTitan's configuration."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.export.megatron import megatron, stages
from firstlight.export.torchtitan import torchtitan
from firstlight.export.trace import trace
from firstlight.performance import training
from firstlight.performance.training.timeline import timeline
from firstlight.spec import assumptions, catalog, models
from firstlight.spec.design import TrainingLayout
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training

PARTS = catalog.shipped()
SYSTEM = PARTS.part(System, "hgx-h100")
CHIP, HOST = PARTS.part(Accelerator, SYSTEM.accelerator), PARTS.part(Host, SYSTEM.host)
SHIPPED = assumptions.with_overrides(assumptions.shipped(), {})
KNOWN = (Path(__file__).parent / "megatron-arguments.txt").read_text("utf-8").split()
"""Options of megatron/training/arguments.py of NVIDIA/Megatron-LM at core_v0.15.0 that may be written."""
TITAN = {
    "job": {"description"},
    "model": {"name", "flavor", "converters"},
    "training": {"local_batch_size", "global_batch_size", "seq_len", "steps"},
    "parallelism": {
        "data_parallel_replicate_degree", "data_parallel_shard_degree", "fsdp_reshard_after_forward",
        "tensor_parallel_degree", "enable_async_tensor_parallel", "context_parallel_degree",
        "pipeline_parallel_degree", "pipeline_parallel_schedule", "pipeline_parallel_microbatch_size",
        "module_fqns_per_model_part", "context_parallel_rotate_method", "expert_parallel_degree",
        "expert_tensor_parallel_degree",
    },
    "activation_checkpoint": {"mode", "selective_ac_option"},
    "compile": {"enable", "components"},
    "quantize": {"linear", "grouped_mm"},
}  # fmt: skip
"""Keys of torchtitan/config/job_config.py at v0.2.2 that may be written."""


def wire(operation, size, group):
    inner, outer = (np.asarray(level, float) for level in group)
    return np.where(inner * outer > 1, 20e-6 + np.asarray(size, float) / 50e9, 0.0)


def case(name: str, layout: TrainingLayout, accelerators: int = 256, **fields):
    run = Training.model_validate({"train": name, "tokens": "1T", "sequence": 4096, "batch": 256 * 4096.0} | fields)
    model = models.find(name)
    asked = training.Run(run, model, SYSTEM, CHIP, HOST, accelerators, wire, SHIPPED)
    return run, model, training.train(asked, layout)


def flags(name: str, layout: TrainingLayout, **fields) -> dict[str, list[str]]:
    """Megatron's arguments as bash reads them out of the file, by option."""
    text = megatron(*case(name, layout, **fields))
    script = text + '\nprintf "%s\\n" "${MEGATRON_ARGS[@]}"\n'
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    for word in done.stdout.splitlines():
        if word.startswith("--"):
            assert word not in found
            found[word] = []
        else:
            found[list(found)[-1]].append(word)
    return found


def notes(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith("# NOTE"))


def test_megatron_arguments_of_a_dense_model():
    layout = TrainingLayout(tensor=8, pipeline=4, interleave=5, micro_batch=1, recompute="full")
    found = flags("llama-3-70b", layout, precision="fp8")
    said = {name: " ".join(values) for name, values in found.items()}
    assert said | {
        "--tensor-model-parallel-size": "8", "--pipeline-model-parallel-size": "4",
        "--num-virtual-stages-per-pipeline-rank": "5", "--context-parallel-size": "1", "--sequence-parallel": "",
        "--use-distributed-optimizer": "", "--recompute-granularity": "full", "--recompute-method": "uniform",
        "--recompute-num-layers": "1", "--bf16": "", "--fp8-format": "hybrid", "--micro-batch-size": "1",
        "--global-batch-size": "256", "--seq-length": "4096", "--num-layers": "80", "--hidden-size": "8192",
        "--ffn-hidden-size": "28672", "--num-attention-heads": "64", "--group-query-attention": "",
        "--num-query-groups": "8", "--kv-channels": "128", "--swiglu": "", "--normalization": "RMSNorm",
        "--untie-embeddings-and-output-weights": "", "--disable-bias-linear": "", "--vocab-size": "128256",
    } == said  # fmt: skip
    assert "--num-experts" not in said
    assert "--pipeline-model-parallel-layout" not in said


def test_megatron_arguments_of_latent_attention_and_experts():
    found = flags("deepseek-v3", TrainingLayout(pipeline=8, expert=32, zero=2, recompute="selective"))
    said = {name: " ".join(values) for name, values in found.items()}
    assert said | {
        "--multi-latent-attention": "", "--q-lora-rank": "1536", "--kv-lora-rank": "512", "--qk-head-dim": "128",
        "--qk-pos-emb-head-dim": "64", "--v-head-dim": "128", "--num-experts": "256", "--moe-router-topk": "8",
        "--moe-ffn-hidden-size": "2048", "--moe-shared-expert-intermediate-size": "2048",
        "--expert-model-parallel-size": "32", "--expert-tensor-parallel-size": "1", "--ffn-hidden-size": "18432",
        "--moe-layer-freq": "([0]*3+[1]*58)", "--data-parallel-sharding-strategy": "optim_grads",
        "--use-megatron-fsdp": "", "--recompute-granularity": "selective",
    } == said  # fmt: skip
    layers = said["--pipeline-model-parallel-layout"]
    assert layers.count("t") == 61
    assert layers.count("|") == 7


def test_modules_that_are_computed_again_are_named():
    modules = ("layernorm", "mla_up_proj", "moe_act")
    layout = TrainingLayout(pipeline=8, expert=32, recompute="selective", recompute_modules=modules)
    found = flags("deepseek-v3", layout)
    assert found["--recompute-granularity"] == ["selective"]
    assert found["--recompute-modules"] == [*modules]
    assert "reckoned" not in notes(megatron(*case("deepseek-v3", layout)))
    told = notes(torchtitan(*case("deepseek-v3", layout)))
    assert "recomputation by module (layernorm, mla_up_proj, moe_act) cannot be expressed" in told


def test_what_waits_in_8_bits_and_a_moving_average_are_told():
    layout = TrainingLayout(pipeline=8, expert=32, activations="fp8", average="host", moments="bf16")
    run = case("deepseek-v3", layout, precision="fp8")
    told = notes(megatron(*run))
    assert "activation_func_fp8_input_store" in told
    assert "moving average of the parameters is not in these settings" in told
    assert flags("deepseek-v3", layout, precision="fp8")["--exp-avg-dtype"] == ["bf16"]
    told = notes(torchtitan(*run))
    assert "activations that wait in 8 bits are not in these settings" in told
    assert "moving average" in told


def test_gpt_has_its_old_ways():
    said = flags("gpt-3-175b", TrainingLayout(tensor=8, pipeline=8, zero=0), sequence=2048)
    assert said["--position-embedding-type"] == ["learned_absolute"]
    assert said["--normalization"] == ["LayerNorm"]
    assert not {"--swiglu", "--disable-bias-linear", "--group-query-attention", "--use-distributed-optimizer"} & {*said}


@pytest.mark.parametrize("name", models.ids())
def test_every_model_gives_options_that_megatron_knows_and_a_valid_toml(name):
    model = models.find(name)
    routed = any(getattr(block.feed_forward, "count", 0) for block in model.main.blocks)
    run, _, result = case(name, TrainingLayout(pipeline=2, micro_batch=2, zero=1))
    for word in re.findall(r"^  --([a-z0-9-]+)", megatron(run, model, result), re.M):
        assert word in KNOWN, word
    tables = tomllib.loads(torchtitan(run, model, result))
    for table, values in tables.items():
        assert set(values) <= TITAN[table], table
    assert ("expert_parallel_degree" in tables["parallelism"]) == routed
    parts = tables["parallelism"]["module_fqns_per_model_part"]
    depth = sum(block.count for block in model.main.blocks)
    modules = [module for part in parts for module in part]
    assert modules == ["tok_embeddings", *(f"layers.{index}" for index in range(depth)), "norm", "output"]


@given(st.integers(1, 130), st.integers(2, 40), st.integers(1, 3))
def test_stages_hold_all_layers_evenly(depth, pipeline, chunks):
    held = stages(depth, TrainingLayout(pipeline=pipeline, interleave=chunks)).split("|")
    assert len(held) == pipeline * chunks
    assert held[0][0] == "E"
    assert held[-1][-1] == "L"
    counts = [chunk.count("t") for chunk in held]
    assert sum(counts) == depth
    assert max(counts) - min(counts) <= 1


def test_stages_whose_layers_are_given_hold_them():
    held = stages(61, TrainingLayout(pipeline=16, first_layers=4, last_layers=1)).split("|")
    assert [chunk.count("t") for chunk in held] == [4, *[4] * 14, 1]
    both = stages(30, TrainingLayout(pipeline=4, interleave=2, first_layers=3)).split("|")
    assert [chunk.count("t") for chunk in both][0::4] == [2, 1]


def layers_by_stage(found: dict[str, list[str]]) -> list[int]:
    """Layers of each pipeline stage as Megatron deals the chunks of its layout: chunk i to stage i mod stages."""
    counts = [chunk.count("t") for chunk in found["--pipeline-model-parallel-layout"][0].split("|")]
    stages = int(found["--pipeline-model-parallel-size"][0])
    return [sum(counts[stage::stages]) for stage in range(stages)]


def test_given_ends_with_virtual_stages_are_a_layout():
    layout = TrainingLayout(tensor=8, pipeline=16, interleave=4, first_layers=7, last_layers=7)
    found = flags("llama-3.1-405b", layout, accelerators=1024)
    assert layers_by_stage(found) == [7, *[8] * 14, 7]
    assert not {name for name in found if name.startswith(("--decoder-", "--num-virtual-stages"))}


@settings(max_examples=60)
@given(
    depth=st.sampled_from(["llama-3-8b", "llama-3-70b", "deepseek-v3"]), pipeline=st.integers(2, 8),
    interleave=st.integers(1, 4), first=st.none() | st.integers(1, 12), last=st.none() | st.integers(1, 12),
)  # fmt: skip
def test_megatron_takes_every_division_of_layers(depth, pipeline, interleave, first, last):
    layout = TrainingLayout(
        pipeline=pipeline, interleave=interleave, first_layers=first, last_layers=last
    )  # fmt: skip
    try:
        run, model, result = case(depth, layout, accelerators=8 * pipeline)
    except UsageError:
        return
    text, layers = megatron(run, model, result), sum(block.count for block in model.main.blocks)
    if "pipeline-model-parallel-layout" in text:
        return
    # What megatron/core/transformer/transformer_config.py asserts: chunks divide the ends, stages divide the rest.
    ends = [count for count in (first, last) if count is not None]
    assert all(count % interleave == 0 for count in ends)
    others = pipeline - len(ends)
    assert others == 0 or (layers - sum(ends)) % (others * interleave) == 0


def test_latents_are_normalised_and_what_routers_lack_is_a_note():
    layout = TrainingLayout(tensor=2, pipeline=8, expert=32)
    assert "--qk-layernorm" in flags("deepseek-v3", layout)
    told = notes(megatron(*case("deepseek-v3", layout, precision="fp8")))
    for option in ("--moe-router-num-groups", "--moe-router-group-topk", "--moe-router-topk-scaling-factor",
                   "--mtp-num-layers", "--fp8-recipe is assumed"):  # fmt: skip
        assert option in told
    assert "recipe is assumed" in notes(torchtitan(*case("deepseek-v3", layout, precision="fp8")))
    plain = notes(megatron(*case("mixtral-8x7b", TrainingLayout(expert=8))))
    assert "--moe-router-num-groups" not in plain
    assert "recipe" not in plain


SITES = TrainingLayout.model_validate({
    "tensor": 8, "pipeline": 2, "zero": 3, "sites": 2, "site_link": "100 Gb/s", "synchronise": 10, "fragments": 2,
})  # fmt: skip


@pytest.mark.parametrize(("zero", "replicas"), [(0, 4), (1, 2), (3, 2)])
def test_nothing_is_sharded_between_sites(zero, replicas):
    layout = SITES.model_copy(update={"zero": zero})
    text = torchtitan(*case("llama-3-70b", layout, accelerators=64))
    tables = tomllib.loads(text)["parallelism"]
    assert tables["data_parallel_replicate_degree"] == replicas
    assert tables["data_parallel_shard_degree"] == 4 // replicas
    found = flags("llama-3-70b", layout, accelerators=64)
    assert found.get("--num-distributed-optimizer-instances") == (["2"] if zero else None)
    assert "--use-tp-pp-dp-mapping" in found


def test_infrequent_synchronisation_is_a_note():
    for text in (writer(*case("llama-3-70b", SITES, accelerators=64)) for writer in (megatron, torchtitan)):
        assert "DiLoCo" in notes(text)
        assert "TorchFT" in notes(text)
    often = SITES.model_copy(update={"synchronise": 1, "fragments": 1})
    assert "DiLoCo" not in notes(torchtitan(*case("llama-3-70b", often, accelerators=64)))


def test_options_of_a_layout_are_flags_or_notes():
    options = {
        "gradients": "bf16",
        "moments": "fp8",
        "offload": ("optimizer", "activations"),
        "context_kind": "ulysses",
    }
    layout = TrainingLayout(tensor=2, context=2, shard=8, **options)
    run, model, result = case("llama-3-8b", layout, accelerators=64)
    text = megatron(run, model, result)
    for flag in (
        "--cp-comm-type a2a", "--grad-reduce-in-bf16", "--main-grads-dtype bf16",
        "--use-precision-aware-optimizer", "--exp-avg-dtype fp8",
        "--optimizer-cpu-offload", "--num-distributed-optimizer-instances 4",
    ):  # fmt: skip
        assert f"  {flag}\n" in text
    assert "activations in the host's memory are not" in notes(text)
    titan = torchtitan(run, model, result)
    tables = tomllib.loads(titan)["parallelism"]
    assert (tables["data_parallel_replicate_degree"], tables["data_parallel_shard_degree"]) == (4, 4)
    assert "Ulysses cannot be expressed" in notes(titan)


@pytest.mark.parametrize("schedule", ["gpipe", "zero-bubble", "dualpipe"])
def test_schedules_have_as_many_chunks_as_they_run_with(schedule):
    run, model, result = case("llama-3-8b", TrainingLayout(pipeline=4, schedule=schedule), accelerators=16)
    assert f"no {schedule} schedule" in notes(megatron(run, model, result))
    titan = torchtitan(run, model, result)
    assert ("nearest to" in notes(titan)) == (schedule != "gpipe")
    parts = tomllib.loads(titan)["parallelism"]["module_fqns_per_model_part"]
    assert len(parts) == (4 if schedule == "gpipe" else 8)


def test_torchtitan_batches_count_the_micro_batches_of_a_pipeline():
    run, model, result = case("llama-3-70b", TrainingLayout(tensor=8, pipeline=4, micro_batch=2, zero=3))
    tables = tomllib.loads(torchtitan(run, model, result))
    assert tables["model"]["flavor"] == "70B"
    assert tables["training"]["local_batch_size"] == 2 * result.micro_batches == 32
    assert tables["training"]["global_batch_size"] == 256
    assert tables["parallelism"]["data_parallel_shard_degree"] == 8
    assert tables["parallelism"]["fsdp_reshard_after_forward"] == "always"
    assert tables["parallelism"]["pipeline_parallel_schedule"] == "1F1B"


def test_torchtitan_computes_products_in_8_bits_but_not_the_head_nor_routers():
    run, model, result = case("deepseek-v3", TrainingLayout(pipeline=8, expert=8), precision="fp8")
    tables = tomllib.loads(torchtitan(run, model, result))
    assert tables["model"]["converters"] == ["quantize.linear.float8", "quantize.grouped_mm.float8"]
    assert tables["quantize"]["linear"]["float8"]["filter_fqns"] == ["output", "router.gate"]
    assert tables["quantize"]["grouped_mm"]["float8"] == {"fqns": ["experts"]}


def test_what_cannot_be_said_is_a_note():
    run, model, result = case("llama-3-70b", TrainingLayout(tensor=8, pipeline=4, zero=1))
    assert "ZeRO-1 cannot be expressed" in notes(torchtitan(run, model, result))
    assert "has no flavor of gpt-3-175b" in notes(torchtitan(*case("gpt-3-175b", TrainingLayout(tensor=8, pipeline=8))))
    uneven = megatron(*case("llama-3-8b", TrainingLayout(tensor=1), accelerators=100))
    assert "--global-batch-size must be a multiple" in notes(uneven)
    idle = megatron(*case("llama-3-8b", TrainingLayout(tensor=8), accelerators=250))
    assert "start 248 ranks; the other 2" in notes(idle)
    assert "state-space" in notes(megatron(*case("nemotron-h-8b", TrainingLayout())))
    assert "indexer" in notes(megatron(*case("deepseek-v3.2", TrainingLayout(pipeline=8))))


def line(layout: TrainingLayout, name: str = "llama-3-8b", accelerators: int = 64):
    run = Training.model_validate({"train": name, "tokens": "1T", "sequence": 4096, "batch": 64 * 4096.0})
    return timeline(training.Run(run, models.find(name), SYSTEM, CHIP, HOST, accelerators, wire, SHIPPED), layout)


@settings(max_examples=25)
@given(
    tensor=st.sampled_from([1, 2, 8]), pipeline=st.sampled_from([1, 2, 4, 5, 8]), interleave=st.sampled_from([1, 2, 4]),
    micro_batch=st.integers(1, 4), zero=st.integers(0, 3),
)  # fmt: skip
def test_a_trace_is_of_complete_events_that_follow_each_other(tensor, pipeline, interleave, micro_batch, zero):
    layout = TrainingLayout(
        tensor=tensor, pipeline=pipeline, interleave=interleave, micro_batch=micro_batch, zero=zero
    )  # fmt: skip
    try:
        drawn = line(layout)
    except UsageError:
        return
    body = json.loads(trace(drawn))
    assert body["displayTimeUnit"] == "ms"
    threads: dict[tuple[int, int], float] = {}
    end = 0.0
    for event in body["traceEvents"]:
        assert event["ph"] in ("M", "X")
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "process_sort_index", "thread_name")
            continue
        assert {"name", "cat", "pid", "tid", "ts", "dur"} <= event.keys()
        assert event["ts"] >= threads.get((event["pid"], event["tid"]), 0.0) - 1e-3
        assert event["dur"] > 0
        threads[event["pid"], event["tid"]] = event["ts"] + event["dur"]
        end = max(end, event["ts"] + event["dur"])
    assert {rank for rank, _ in threads} == set(range(pipeline))
    assert end == pytest.approx(drawn.step_time * 1e6, abs=0.01)
    assert body["otherData"]["step_time_s"] == drawn.step_time


def test_a_trace_names_its_ranks_and_streams():
    body = json.loads(trace(line(TrainingLayout(tensor=2, pipeline=2))))
    named = {(e["pid"], e["tid"]): e["args"]["name"] for e in body["traceEvents"] if e["name"] == "thread_name"}
    assert named == {(r, t): n for r in (0, 1) for t, n in enumerate(("compute", "communication"))}
    passes = [e for e in body["traceEvents"] if e["name"] == "forward" and e["pid"] == 1]
    assert [e["args"]["micro_batch"] for e in passes] == list(range(len(passes)))


OPTIONS = TrainingLayout.model_validate({
    "tensor": 2, "pipeline": 4, "context": 2, "context_kind": "all-gather", "first_layers": 7, "last_layers": 7,
    "schedule": "zero-bubble", "gradients": "bf16", "moments": "fp8", "offload": ["optimizer"],
})  # fmt: skip


def test_options_are_flags_of_megatron_or_told():
    found = flags("llama-3-8b", OPTIONS)
    assert found["--cp-comm-type"] == ["allgather"]
    assert found["--decoder-first-pipeline-num-layers"] == ["7"]
    assert found["--main-grads-dtype"] == ["bf16"]
    assert found["--exp-avg-dtype"] == ["fp8"]
    assert {"--optimizer-cpu-offload", "--use-precision-aware-optimizer"} <= set(found)
    assert "no zero-bubble schedule" in notes(megatron(*case("llama-3-8b", OPTIONS)))


def test_options_are_keys_of_torchtitan_or_told():
    text = torchtitan(*case("llama-3-8b", OPTIONS))
    assert tomllib.loads(text)["parallelism"]["pipeline_parallel_schedule"] == "InterleavedZeroBubble"
    assert "nearest to zero-bubble" in notes(text)
    assert "narrow gradients" in notes(text)

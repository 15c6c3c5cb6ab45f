"""A training run as a TorchTitan configuration (TOML)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any, cast

import yaml

from firstlight import units
from firstlight.export.megatron import stages
from firstlight.export.megatron_notes import beyond_frameworks, routed, taught
from firstlight.performance.result import TrainingResult
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.workload import Training

VERSION = "v0.2.2"
"""Tag of pytorch/torchtitan whose torchtitan/config/job_config.py the keys were checked against."""
_CHECKPOINT = {"none": {"mode": "none"}, "full": {"mode": "full"},
               "selective": {"mode": "selective", "selective_ac_option": "op"}}  # fmt: skip
_SCHEDULES = {"1f1b": "1F1B", "gpipe": "GPipe", "zero-bubble": "InterleavedZeroBubble", "dualpipe": "DualPipeV"}
"""The schedule of torch.distributed.pipelining that is the layout's, or the nearest to it."""
_TWICE = ("zero-bubble", "dualpipe")
"""Schedules whose nearest one runs two chunks on each rank."""
_FQNS = {"E": ["tok_embeddings"], "L": ["norm", "output"]}
"""Modules of the ends of a language model, as TorchTitan calls them."""


def torchtitan(workload: Training, model: Model, result: TrainingResult) -> str:
    """A TOML file; what the framework cannot express is a comment at its top.

    Args:
        workload: what is trained. model: architecture. result: of the run, with its layout.
    """
    head = f"# {model.id} on {result.accelerators:,} accelerators, written by firstlight for TorchTitan {VERSION}."
    lines = [head, *(f"# NOTE: {note}" for note in _missing(workload, model, result))]
    for table, values in _tables(workload, model, result).items():
        lines += ["", f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _tables(workload: Training, model: Model, result: TrainingResult) -> dict[str, dict[str, Any]]:
    layout, found = result.layout, _flavors().get(model.id)
    tables: dict[str, dict[str, Any]] = {"job": {"description": f"{model.id} as planned by firstlight"}}
    quantized = _quantized(model) if result.precision == "fp8" else {}
    tables["model"] = {**(found or {}), "converters": [*quantized]}
    tables["training"] = {
        "local_batch_size": layout.micro_batch * (result.micro_batches if layout.pipeline > 1 else 1),
        "global_batch_size": result.micro_batches * layout.micro_batch * result.data,
        "seq_len": result.sequence,
        "steps": max(round(workload.tokens / result.batch), 1),
    }
    tables["parallelism"] = _parallelism(model, result)
    tables["activation_checkpoint"] = _CHECKPOINT[layout.recompute]
    tables["compile"] = {"enable": True, "components": ["model", "loss"]}
    return tables | quantized


def _quantized(model: Model) -> dict[str, dict[str, Any]]:
    """Products in 8 bits, by the name of their converter and table; the head and routers are left out."""
    if not routed(model):
        return {"quantize.linear.float8": {"recipe_name": "tensorwise", "filter_fqns": ["output"]}}
    linear = {"recipe_name": "tensorwise", "filter_fqns": ["output", "router.gate"]}
    return {"quantize.linear.float8": linear, "quantize.grouped_mm.float8": {"fqns": ["experts"]}}


def _parallelism(model: Model, result: TrainingResult) -> dict[str, Any]:
    layout = result.layout
    shards = _shards(result)
    found: dict[str, Any] = {
        "data_parallel_replicate_degree": result.data // shards,
        "data_parallel_shard_degree": shards,
        "fsdp_reshard_after_forward": "always" if layout.zero == 3 else "never",
        "tensor_parallel_degree": layout.tensor,
        "enable_async_tensor_parallel": layout.tensor > 1,
        "context_parallel_degree": layout.context,
        "pipeline_parallel_degree": layout.pipeline,
    }
    if layout.context > 1:
        found["context_parallel_rotate_method"] = "allgather" if layout.context_kind == "all-gather" else "alltoall"
    if layout.pipeline > 1:
        found |= {
            "pipeline_parallel_schedule": "Interleaved1F1B" if layout.interleave > 1 else _SCHEDULES[layout.schedule],
            "pipeline_parallel_microbatch_size": layout.micro_batch,
            "module_fqns_per_model_part": _modules(model, layout),
        }
    if routed(model):
        found |= {"expert_parallel_degree": layout.expert, "expert_tensor_parallel_degree": layout.expert_tensor}
    return found


def _shards(result: TrainingResult) -> int:
    """Data-parallel ranks that FSDP shards over, all at one site; context-parallel ones not counted."""
    layout, inside = result.layout, result.data // result.layout.sites
    if layout.zero == 0:
        return 1
    return inside if layout.shard is None else max(min(layout.shard // layout.context, inside), 1)


def _modules(model: Model, layout: TrainingLayout) -> list[list[str]]:
    """Modules of each chunk of the pipeline; two chunks a rank where the schedule runs only so."""
    if layout.schedule in _TWICE:
        layout = layout.model_copy(update={"interleave": 2})
    depth, found, layer = sum(block.count for block in model.main.blocks), list[list[str]](), 0
    for chunk in stages(depth, layout).split("|"):
        names: list[str] = []
        for letter in chunk:
            names += _FQNS.get(letter, [f"layers.{layer}"])
            layer += letter == "t"
        found.append(names)
    return found


def _missing(workload: Training, model: Model, result: TrainingResult) -> Iterator[str]:
    """What of the run this configuration does not say."""
    layout = result.layout
    yield f"predicted: {units.show(result.step_time.p50, 'time')} a step, MFU {result.mfu.p50:.1%}"
    if model.id not in _flavors():
        yield f"TorchTitan {VERSION} has no flavor of {model.id}; add one, and name it in [model] as name and flavor"
    if layout.zero == 1:
        yield "ZeRO-1 cannot be expressed; FSDP that keeps its weights after the forward pass (ZeRO-2) is the nearest"
    if layout.schedule in _TWICE:
        yield f"{_SCHEDULES[layout.schedule]} is the schedule of PyTorch that is nearest to {layout.schedule}"
    if layout.gradients != "fp32" or layout.moments != "fp32" or "optimizer" in layout.offload:
        yield "narrow gradients and moments, and an optimizer on the host, are not in these settings"
    if layout.context > 1 and layout.context_kind == "ulysses":
        yield "Ulysses cannot be expressed; keys and values go round instead"
    if layout.recompute_modules:
        yield (
            f"recomputation by module ({', '.join(layout.recompute_modules)}) cannot be expressed; operator by "
            "operator, which keeps the result of every second product, is the nearest"
        )
    if layout.activations == "fp8":
        yield "activations that wait in 8 bits are not in these settings"
    if workload.adapters is not None:
        yield "LoRA adapters are not in these settings"
    yield from taught(result)
    if result.precision == "fp8":
        yield "the FP8 recipe is assumed: one scale a tensor (tensorwise); rowwise is another"
    yield from _sites(layout)
    yield from beyond_frameworks(layout)
    used = result.data * layout.tensor * layout.pipeline * layout.context
    if used < result.accelerators:
        yield f"start {used:,} ranks; the other {result.accelerators - used:,} accelerators have no part in this layout"
    sequences, filled = result.batch / result.sequence, result.micro_batches * layout.micro_batch * result.data
    if round(sequences) != filled:
        yield f"the batch of {sequences:,.0f} sequences does not fill whole micro-batches; {filled:,} does"


def _sites(layout: TrainingLayout) -> Iterator[str]:
    if layout.sites == 1:
        return
    if layout.zero:
        yield f"weights are sharded inside a site only; the {layout.sites} sites are replicas of each other"
    if layout.pipeline > 1:
        yield "stages are the outermost ranks: number the nodes so that each site holds whole pipelines"


@cache
def _flavors() -> dict[str, dict[str, str]]:
    text = (resources.files("firstlight.data") / "torchtitan.yaml").read_text("utf-8")
    return cast("dict[str, dict[str, str]]", yaml.safe_load(text))

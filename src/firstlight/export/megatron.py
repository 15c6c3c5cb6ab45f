"""A training run as arguments of Megatron-LM's `pretrain_gpt.py`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from firstlight.export.megatron_notes import SHARDED, notes, routed
from firstlight.performance.result import TrainingResult
from firstlight.performance.training.schedules.orders import group_size
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Attention, Block, Experts, FeedForward, LatentAttention, Model
from firstlight.spec.workload import Training

VERSION = "core_v0.15.0"
"""Tag of NVIDIA/Megatron-LM whose megatron/training/arguments.py the flags were checked against."""
Flags = list[tuple[str, ...]]
"""A flag with its values, each."""
_SHARDED = {2: "optim_grads", 3: "optim_grads_params"}
"""Strategy of Megatron-FSDP by ZeRO stage."""
_CONTEXTS = {"all-gather": "allgather", "ulysses": "a2a"}


def megatron(workload: Training, model: Model, result: TrainingResult) -> str:
    """A bash file that sets the array MEGATRON_ARGS; what the framework cannot express is a comment at its top.

    Args:
        workload: what is trained. model: architecture. result: of the run, with its layout.
    """
    flags = [*_layout(model, result), *_precision(result), *_batch(workload, result)]
    flags += _architecture(model, result.sequence)
    lines = [
        f"# {model.id} on {result.accelerators:,} accelerators, written by firstlight for Megatron-LM {VERSION}.",
        '# source this file, then: torchrun ... pretrain_gpt.py "${MEGATRON_ARGS[@]}"',
        "# and what firstlight does not know: data, tokenizer, learning rate, rotary base, initialisation.",
        *(f"# NOTE: {note}" for note in notes(workload, model, result)),
        "MEGATRON_ARGS=(",
        *("  " + " ".join([f"--{name}", *map(shlex.quote, values)]) for name, *values in flags),
        ")",
    ]
    return "\n".join(lines) + "\n"


def _layout(model: Model, result: TrainingResult) -> Flags:
    layout = result.layout
    flags: Flags = [
        ("tensor-model-parallel-size", str(layout.tensor)),
        ("pipeline-model-parallel-size", str(layout.pipeline)),
        ("context-parallel-size", str(layout.context)),
        *_stages(model, result),
    ]
    if layout.sites > 1 and layout.pipeline > 1:
        flags.append(("use-tp-pp-dp-mapping",))
    if layout.tensor > 1:
        flags.append(("sequence-parallel",))
    if routed(model):
        flags.append(("expert-model-parallel-size", str(layout.expert)))
        flags.append(("expert-tensor-parallel-size", str(layout.expert_tensor)))
    if layout.context_kind != "ring":
        flags.append(("cp-comm-type", _CONTEXTS[layout.context_kind]))
    return [*flags, *_sharding(result), *_states(layout), *_recompute(layout, model)]


def _stages(model: Model, result: TrainingResult) -> Flags:
    """Chunks of the pipeline; where they do not divide the layers, which of them holds how many."""
    layout, depth, flags = result.layout, sum(block.count for block in model.main.blocks), Flags()
    if layout.pipeline == 1:
        return flags
    ends = {"first": layout.first_layers, "last": layout.last_layers}
    given = {end: count for end, count in ends.items() if count is not None}
    if _uneven(depth, layout, given):
        flags.append(("pipeline-model-parallel-layout", stages(depth, layout)))
    elif given:
        flags += [(f"decoder-{end}-pipeline-num-layers", str(count)) for end, count in given.items()]
    elif layout.interleave > 1:
        flags.append(("num-virtual-stages-per-pipeline-rank", str(layout.interleave)))
    group = group_size(layout.pipeline, result.micro_batches)
    if layout.interleave > 1 and group != layout.pipeline:
        flags.append(("microbatch-group-size-per-virtual-pipeline-stage", str(group)))
    return flags


def _uneven(depth: int, layout: TrainingLayout, given: Mapping[str, int]) -> bool:
    """Megatron divides the layers only where all stages but the given ends hold as many, and no end has chunks."""
    if given and layout.interleave > 1:
        return True
    others = layout.pipeline * layout.interleave - len(given)
    return bool((depth - sum(given.values())) % others) if others else False


def stages(depth: int, layout: TrainingLayout) -> str:
    """Layers in each chunk as Megatron writes them: E embedding, t layer, L head and loss, | next chunk.

    Stages whose layers are given hold them evenly in their chunks. Of the others the first chunks of the middle get one
    layer more than the rest, the ends last, as they have other work.
    """
    count, each = layout.pipeline * layout.interleave, layout.pipeline
    held: dict[int, int] = {}
    for stage, given in ((0, layout.first_layers), (each - 1, layout.last_layers)):
        if given is not None:
            held |= _evenly(given, [*range(stage, count, each)])
    ends = [chunk for chunk in (0, count - 1) if chunk not in held]
    held |= _evenly(depth - sum(held.values()), [*(c for c in range(1, count - 1) if c not in held), *ends])
    texts = ["t" * held[chunk] for chunk in range(count)]
    texts[0], texts[-1] = "E" + texts[0], texts[-1] + "L"
    return "|".join(texts)


def _evenly(layers: int, chunks: list[int]) -> dict[int, int]:
    """So many layers over some chunks, the first of them with one more where they do not divide."""
    if not chunks:
        return {}
    least, more = divmod(layers, len(chunks))
    return {chunk: least + (place < more) for place, chunk in enumerate(chunks)}


def _sharding(result: TrainingResult) -> Flags:
    zero, shard = result.layout.zero, result.layout.shard
    overlap: Flags = [("overlap-grad-reduce",)]
    copies = result.layout.sites if shard is None else result.data * result.layout.context // shard
    if copies > 1 and zero:
        overlap.append(("num-distributed-optimizer-instances", str(copies)))
    if zero >= 1:
        overlap.append(("overlap-param-gather",))
    if zero >= SHARDED:
        fsdp: Flags = [("use-megatron-fsdp",), ("data-parallel-sharding-strategy", _SHARDED[zero])]
        return [*fsdp, ("ckpt-format", "fsdp_dtensor"), ("use-distributed-optimizer",), *overlap]
    return [("use-distributed-optimizer",), *overlap] if zero else overlap


def _states(layout: TrainingLayout) -> Flags:
    """Types of gradients and moments, and an optimizer on the host."""
    flags: Flags = []
    if layout.gradients != "fp32":
        flags += [("grad-reduce-in-bf16",), ("main-grads-dtype", layout.gradients)]
    if layout.moments != "fp32":
        flags += [("exp-avg-dtype", layout.moments), ("exp-avg-sq-dtype", layout.moments)]
    if "optimizer" in layout.offload:
        flags += [("optimizer-cpu-offload",), ("overlap-cpu-optimizer-d2h-h2d",)]
    return [("use-precision-aware-optimizer",), *flags] if flags else flags


def _recompute(layout: TrainingLayout, model: Model) -> Flags:
    if layout.recompute == "none":
        return []
    if layout.recompute == "full":
        return [("recompute-granularity", "full"), ("recompute-method", "uniform"), ("recompute-num-layers", "1")]
    modules = layout.recompute_modules or (("layernorm", "moe_act") if routed(model) else ("layernorm",))
    return [("recompute-granularity", "selective"), ("recompute-modules", *modules)]


def _precision(result: TrainingResult) -> Flags:
    flags: Flags = [("bf16",)]
    if result.precision == "fp8":
        flags += [("fp8-format", "hybrid"), ("fp8-recipe", "tensorwise")]
    return [*flags, ("attention-backend", "fused")]


def _batch(workload: Training, result: TrainingResult) -> Flags:
    layout, sequences = result.layout, round(result.batch / result.sequence)
    return [
        ("micro-batch-size", str(layout.micro_batch)),
        ("global-batch-size", str(sequences)),
        ("seq-length", str(result.sequence)),
        ("train-samples", str(round(workload.tokens / result.sequence))),
    ]


def _architecture(model: Model, sequence: int) -> Flags:
    """The text tower's shape."""
    tower = model.main
    flags: Flags = [
        ("num-layers", str(sum(block.count for block in tower.blocks))),
        ("hidden-size", str(tower.hidden)),
        ("max-position-embeddings", str(max(model.context, sequence))),
        ("position-embedding-type", "learned_absolute" if tower.positions else "rope"),
        ("normalization", "LayerNorm" if tower.blocks[0].norm_bias else "RMSNorm"),
    ]
    if not tower.tied:
        flags.append(("untie-embeddings-and-output-weights",))
    if tower.vocabulary:
        flags += [("vocab-size", str(tower.vocabulary)), ("make-vocab-size-divisible-by", "128")]
    return [*flags, *_mixer(tower.blocks), *_feed_forward(tower.blocks)]


def _mixer(blocks: tuple[Block, ...]) -> Iterator[tuple[str, ...]]:
    mixer = next((b.mixer for b in blocks if isinstance(b.mixer, (Attention, LatentAttention))), None)
    if isinstance(mixer, LatentAttention):
        yield ("num-attention-heads", str(mixer.heads))
        yield ("multi-latent-attention",)
        if mixer.q_rank is not None:
            yield ("q-lora-rank", str(mixer.q_rank))
        yield ("kv-lora-rank", str(mixer.kv_rank))
        yield ("qk-head-dim", str(mixer.nope_dim))
        yield ("qk-pos-emb-head-dim", str(mixer.rope_dim))
        yield ("v-head-dim", str(mixer.value_dim))
        yield ("qk-layernorm",)
    if isinstance(mixer, Attention):
        yield ("num-attention-heads", str(mixer.heads))
        yield ("kv-channels", str(mixer.head_dim))
        if mixer.kv_heads != mixer.heads:
            yield ("group-query-attention",)
            yield ("num-query-groups", str(mixer.kv_heads))
        yield from [("add-qkv-bias",)] if mixer.bias and not mixer.out_bias else []
        yield from [("qk-layernorm",)] if mixer.norm else []
        yield from [("softmax-type", "learnable")] if mixer.sinks else []


def _feed_forward(blocks: tuple[Block, ...]) -> Iterator[tuple[str, ...]]:
    dense = next((b.feed_forward for b in blocks if isinstance(b.feed_forward, FeedForward)), None)
    routed = next((b.feed_forward for b in blocks if isinstance(b.feed_forward, Experts)), None)
    if dense:
        yield ("ffn-hidden-size", str(dense.width))
    elif routed:
        yield ("ffn-hidden-size", str(routed.width))
    if (dense or routed) and (dense.gated if dense else routed.gated if routed else False):
        yield ("swiglu",)
    if not (dense.bias if dense else routed.bias if routed else True):
        yield ("disable-bias-linear",)
    if routed:
        yield ("num-experts", str(routed.count))
        yield ("moe-router-topk", str(routed.active))
        yield ("moe-ffn-hidden-size", str(routed.width))
        yield from [("moe-shared-expert-intermediate-size", str(routed.shared_width))] if routed.shared_width else []
        yield from [("moe-router-score-function", "sigmoid"), ("moe-router-enable-expert-bias",)] * routed.router_bias
        yield ("moe-grouped-gemm",)
        yield ("moe-token-dispatcher-type", "alltoall")
        if dense:
            pattern = "+".join(f"[{int(isinstance(b.feed_forward, Experts))}]*{b.count}" for b in blocks)
            yield ("moe-layer-freq", f"({pattern})")

"""A training run as arguments of Megatron-LM's `pretrain_gpt.py`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from firstlight import units
from firstlight.performance.result import TrainingResult
from firstlight.performance.training.orders import group_size
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
    notes = [*_missing_of_model(model), *_missing_of_layout(result), *_adapters(workload), *taught(result)]
    notes += _environment(result)
    lines = [
        f"# {model.id} on {result.accelerators:,} accelerators, written by firstlight for Megatron-LM {VERSION}.",
        '# source this file, then: torchrun ... pretrain_gpt.py "${MEGATRON_ARGS[@]}"',
        "# and what firstlight does not know: data, tokenizer, learning rate, rotary base, initialisation.",
        *(f"# NOTE: {note}" for note in notes),
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
    if layout.tensor > 1:
        flags.append(("sequence-parallel",))
    if _routed(model):
        flags.append(("expert-model-parallel-size", str(layout.expert)))
        flags.append(("expert-tensor-parallel-size", str(layout.expert_tensor)))
    if layout.context_kind != "ring":
        flags.append(("cp-comm-type", _CONTEXTS[layout.context_kind]))
    return [*flags, *_sharding(result), *_states(layout), *_recompute(layout.recompute, model)]


def _stages(model: Model, result: TrainingResult) -> Flags:
    """Chunks of the pipeline; where they do not divide the layers, which of them holds how many."""
    layout, depth = result.layout, sum(block.count for block in model.main.blocks)
    chunks, flags = layout.pipeline * layout.interleave, Flags()
    if layout.pipeline == 1:
        return flags
    ends = {"first": layout.first_layers, "last": layout.last_layers}
    flags += [(f"decoder-{end}-pipeline-num-layers", str(count)) for end, count in ends.items() if count is not None]
    if depth % chunks and not flags:
        flags.append(("pipeline-model-parallel-layout", stages(depth, layout)))
    elif layout.interleave > 1:
        flags.append(("num-virtual-stages-per-pipeline-rank", str(layout.interleave)))
    group = group_size(layout.pipeline, result.micro_batches)
    if layout.interleave > 1 and group != layout.pipeline:
        flags.append(("microbatch-group-size-per-virtual-pipeline-stage", str(group)))
    return flags


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
    if shard is not None and zero:
        copies = result.data * result.layout.context // shard
        overlap.append(("num-distributed-optimizer-instances", str(copies)))
    if zero >= 1:
        overlap.append(("overlap-param-gather",))
    if zero >= 2:
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


def _recompute(level: str, model: Model) -> Flags:
    if level == "none":
        return []
    if level == "full":
        return [("recompute-granularity", "full"), ("recompute-method", "uniform"), ("recompute-num-layers", "1")]
    modules = ("layernorm", "moe_act") if _routed(model) else ("layernorm",)
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


def _routed(model: Model) -> bool:
    return any(isinstance(block.feed_forward, Experts) for block in model.main.blocks)


def _missing_of_model(model: Model) -> Iterator[str]:
    """What of the architecture these flags do not say."""
    blocks = model.main.blocks
    attentions = [block.mixer for block in blocks if isinstance(block.mixer, Attention)]
    latent = [block.mixer for block in blocks if isinstance(block.mixer, LatentAttention)]
    routed = [block.feed_forward for block in blocks if isinstance(block.feed_forward, Experts)]
    kinds = {type(block.feed_forward) for block in blocks}
    scanned = any(block.mixer and not isinstance(block.mixer, (Attention, LatentAttention)) for block in blocks)
    checks = {
        "state-space or linear-attention layers are not in these flags; pretrain_gpt.py has none": scanned,
        "--moe-layer-freq gathers equal layers; put it in the order of the model": len(kinds) > 1 and len(blocks) > 2,
        "some layers see a window; add --window-size and --window-attn-skip-freq in the order of the model":
            any(mixer.window for mixer in attentions),
        "sparse attention with an indexer is not in these flags; they train it dense":
            any(mixer.index_heads for mixer in latent),
        "gated or bidirectional attention is not in these flags":
            any(mixer.gate or not mixer.causal for mixer in attentions),
        "cross-attention, parallel blocks or modulation are not in these flags":
            any(block.cross or block.parallel or block.modulation for block in blocks),
        "latent experts or a gated shared expert are not in these flags":
            any(experts.latent or experts.shared_gate for experts in routed),
        f"only the {model.main.name} tower is in these flags, of {len(model.towers)}": len(model.towers) > 1,
    }  # fmt: skip
    yield from (note for note, holds in checks.items() if holds)


def _missing_of_layout(result: TrainingResult) -> Iterator[str]:
    """What of the run these flags do not say."""
    layout, each = result.layout, result.data * result.layout.micro_batch
    sequences = result.batch / result.sequence
    if abs(sequences / each - round(sequences / each)) > 1e-9:
        yield (
            f"--global-batch-size must be a multiple of micro-batch x data-parallel ranks = {each:,}, and "
            f"{sequences:,.0f} is not: write {max(round(sequences / each), 1) * each:,}"
        )
    used = result.data * layout.tensor * layout.pipeline * layout.context
    if used < result.accelerators:
        yield f"start {used:,} ranks; the other {result.accelerators - used:,} accelerators have no part in this layout"
    if layout.recompute == "selective":
        yield "norms and activations are reckoned to be computed again; --recompute-modules has no dense activation"
    if layout.schedule != "1f1b":
        yield f"Megatron-LM has no {layout.schedule} schedule; these flags run 1F1B"
    yield from beyond_frameworks(layout)
    if layout.zero >= 2 and layout.pipeline > 1:
        yield f"ZeRO-{layout.zero} is Megatron-FSDP, which gathers and scatters for each micro-batch of the pipeline"


def _adapters(workload: Training) -> Iterator[str]:
    if workload.adapters is not None:
        yield "LoRA adapters are not in these flags; pretrain_gpt.py trains all weights"


def taught(result: TrainingResult) -> Iterator[str]:
    """A teacher, which is in the settings of neither framework."""
    if result.teacher and result.generation is None:
        yield f"the teacher {result.teacher}, beside the student in this layout, is not in these settings"
    elif result.teacher:
        yield f"the tokens that {result.teacher} writes beforehand are not in these settings"


def beyond_frameworks(layout: TrainingLayout) -> Iterator[str]:
    """Options that no flag of either framework stands for."""
    if layout.sites > 1:
        yield f"{layout.sites} sites, joined every {layout.synchronise} steps, need an outer optimizer around them"
    for what in ("activations", "weights"):
        if what in layout.offload:
            yield f"{what} in the host's memory are not in these settings"
    if layout.dispatch != "bf16":
        yield f"tokens dispatched in {layout.dispatch} are not in these settings"


def _environment(result: TrainingResult) -> Iterator[str]:
    layout = result.layout
    if layout.zero < 2 and (layout.tensor > 1 or layout.context > 1):
        yield "export CUDA_DEVICE_MAX_CONNECTIONS=1 on GPUs before Blackwell"
    elif layout.zero >= 2:
        yield "leave CUDA_DEVICE_MAX_CONNECTIONS unset: Megatron-FSDP refuses 1"
    yield f"predicted: {units.show(result.step_time.p50, 'time')} a step, MFU {result.mfu.p50:.1%}"

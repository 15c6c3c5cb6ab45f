"""What Megatron-LM's flags do not say of a training run."""

from __future__ import annotations

from collections.abc import Iterator

from firstlight import units
from firstlight.performance.result import TrainingResult
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Attention, Experts, LatentAttention, Model
from firstlight.spec.workload import Training

SHARDED = 2
"""ZeRO stage from which Megatron-FSDP does it."""


def notes(workload: Training, model: Model, result: TrainingResult) -> Iterator[str]:
    """Sentences for the top of the file.

    Args:
        workload: what is trained. model: architecture. result: of the run, with its layout.
    """
    yield from _of_model(model)
    yield from _of_router(model)
    yield from _of_layout(result)
    yield from _of_sites(result.layout)
    if workload.adapters is not None:
        yield "LoRA adapters are not in these flags; pretrain_gpt.py trains all weights"
    yield from taught(result)
    if result.precision == "fp8":
        yield "--fp8-recipe is assumed: one scale a tensor (tensorwise); delayed, blockwise and mxfp8 are the others"
    yield from _environment(result)


def routed(model: Model) -> bool:
    """It has layers of routed experts."""
    return any(isinstance(block.feed_forward, Experts) for block in model.main.blocks)


def _of_model(model: Model) -> Iterator[str]:
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
        "queries and keys are normalised over all heads together; --qk-layernorm does it head by head":
            any(mixer.norm and mixer.norm_across for mixer in attentions),
        "gated or bidirectional attention is not in these flags":
            any(mixer.gate or not mixer.causal for mixer in attentions),
        "cross-attention, parallel blocks or modulation are not in these flags":
            any(block.cross or block.parallel or block.modulation for block in blocks),
        "latent experts or a gated shared expert are not in these flags":
            any(experts.latent or experts.shared_gate for experts in routed),
        f"only the {model.main.name} tower is in these flags, of {len(model.towers)}": len(model.towers) > 1,
    }  # fmt: skip
    yield from (note for note, holds in checks.items() if holds)


def _of_router(model: Model) -> Iterator[str]:
    """Options of DeepSeek's routing and loss, which a description of a model does not hold."""
    blocks = model.main.blocks
    latent = any(isinstance(block.mixer, LatentAttention) for block in blocks)
    if not any(isinstance(b.feed_forward, Experts) and (b.feed_forward.router_bias or latent) for b in blocks):
        return
    unknown = {
        "groups that a token's experts are chosen from": "--moe-router-num-groups and --moe-router-group-topk",
        "the factor on the chosen experts' weights": "--moe-router-topk-scaling-factor",
        "layers that predict more than one token": "--mtp-num-layers and --mtp-loss-scaling-factor",
    }
    for what, named in unknown.items():
        yield f"firstlight does not know {what}: add {named} if {model.id} has any"


def _of_layout(result: TrainingResult) -> Iterator[str]:
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
    if layout.recompute == "selective" and not layout.recompute_modules:
        yield "norms and activations are reckoned to be computed again; --recompute-modules has no dense activation"
    if layout.activations == "fp8":
        yield (
            "inputs of activation functions in 8 bits are TransformerConfig.activation_func_fp8_input_store, which has "
            "no flag; attention's output in 12 bits is not in Megatron-LM"
        )
    if layout.schedule != "1f1b":
        yield f"Megatron-LM has no {layout.schedule} schedule; these flags run 1F1B"
    yield from beyond_frameworks(layout)
    if layout.zero >= SHARDED and layout.pipeline > 1:
        yield f"ZeRO-{layout.zero} is Megatron-FSDP, which gathers and scatters for each micro-batch of the pipeline"


def _of_sites(layout: TrainingLayout) -> Iterator[str]:
    if layout.sites == 1:
        return
    yield f"give each of the {layout.sites} sites ranks that follow each other, so that only whole replicas are apart"
    if layout.zero:
        yield "weights and states are sharded inside a site only (--num-distributed-optimizer-instances)"


def taught(result: TrainingResult) -> Iterator[str]:
    """A teacher, which is in the settings of neither framework."""
    if result.teacher and result.generation is None:
        yield f"the teacher {result.teacher}, beside the student in this layout, is not in these settings"
    elif result.teacher:
        yield f"the tokens that {result.teacher} writes beforehand are not in these settings"


def beyond_frameworks(layout: TrainingLayout) -> Iterator[str]:
    """Options that no flag of either framework stands for."""
    if layout.sites > 1 and layout.synchronise > 1:
        yield (
            f"infrequent synchronisation (DiLoCo: {layout.sites} sites joined every {layout.synchronise} steps) is not "
            "in these settings, which join all replicas every step; an outer optimizer, such as TorchFT's, adds it"
        )
    for what in ("activations", "weights"):
        if what in layout.offload:
            yield f"{what} in the host's memory are not in these settings"
    if layout.average != "none":
        yield "the moving average of the parameters is not in these settings"
    if layout.dispatch != "bf16":
        yield f"tokens dispatched in {layout.dispatch} are not in these settings"


def _environment(result: TrainingResult) -> Iterator[str]:
    layout = result.layout
    if layout.zero < SHARDED and (layout.tensor > 1 or layout.context > 1):
        yield "export CUDA_DEVICE_MAX_CONNECTIONS=1 on GPUs before Blackwell"
    elif layout.zero >= SHARDED:
        yield "leave CUDA_DEVICE_MAX_CONNECTIONS unset: Megatron-FSDP refuses 1"
    yield f"predicted: {units.show(result.step_time.p50, 'time')} a step, MFU {result.mfu.p50:.1%}"

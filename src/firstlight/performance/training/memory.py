"""Memory of the fullest accelerator of a training run, by component."""

from __future__ import annotations

import numpy as np

from firstlight.performance.shapes import Layer, Scan, Softmax
from firstlight.performance.training.layouts import Case
from firstlight.performance.training.once import Parts
from firstlight.performance.training.overlap import local_parameters
from firstlight.twin.protocols import Floats


def memory_parts(case: Case) -> Parts:
    """Memory by component on the fullest rank [B]; arrays (n,).

    The fullest of two ends: the first stage, which holds the activations of most micro-batches, and the last one, which
    holds the head's outputs and their loss.
    """
    first, last = _stage(case, first=True), _stage(case, first=False)
    fuller = sum(first.values(), np.zeros(len(case.layouts))) >= sum(last.values(), np.zeros(len(case.layouts)))
    return {name: np.where(fuller, first[name], last[name]) for name in first}


def _stage(case: Case, *, first: bool) -> Parts:
    activations, buffers = _activations(case, first=first), _buffers(case)
    loss = _loss(case) if not first else np.where(case.layouts.pipeline == 1, _loss(case), 0.0)
    return {
        **_states(case),
        "activations": activations,
        "loss": loss,
        "communication": buffers,
        "fragmentation": case.a["performance.fragmentation"] * (activations + loss + buffers),
        "workspace": np.full(len(case.layouts), case.a["performance.workspace"]),
    }


def _states(case: Case) -> Parts:
    """Weights, gradients and optimizer states by ZeRO stage (arXiv 1910.02054)."""
    dense, experts = local_parameters(case)
    zero, a = case.layouts.zero, case.a
    sharded = dense / (case.data * case.layouts.context) + experts / case.replicas
    whole = dense + experts
    return {
        "weights": 2.0 * np.where(zero >= 3, sharded, whole),
        "gradients": a["performance.gradient_bytes"] * np.where(zero >= 2, sharded, whole),
        "optimizer": a["performance.master_bytes"] * np.where(zero >= 1, sharded, whole),
    }


def _activations(case: Case, *, first: bool) -> Floats:
    """Stored activations of the micro-batches in flight, and of the layer that is being computed again."""
    per_layer = sum((layer.count * _stored(layer, case) for layer in case.layers), np.zeros(len(case.layouts)))
    kept = per_layer / case.depth * case.stage_layers * _in_flight(case, first=first)
    widest = np.max([_kept(layer, case, 0) for layer in case.layers], axis=0)
    return kept + np.where(case.layouts.recompute == 2, widest, 0.0)


def _in_flight(case: Case, *, first: bool) -> Floats:
    """Micro-batches whose activations a stage holds: p on the first stage of 1F1B, one on the last.

    With v chunks p + (p - 1) / v and ((v - 1) p + 1) / v (Korthikanti et al., arXiv 2205.05198, section 4.2.3).
    """
    p, v = case.layouts.pipeline.astype(float), case.layouts.interleave.astype(float)
    held = np.where(v > 1, p + (p - 1.0) / v, p) if first else ((v - 1.0) * p + 1.0) / v
    return np.minimum(held, case.micro_batches)


def _stored(layer: Layer, case: Case) -> Floats:
    """Bytes that one layer keeps of a micro-batch, at the layouts' recomputation [B] (n,)."""
    levels = [_kept(layer, case, level) for level in range(3)]
    return np.choose(case.layouts.recompute, levels)


def _kept(layer: Layer, case: Case, level: int) -> Floats:
    """Bytes that one layer keeps of a micro-batch at one level of recomputation [B] (n,).

    Korthikanti et al. (arXiv 2205.05198), equations 2, 4 and 6, generalised to other mixers and gated parts, with
    sequence parallelism: s b h (34 + 5 a s / h) / t for GPT with dropout and unfused attention. Level 1 leaves out the
    scores, and where attention is fused the outputs of norms and activations; level 2 keeps the layer's input only.
    """
    tokens, tensor, a = case.tokens(layer), case.layouts.tensor.astype(float), case.a
    if level == 2:
        return 2.0 * tokens * layer.hidden / tensor
    fused, dropout = a["performance.fused_attention"] >= 0.5, a["performance.dropout"]
    light = level == 1 and fused
    width = sum(core.inner if isinstance(core, Scan) else core.heads * core.value for core in layer.cores)
    kept = layer.hidden * layer.parts * (2.0 + dropout + (0.0 if light else 2.0)) + 2.0 * (layer.mixer_width + width)
    kept += 2.0 * layer.inner_width * (1 + layer.gated_inner + (not light))
    if layer.routed:
        columns = layer.routed.width * (1 + layer.routed.gated + (not light)) + 2 * layer.routed.hidden
        kept += 2.0 * layer.routed.active * columns * a["performance.expert_imbalance"]
    kept *= a["performance.low_precision_activations"] if case.work.low else 1.0
    scores = 0.0 if fused or level == 1 else _scores(layer, case)
    return tokens * (kept + scores) / tensor


def _scores(layer: Layer, case: Case) -> float:
    """Bytes of unfused attention's scores per token: softmax, and with dropout its mask and output."""
    keys = float(layer.length or case.sequence)
    heads = sum(core.heads for core in layer.cores if isinstance(core, Softmax))
    return heads * keys * (2.0 + 3.0 * case.a["performance.dropout"])


def _loss(case: Case) -> Floats:
    """Logits in bf16 and their fp32 softmax on the last stage: 6 bytes per token and vocabulary entry."""
    tokens = case.layouts.micro_batch * float(case.sequence) / case.layouts.context
    return 6.0 * tokens * case.ends.outputs / case.layouts.tensor


def _buffers(case: Case) -> Floats:
    """Gathered activations, routed copies in transit, and with ZeRO-3 two gathered layers with their gradients."""
    layout = case.layouts
    gathered = np.max([_in_transit(layer, case) for layer in case.layers], axis=0)
    weights = [(layer.dense / layout.tensor + layer.experts / layout.expert) * 2.0 for layer in case.layers]
    return gathered + np.where(layout.zero >= 3, 3.0 * np.max(weights, axis=0), 0.0)


def _in_transit(layer: Layer, case: Case) -> Floats:
    tokens, tensor = case.tokens(layer), case.layouts.tensor
    whole = np.where(tensor > 1, 2.0 * 2.0 * tokens * layer.hidden, 0.0)
    if layer.routed:
        copies = tokens / tensor * layer.routed.active
        whole = whole + np.where(case.layouts.expert > 1, 2.0 * 2.0 * copies * layer.routed.hidden, 0.0)
    return whole

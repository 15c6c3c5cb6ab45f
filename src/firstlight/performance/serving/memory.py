"""Memory of a serving accelerator by component, and how many requests its cache holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.kernels.attention import cache_bytes
from firstlight.performance.kernels.scan import state_bytes
from firstlight.performance.serving.layer import Parts
from firstlight.performance.serving.layouts import Case
from firstlight.performance.shapes import Scan
from firstlight.spec.parameters import tower_parameters
from firstlight.twin.protocols import Floats


def weight_bytes(case: Case) -> Floats:
    """Weights on one accelerator [B] (n,): experts cut over the whole stage, the rest over its tensor ranks.

    Embedding, head and optional towers are kept in bf16. A drafter is one layer more, like the last. Context-parallel
    ranks each have all but the experts.
    """
    layout, a = case.layouts, case.a
    dense = sum(layer.count * layer.dense for layer in case.layers)
    experts = sum(layer.count * layer.experts for layer in case.layers)
    optional = sum(tower_parameters(tower).total for tower in case.model.towers if tower.optional)
    outside = case.ends.embedding + case.ends.own_head + case.ends.extra + optional
    if case.drafts:
        dense, experts = dense + case.decoding[-1].dense, experts + case.decoding[-1].experts
    fullest = np.ceil(case.depth / layout.pipeline) / case.depth
    dense_bytes = dense * a[f"performance.weight_bytes_{case.dense_type}"] / layout.tensor
    copies = 1.0 + layout.redundant / max((layer.routed.count for layer in case.layers if layer.routed), default=1)
    expert_bytes = experts * copies * a[f"performance.weight_bytes_{case.work.precision}"] / layout.stage
    ends = np.where(layout.pipeline > 1, max(case.ends.embedding + optional, case.ends.head), outside)
    return fullest * (dense_bytes + expert_bytes) + 2.0 * ends / layout.tensor


def request_bytes(case: Case, tokens: ArrayLike) -> Floats:
    """Cache and state of one request with so many tokens, on one accelerator of its attention rank [B] (n,).

    Grouped keys are cut over tensor ranks down to one head each, a latent not at all, both over context ranks by their
    tokens. A drafter keeps its own.
    """
    tokens, layout = np.asarray(tokens, dtype=float), case.layouts
    tensor, total = layout.tensor.astype(float), np.zeros(len(layout))
    for layer, count in case.cached:
        for core in layer.cores:
            if isinstance(core, Scan):
                total = total + count * state_bytes(core, case.a) / tensor
                continue
            kept = np.asarray(tokens if core.keys is None else core.keys, dtype=float)
            if core.window is not None and not core.latent:
                kept = np.minimum(kept, float(core.window))
            heads = np.maximum(core.kv_heads / tensor, 1.0)
            values = core.latent if core.latent else heads * (core.key + core.value)
            total = total + count * kept * values * cache_bytes(case.work, case.a) / layout.context
    return total / layout.pipeline


def activation_bytes(case: Case) -> Floats:
    """What one prefill pass of a chunk keeps at a time [B] (n,).

    In bf16: the residual stream and its norm, the widest layer's inputs and inner activations (cut over tensor ranks),
    the copies that routed experts work on; in fp32: the logits of the chunk's sequences.
    """
    layout = case.layouts
    tokens = case.a["performance.serving_prefill_chunk"] / layout.context
    cut = max(layer.mixer_width + layer.inner_width * (2 if layer.gated_inner else 1) for layer in case.layers)
    widest = np.asarray(2.0 * max(layer.hidden for layer in case.layers) + cut / layout.tensor)
    for routed in {layer.routed for layer in case.layers if layer.routed}:
        share = routed.active * layout.data * layout.context / layout.expert
        inner = 3.0 * routed.width * layout.expert / layout.stage
        widest = np.maximum(widest, 2.0 * case.ends.hidden + share * (2.0 * routed.hidden + inner))
    rows = np.maximum(tokens * layout.context / case.prompt, 1.0)
    return 2.0 * tokens * widest + 4.0 * rows * case.ends.outputs / layout.tensor


def reserve_bytes(case: Case) -> Floats:
    """What the framework keeps of an accelerator: contexts, graphs, communication buffers, a margin [B] (n,).

    Engines take a share of the memory (vLLM: `gpu_memory_utilization`), and give their cache a share of what weights
    and activations leave of that (TensorRT-LLM: `free_gpu_memory_fraction`).
    """
    taken = case.work.memory * case.a["performance.serving_memory_share"]
    rest = np.maximum(taken - weight_bytes(case) - activation_bytes(case), 0.0)
    return case.work.memory - taken + (1.0 - case.a["performance.serving_cache_share"]) * rest


def cache_room(case: Case) -> Floats:
    """What the rest leaves for the cache of an accelerator [B] (n,); negative where the weights do not fit."""
    return case.work.memory - reserve_bytes(case) - weight_bytes(case) - activation_bytes(case)


def mean_cache(case: Case) -> Floats:
    """Cache of one request on one accelerator of its attention rank, in the mean over its answer [B] (n,).

    A request counts with its prompt and half of its answer: a batch has requests at all stages of their answers.
    """
    return request_bytes(case, case.prompt + case.answer / 2.0)


def fitting_requests(case: Case) -> Floats:
    """Requests that the cache of one attention rank has room for, whatever its scheduler takes (n,)."""
    return np.floor(np.maximum(cache_room(case), 0.0) / np.maximum(mean_cache(case), 1e-9))


def slots(case: Case) -> Floats:
    """Requests that one replica holds at once (n,); 0 where not one fits.

    As many as the cache has room for, and as the engine's scheduler takes on each attention rank.
    """
    fitting = fitting_requests(case)
    most = case.a["performance.serving_sequences"] * case.layouts.pipeline
    return np.minimum(fitting, most) * case.layouts.data.astype(float)


def memory_parts(case: Case, batch: ArrayLike) -> Parts:
    """Memory of one accelerator by component, with `batch` requests on the replica [B] (n,)."""
    requests = np.ceil(np.asarray(batch, dtype=float) / case.layouts.data)
    return {
        "weights": weight_bytes(case),
        "cache": requests * mean_cache(case),
        "activations": activation_bytes(case),
        "framework": reserve_bytes(case),
    }

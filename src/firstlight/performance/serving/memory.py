"""Memory of a serving accelerator, and how many requests its cache holds."""

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

    Embedding, head and optional towers are kept in bf16.
    """
    layout, size = case.layouts, case.a[f"performance.weight_bytes_{case.work.precision}"]
    dense = sum(layer.count * layer.dense for layer in case.layers)
    experts = sum(layer.count * layer.experts for layer in case.layers)
    optional = sum(tower_parameters(tower).total for tower in case.model.towers if tower.optional)
    outside = case.ends.embedding + case.ends.own_head + case.ends.extra + optional
    fullest = np.ceil(case.depth / layout.pipeline) / case.depth
    inside = dense * fullest / layout.tensor + experts * fullest / (layout.tensor * layout.data)
    ends = np.where(layout.pipeline > 1, max(case.ends.embedding + optional, case.ends.head), outside)
    return size * inside + 2.0 * ends / layout.tensor


def request_bytes(case: Case, tokens: ArrayLike) -> Floats:
    """Cache and state of one request with so many tokens, on one accelerator of its attention rank [B] (n,).

    Grouped keys are cut over tensor ranks down to one head each; a latent is not cut at all.
    """
    tokens, layout = np.asarray(tokens, dtype=float), case.layouts
    tensor, total = layout.tensor.astype(float), np.zeros(len(layout))
    for layer in case.decoding:
        for core in layer.cores:
            if isinstance(core, Scan):
                total = total + layer.count * state_bytes(core, case.a) / tensor
                continue
            kept = np.asarray(tokens if core.keys is None else core.keys, dtype=float)
            if core.window is not None and not core.latent:
                kept = np.minimum(kept, float(core.window))
            heads = np.maximum(core.kv_heads / tensor, 1.0)
            values = core.latent if core.latent else heads * (core.key + core.value)
            total = total + layer.count * kept * values * cache_bytes(case.work, case.a)
    return total / layout.pipeline


def free_bytes(case: Case) -> Floats:
    """What weights and workspace leave for the cache of an accelerator [B] (n,); negative where they do not fit."""
    a = case.a
    return case.work.memory * a["performance.serving_memory_share"] - weight_bytes(case) - a["performance.serving_workspace"]


def slots(case: Case) -> Floats:
    """Requests whose cache one replica holds at once (n,); 0 where the weights do not fit.

    A request counts with its prompt and half of its answer: they are at all stages of their answers at a time.
    """
    each = np.maximum(request_bytes(case, case.prompt + case.answer / 2.0), 1.0)
    return np.floor(np.maximum(free_bytes(case), 0.0) / each) * case.layouts.data


def memory_parts(case: Case, batch: ArrayLike) -> Parts:
    """Memory of one accelerator by component, with `batch` requests on the replica [B] (n,)."""
    requests = np.asarray(batch, dtype=float) / case.layouts.data
    reserved = case.work.memory * (1.0 - case.a["performance.serving_memory_share"])
    return {
        "weights": weight_bytes(case),
        "cache": requests * request_bytes(case, case.prompt + case.answer / 2.0),
        "workspace": np.full(len(case.layouts), case.a["performance.serving_workspace"] + reserved),
    }

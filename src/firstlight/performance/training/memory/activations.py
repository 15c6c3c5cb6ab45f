"""Bytes that a layer keeps of a micro-batch until its backward pass, and what that pass needs beside them."""

from __future__ import annotations

import numpy as np

from firstlight.performance.shapes import Layer, Scan, Softmax
from firstlight.performance.training.layouts.case import Case
from firstlight.twin.protocols import Floats


def stored(layer: Layer, case: Case) -> Floats:
    """Bytes that one layer keeps of a micro-batch, at the layouts' recomputation [B] (n,)."""
    return np.choose(case.layouts.recompute, [kept(layer, case, level) for level in range(3)])


def kept(layer: Layer, case: Case, level: int) -> Floats:
    """Bytes that one layer keeps of a micro-batch at one level of recomputation [B] (n,).

    Korthikanti et al. (arXiv 2205.05198), table 2, generalised to other mixers and gated parts: for GPT with dropout
    and unfused attention s b h (34 + 5 a s / h) / t, and s b h (10 + 24 / t + 5 a s / (h t)) without sequence
    parallelism. Level 1 leaves out the scores, and where attention is fused the outputs of norms and activations; level
    2 keeps the layer's input only. Ulysses keeps attention's output before and after its all-to-all.
    """
    tokens, tensor, a = case.tokens(layer), case.layouts.tensor.astype(float), case.a
    if level == 2:
        return 2.0 * tokens * layer.hidden / case.spread
    fused, dropout = a["performance.fused_attention"] >= 0.5, a["performance.dropout"]
    light = level == 1 and fused
    share = a["performance.selective_matrices"] if light else 1.0
    width = sum(core.inner if isinstance(core, Scan) else core.heads * core.value for core in layer.cores)
    inputs = layer.parts if share == 1.0 else 1.0 + share * layer.parts  # results beyond the layer's own input
    stream = layer.hidden * (2.0 * inputs if light else 4.0 * layer.parts)
    stream += layer.hidden * layer.parts * dropout
    inner = 2.0 * share * layer.mixer_width + 2.0 * width * (1.0 + case.rearranged)
    inner += 2.0 * share * layer.inner_width * (1 + layer.gated_inner + (not light))
    if layer.routed:
        columns = layer.routed.width * (1 + layer.routed.gated + (not light)) + 2 * layer.routed.hidden
        inner += 2.0 * share * layer.routed.active * columns * a["performance.expert_imbalance"]
    low = a["performance.low_precision_activations"] if case.work.low else 1.0
    scores = 0.0 if fused or level == 1 else _scores(layer, case)
    return tokens * (low * (stream / case.spread + inner / tensor) + scores / tensor)


def _scores(layer: Layer, case: Case) -> float:
    """Bytes of unfused attention's scores per token: softmax, and with dropout its mask and output."""
    keys = float(layer.length or case.sequence)
    heads = sum(core.heads for core in layer.cores if isinstance(core, Softmax))
    return heads * keys * (2.0 + 3.0 * case.a["performance.dropout"])


def loss(case: Case) -> Floats:
    """The head's outputs and what their loss keeps of them [B] (n,)."""
    tokens = case.layouts.micro_batch * float(case.sequence) / case.layouts.context
    split = np.where(case.layouts.tensor > 1, case.a["performance.loss_memory_split"], 0.0)
    return (case.a["performance.loss_memory"] + split) * tokens * case.ends.outputs / case.layouts.tensor


def running(case: Case) -> Floats:
    """What a layer's backward pass needs while it runs [B] (n,).

    The gradients of its widest matrix's input and output, 2 bytes each; and where the whole layer is computed again,
    its activations.
    """
    flowing = np.max([_widest_matrix(layer, case) for layer in case.layers], axis=0)
    if not (case.layouts.recompute == 2).any():
        return flowing
    again = np.max([kept(layer, case, 0) for layer in case.layers], axis=0)
    return flowing + np.where(case.layouts.recompute == 2, again, 0.0)


def _widest_matrix(layer: Layer, case: Case) -> Floats:
    """Bytes of the gradients of a layer's widest matrix's input and output (n,)."""
    columns = max((matrix.out + matrix.into for matrix in layer.matrices if matrix.split != "none"), default=0)
    dense = case.tokens(layer) * columns / case.layouts.tensor
    if not layer.routed:
        return 2.0 * dense
    rows = case.tokens(layer) / case.layouts.tensor * layer.routed.active * case.a["performance.expert_imbalance"]
    routed = rows * (layer.routed.width * (1 + layer.routed.gated) + layer.routed.hidden)
    return 2.0 * np.maximum(dense, routed)


def in_transit(layer: Layer, case: Case) -> Floats:
    """Gathered activations of tensor parallelism and routed copies on their way [B] (n,)."""
    tokens, tensor = case.tokens(layer), case.layouts.tensor
    whole = np.where(tensor > 1, 2.0 * 2.0 * tokens * layer.hidden, 0.0)
    if layer.routed:
        copies = tokens / tensor * layer.routed.active * case.layouts.expert_tensor
        whole = whole + np.where(case.expert_ranks > 1, 2.0 * case.dispatch_bytes * copies * layer.routed.hidden, 0.0)
    return whole


def widest(case: Case) -> Floats:
    """Parameters of the widest layer on one rank (n,)."""
    each = [layer.dense / case.layouts.tensor + layer.experts / case.expert_ranks for layer in case.layers]
    return np.max(each, axis=0)

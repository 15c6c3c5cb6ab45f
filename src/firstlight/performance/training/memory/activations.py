"""Bytes that a layer keeps of a micro-batch until its backward pass, and what that pass needs beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.performance.shapes import Layer, Scan, Softmax
from firstlight.performance.training.layouts.arrays import ACTIVATIONS, MODULES
from firstlight.performance.training.layouts.case import Case
from firstlight.twin.protocols import Floats

NARROW_OUTPUT = 1.5
"""Bytes in which DeepSeek-V3 keeps a number of attention's output (E5M6; arXiv 2412.19437, section 3.3.3)."""


def stored(layer: Layer, case: Case) -> Floats:
    """Bytes that one layer keeps of a micro-batch, at the layouts' recomputation [B] (n,)."""
    if not case.layouts.recompute.any():
        return whole(layer, case)
    inputs = 2.0 * case.tokens(layer) * layer.hidden / case.spread
    return np.choose(case.layouts.recompute, [whole(layer, case), _kept(layer, case, _Again.of(case)), inputs])


def whole(layer: Layer, case: Case) -> Floats:
    """Bytes that one layer keeps of a micro-batch where nothing is computed again [B] (n,)."""
    return _kept(layer, case, _Again())


@dataclass(frozen=True)
class _Again:
    """What of a layer is computed again in its backward pass: 1 or 0, arrays (n,)."""

    scores: Floats | float = 0.0
    norms: Floats | float = 0.0
    latents: Floats | float = 0.0
    dense: Floats | float = 0.0
    dense_activation: Floats | float = 0.0
    shared: Floats | float = 0.0
    routed: Floats | float = 0.0
    routed_activation: Floats | float = 0.0
    products: Floats | float = 0.0

    @classmethod
    def of(cls, case: Case) -> _Again:
        """What selective recomputation leaves out: the modules that a layout names; where it names none, unfused
        attention's scores, else the outputs of norms and activations (and of some products)."""
        fused, named = bool(case.a["performance.fused_attention"] >= 0.5), case.layouts.recompute_modules > 0
        light = (~named & fused).astype(float)
        modules = {name: case.layouts.again(name).astype(float) for name in MODULES}
        return cls(
            scores=np.where(named, modules["core_attn"], 1.0),
            norms=light + modules["layernorm"],
            latents=modules["mla_up_proj"],
            dense=modules["mlp"],
            dense_activation=light,
            shared=np.maximum(modules["shared_experts"], modules["moe"]),
            routed=modules["moe"],
            routed_activation=light + modules["moe_act"],
            products=light * (1.0 - case.a["performance.selective_matrices"]),
        )


def _kept(layer: Layer, case: Case, again: _Again) -> Floats:
    """Bytes that one layer keeps of a micro-batch, but for what is computed again [B] (n,).

    Korthikanti et al. (arXiv 2205.05198), table 2, generalised to other mixers and gated parts: for GPT with dropout
    and unfused attention s b h (34 + 5 a s / h) / t, and s b h (10 + 24 / t + 5 a s / (h t)) without sequence
    parallelism. Where attention is fused, its scores are never kept. Ulysses keeps attention's output before and after
    its all-to-all. What 8-bit products read is kept in 8 bits, as Transformer Engine does, but for what others keep in
    16 bits anyway: attention's output, and the norm before a router (Megatron-Core's `save_original_input`).
    """
    tokens, tensor = case.tokens(layer), case.layouts.tensor.astype(float)
    stream, inner = _outside(layer, case, again), _mixer(layer, case, again) + _feed_forward(layer, case, again)
    fused = case.a["performance.fused_attention"] >= 0.5
    scores = 0.0 if fused else _scores(layer, case) * (1.0 - again.scores)
    return tokens * (stream / case.spread + (inner + scores) / tensor)


def _read(case: Case) -> float:
    """Bytes of a number that products read, as it is kept for the backward pass."""
    return case.a["performance.low_precision_inputs"] if case.work.low else 2.0


def _outside(layer: Layer, case: Case, again: _Again) -> Floats:
    """Bytes per token that tensor parallelism does not cut: norms' inputs and outputs, latents, dropout's masks."""
    kept, read = 1.0 - again.norms, _read(case)
    readers = sum(matrix.into == layer.hidden for matrix in layer.matrices if matrix.use in ("down", "up"))
    feeds = layer.routed is not None or layer.inner_width > 0
    normed = (layer.parts - feeds) * min(max(readers, 1) * read, 2.0) + feeds * (2.0 if layer.routed else read)
    inputs = 2.0 * np.where(np.greater(again.products, 0.0), 1.0 + (1.0 - again.products) * layer.parts, layer.parts)
    down = sum(matrix.out for matrix in layer.matrices if matrix.use == "down")
    latents = down * (2.0 + read * kept * (1.0 - again.latents))
    normed = normed * np.where(case.a["performance.gathered_inputs"] >= 0.5, case.spread, 1.0)
    return layer.hidden * (inputs + kept * normed + layer.parts * case.a["performance.dropout"]) + latents


def _mixer(layer: Layer, case: Case, again: _Again) -> Floats:
    """Bytes per token of what attention or a scan reads and writes, before tensor parallelism cuts it."""
    width = sum(core.inner if isinstance(core, Scan) else core.heads * core.value for core in layer.cores)
    latent = [core for core in layer.cores if isinstance(core, Softmax) and core.latent]
    columns = sum(core.heads * (2 * core.key + core.value) for core in latent)
    kept = (1.0 - again.products) * (1.0 - again.latents if latent else 1.0)
    written = np.where(_narrow(case) & case.work.low, NARROW_OUTPUT, 2.0)
    return 2.0 * kept * (columns or layer.mixer_width) + written * width * (1.0 + case.rearranged)


def _feed_forward(layer: Layer, case: Case, again: _Again) -> Floats:
    """Bytes per token of dense parts, shared and routed experts, before tensor parallelism cuts it."""
    wide, read = np.where(_narrow(case), 1.0, 2.0) * (1.0 - again.products), _read(case) * (1.0 - again.products)
    dense = again.shared if layer.routed else again.dense
    inner = layer.inner_width * (wide * (1 + layer.gated_inner) + read * (1.0 - again.dense_activation)) * (1.0 - dense)
    if not layer.routed:
        return np.asarray(inner)
    each = layer.routed.width * (wide * (1 + layer.routed.gated) + read * (1.0 - again.routed_activation))
    outputs = 2.0 * case.a["performance.expert_outputs"] * (1.0 - again.products)
    each = each + layer.routed.hidden * (read + outputs)
    return inner + layer.routed.active * case.a["performance.expert_imbalance"] * each * (1.0 - again.routed)


def _narrow(case: Case) -> NDArray[np.bool_]:
    """The layouts that keep inputs of activation functions in 8 bits (n,), boolean."""
    return case.layouts.activations == ACTIVATIONS.index("fp8")


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

    The gradients of its widest matrix's input and output, 2 bytes each; and what of the layer is computed again.
    """
    flowing = np.max([_widest_matrix(layer, case) for layer in case.layers], axis=0)
    if not case.layouts.recompute.any():
        return flowing
    selective, some = case.layouts.recompute == 1, case.layouts.recompute > 0
    again = [whole(layer, case) - np.where(selective, stored(layer, case), 0.0) for layer in case.layers]
    return flowing + np.where(some, np.max(again, axis=0), 0.0)


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
    """Gathered activations of tensor parallelism and routed copies on their way [B] (n,).

    Two of the former; and two that wait for the weights' gradients where the whole is kept of what was gathered.
    """
    tokens, tensor = case.tokens(layer), case.layouts.tensor
    gathered = np.where(case.a["performance.gathered_inputs"] >= 0.5, 4.0, 2.0)
    whole = np.where(tensor > 1, gathered * 2.0 * tokens * layer.hidden, 0.0)
    if layer.routed:
        copies = tokens / tensor * layer.routed.active * case.layouts.expert_tensor
        whole = whole + np.where(case.expert_ranks > 1, 2.0 * case.dispatch_bytes * copies * layer.routed.hidden, 0.0)
    return whole


def widest(case: Case) -> Floats:
    """Parameters of the widest layer on one rank (n,)."""
    each = [layer.dense / case.layouts.tensor + layer.experts / case.expert_ranks for layer in case.layers]
    return np.max(each, axis=0)

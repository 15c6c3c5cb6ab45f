"""Time of one layer of a serving pass on one rank, part by part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.kernels.attention import decode, prefill
from firstlight.performance.kernels.gemm import gemm
from firstlight.performance.kernels.scan import recur, scan
from firstlight.performance.serving.balance import imbalance
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.rates import ServingRates, known_family
from firstlight.performance.shapes import Layer, Routed, Scan
from firstlight.timings.formula import join
from firstlight.twin.protocols import Floats

BUS = 70e9
"""Rate of a host's bus, PCI Express 5.0 x16 [B/s]: a domain that is no faster has no links of its own."""
HALF_TILES = (16.0, 64.0)
"""Rows that each expert's last tile leaves empty in the mean, where it has few tokens and where it has many."""
SECOND_SHOT = 1.3
"""Start of an all-reduce in two shots over that of one (kernel timings; the priors of collectives have 5 us over 4)."""

Parts = dict[str, Floats]
"""Time by part [s], arrays (..., n)."""


@dataclass(frozen=True)
class Pass:
    """One forward pass of a stage.

    Attributes:
        tokens: new tokens on an attention rank, which context-parallel ranks share in a prefill (..., n).
        requests: sequences on an attention rank (..., n).
        context: tokens behind a new token (decode), or of the prompt (prefill) (..., n).
        filling: it is a prefill.
        rates: of its kernels.
    """

    tokens: Floats
    requests: Floats
    context: ArrayLike
    filling: bool
    rates: ServingRates

    def on_each(self, case: Case) -> Floats:
        """Tokens that each context-parallel rank has: its share of a prompt, or every new token (..., n)."""
        return self.tokens / case.layouts.context if self.filling else self.tokens

    def of(self, length: int) -> Pass:
        """The same prefill in a tower where each request has `length` tokens."""
        return replace(self, tokens=self.requests * length, context=float(length))


def layer_parts(layer: Layer, case: Case, run: Pass) -> Parts:
    """One layer of one pass [s], by part: weights (products), cache (cores), experts, communication, kernels."""
    parts = {
        "weights": _products(layer, case, run),
        "cache": _cores(layer, case, run),
        "context": _context(layer, case, run),
        "experts": _experts(layer, case, run),
        "kernels": _kernels(layer, case, run),
    }
    computing = sum(parts.values(), np.zeros(len(case.layouts)))
    return {**parts, "communication": _seen(_communication(layer, case, run), computing, layer, case)}


def _kernels(layer: Layer, case: Case, run: Pass) -> Floats:
    """All small kernels: norms, rotation, gates, routing; in a prefill also the passes over its activations.

    A norm over all heads takes two kernels, as tensor ranks add up its sums in between.
    """
    a, norms = case.a, layer.normed * (2.0 if layer.across else 1.0)
    time = a["performance.serving_layer"] + norms * a["performance.serving_layer_norms"]
    time = time + (a["performance.serving_layer_latent"] if layer.latent else 0.0)
    time = time + (a["performance.serving_layer_experts"] if layer.routed else 0.0) + np.zeros(len(case.layouts))
    if not run.filling:
        return time
    widths = 2.0 * layer.hidden + (layer.mixer_width + layer.inner_width) / case.layouts.tensor
    moved = a["performance.serving_prefill_passes"] * 2.0 * run.on_each(case) * widths
    return time + a["performance.serving_prefill_layer"] + moved / case.work.bandwidth


def _seen(communication: Floats, computing: Floats, layer: Layer, case: Case) -> Floats:
    """What is seen of communication: all, or what two half batches that take turns cannot hide behind computation.

    Engines for large expert-parallel groups overlap the exchange of one half with the computation of the other
    (DeepSeek-V3, arXiv 2412.19437, section 3.4); what that adds in launches is left out.
    """
    if layer.routed is None:
        return communication
    hidden = case.a["performance.serving_dispatch_overlap"] * computing
    apart = case.layouts.data * case.layouts.context > 1
    return np.where(apart, np.maximum(communication - hidden, 0.0), communication)


def _products(layer: Layer, case: Case, run: Pass) -> Floats:
    tensor, total = case.layouts.tensor.astype(float), np.zeros(len(case.layouts))
    for matrix in layer.matrices:
        out = matrix.out / tensor if matrix.split == "out" else np.full_like(tensor, matrix.out)
        into = matrix.into / tensor if matrix.split == "into" else np.full_like(tensor, matrix.into)
        total = total + gemm(run.on_each(case), out, into, run.rates.dense)
    return total


def _cores(layer: Layer, case: Case, run: Pass) -> Floats:
    """Attention and scans: context-parallel ranks attend for their tokens, or to their part of the cache."""
    tensor, work, a = case.layouts.tensor.astype(float), case.work, case.a
    total, part = np.zeros(len(case.layouts)), case.layouts.context
    for core in layer.cores:
        if isinstance(core, Scan):
            more = (
                scan(run.on_each(case), run.context, core, tensor, work, a)
                if run.filling
                else recur(run.requests, core, tensor, work, a)
            )
        elif run.filling:
            more = prefill(run.on_each(case), run.context, core, tensor, work, a)
        else:
            more = decode(run.requests, run.context, core, tensor, work, a, run.tokens / run.requests, part)
        total = total + more
    return total


def _context(layer: Layer, case: Case, run: Pass) -> Floats:
    """What context-parallel ranks tell each other: keys and values of a prompt, around the ring behind attention; in a
    decode step their parts of every head's result and its softmax's sum, in fp32 (arXiv 2411.01783)."""
    cores = [core for core in layer.cores if not isinstance(core, Scan)]
    if not cores or (case.layouts.context == 1).all():
        return np.zeros(len(case.layouts))
    tensor, a = case.layouts.tensor, case.a
    if run.filling:
        each = sum(core.latent or np.maximum(core.kv_heads / tensor, 1.0) * (core.key + core.value) for core in cores)
        ring = case.collective("all_gather", run.tokens * each * 2.0, case.context_group)
        hidden = a["performance.context_hidden"] * _cores(layer, case, run)
        return np.maximum(ring - hidden, a["performance.context_exposed"] * ring)
    each = sum(core.heads / tensor * ((core.latent_value or core.value) + 1.0) for core in cores)
    return case.collective("all_gather", run.tokens * each * 4.0 * case.layouts.context, case.context_group)


def active_experts(local: Floats, share: float, tokens: Floats) -> Floats:
    """Experts of a rank that at least one of `tokens` tokens chooses: E (1 - (1 - k / E)^T) of its own."""
    return local * -np.expm1(tokens * np.log1p(-min(share, 1.0 - 1e-9)))


def _experts(layer: Layer, case: Case, run: Pass) -> Floats:
    """Routed experts: the products of all tokens' copies, and the weights of the experts that they choose."""
    if layer.routed is None:
        return np.zeros(len(case.layouts))
    layout, shape, rates = case.layouts, layer.routed, run.rates
    tokens = run.tokens * layout.data
    local = (shape.count + layout.redundant) / layout.expert
    width = shape.width * layout.expert / layout.stage
    copies = tokens * shape.active / layout.expert * _busiest(shape, case)
    spread = tokens * case.a["performance.serving_routing_spread"]
    active = active_experts(local, shape.active / shape.count, np.maximum(spread, 1.0))
    rows = copies + np.minimum(active, copies) * np.clip(copies / np.maximum(active, 1.0) / 2.0, *HALF_TILES)
    matrices = 3.0 if shape.gated else 2.0
    compute = 2.0 * matrices * rows * shape.hidden * width / rates.experts_rate
    weights = matrices * active * shape.hidden * width * rates.expert_weight
    moved = copies * (2.0 * shape.hidden + 3.0 * width) * rates.expert_activation / 4.0
    memory = (weights + moved) / rates.experts_bandwidth
    return rates.experts_launch + join(case.a["performance.serving_norm"], compute, memory)


def _busiest(routed: Routed, case: Case) -> Floats:
    """Tokens of the busiest expert-parallel rank over the mean (n,)."""
    return imbalance(routed.count, case.layouts.expert, case.layouts.redundant, case.a["performance.serving_skew"])


def _communication(layer: Layer, case: Case, run: Pass) -> Floats:
    """All-reduces over tensor parallelism; dispatch and combine of experts where attention is data-parallel.

    Without attention data parallelism every rank of a stage has all tokens, and the all-reduce after the experts adds
    up what each of them found. Norms over all heads add up two sums of a token, in fp32.
    """
    reduce = _all_reduce(run.on_each(case) * layer.hidden * 2.0, case)
    sums = _all_reduce(run.on_each(case) * 2.0 * 4.0, case) if layer.across else 0.0
    if layer.routed is None:
        return max(layer.pairs, layer.parts) * reduce + sums
    return sums + np.where(
        case.layouts.data * case.layouts.context > 1,
        reduce + _exchange(layer, layer.routed, case, run),
        max(layer.pairs, layer.parts) * reduce,
    )


def _all_reduce(size: Floats, case: Case) -> Floats:
    """One all-reduce under load: the fabric's, or inside a scale-up domain the engines' own kernel if that is faster.

    That one reads all peers' buffers at once, or a part of each and then the sums (two shots, as `nccl.all_reduce`);
    engines have it only where peers see each other over more than a host's bus.
    """
    a, ranks, (_, outer) = case.a, case.layouts.tensor.astype(float), case.tensor_group
    fabric = case.collective("all_reduce", size, case.tensor_group)
    latency = a[f"performance.serving_all_reduce_latency_{known_family(case.work)}"]
    base, hops = a["performance.serving_all_reduce_base"], a["performance.serving_all_reduce_hop"] * ranks
    link = case.work.scale_up * a["performance.serving_all_reduce_link"]
    one = latency * (base + hops) + (ranks - 1.0) * size / link
    two = latency * (SECOND_SHOT * base + 2.0 * hops) + 2.0 * (ranks - 1.0) / ranks * size / link
    through = (outer > 1) | (case.work.scale_up < BUS)
    least = np.where(through, fabric, np.minimum(fabric, np.minimum(one, two)))
    return np.where(ranks > 1, least * a["performance.serving_all_reduce_load"], 0.0)


def _exchange(layer: Layer, routed: Routed, case: Case, run: Pass) -> Floats:
    """Tokens to their experts and back.

    Over expert ranks a fixed time by their number and the bytes of the copies (dispatch and combine, DeepEP); over
    ranks that cut experts by their width all tokens are gathered and the partial results scattered.
    """
    a, ranks, (_, outer) = case.a, case.layouts.expert.astype(float), case.expert_group
    tokens = run.tokens / case.layouts.context
    copies = tokens * np.minimum(routed.active, ranks) * _busiest(routed, case)
    size = copies * routed.hidden * a["performance.serving_dispatch_bytes"]
    fixed = a["performance.serving_dispatch_base"] + a["performance.serving_dispatch_hop"] * np.log2(
        np.maximum(ranks, 2.0)
    )
    fixed = fixed + np.where(outer > 1, a["performance.serving_dispatch_across"], 0.0)
    sent = fixed + case.collective("all_to_all", size, case.expert_group) * a["performance.serving_dispatch_load"]
    met = tokens * case.gather_group[0] * case.gather_group[1] * layer.hidden * 2.0
    gathered = sum(case.collective(op, met, case.gather_group) for op in ("all_gather", "reduce_scatter"))
    return np.where(ranks > 1, sent, 0.0) + gathered

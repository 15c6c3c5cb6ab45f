"""Time of one layer of a training step on one rank, forward and backward, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from firstlight.performance.kernels.attention import attention
from firstlight.performance.kernels.elementwise import elementwise, expert_age, permute
from firstlight.performance.kernels.gemm import gemm
from firstlight.performance.kernels.scan import scan
from firstlight.performance.shapes import Layer, Scan
from firstlight.performance.training.layouts.arrays import CONTEXTS
from firstlight.performance.training.layouts.case import Case
from firstlight.performance.training.layouts.once import Parts, once
from firstlight.performance.training.time.experts import exchange, launch_experts, rows_of_experts
from firstlight.performance.training.time.recomputed import again
from firstlight.timings.formula import join
from firstlight.twin.protocols import Floats

KERNELS = (
    "tensor", "context", "context_kind", "expert", "expert_tensor", "dispatch", "micro_batch", "recompute",
    "recompute_modules", "accumulates", "gradients",
)  # fmt: skip
"""What the time of a layer depends on, the gathering of sharded weights apart."""
WEIGHTS = ("tensor", "pipeline", "schedule", "context", "expert", "expert_tensor", "shard", "sites")
"""What the collectives of a layer's weights depend on."""


@dataclass(frozen=True)
class Pass:
    """Forward and backward time of one part [s], arrays (n,); `weight` is that of weight gradients in the backward."""

    forward: Floats
    backward: Floats
    weight: Floats | float = 0.0


@dataclass(frozen=True)
class LayerTime:
    """One micro-batch through a layer [s], arrays (n,): by part, and of the whole the forward and weight gradients."""

    parts: Parts
    forward: Floats
    weight: Floats


def layer_time(layer: Layer, case: Case) -> LayerTime:
    """One layer, one micro-batch, forward and backward and what is computed again [s], by part; arrays (n,).

    "launch" is what the host's launches take longer than the device; "data" what gathering sharded weights adds.
    """
    parts = once(case, KERNELS, partial(_kernels, layer))
    forward, backward, weight = parts.pop("forward"), parts.pop("backward"), parts.pop("weight")
    gathered = sharded(layer, case, forward, backward)
    return LayerTime({**parts, "data": gathered.forward + gathered.backward}, forward, weight)


def forward_time(layer: Layer, case: Case) -> Floats:
    """One layer, one micro-batch, forward only, gathering sharded weights included [s] (n,)."""
    forward = once(case, KERNELS, partial(_kernels, layer))["forward"]
    return forward + sharded(layer, case, forward, np.zeros(len(case.layouts))).forward


def _kernels(layer: Layer, case: Case) -> Parts:
    """Device and host time by part; and of all "forward" and "backward", which sharded weights are gathered behind, and
    the "weight" gradients."""
    parts = kernels(layer, case)
    return {
        **{name: part.forward + part.backward for name, part in parts.items()},
        "forward": sum((part.forward for part in parts.values()), np.zeros(len(case.layouts))),
        "backward": sum((part.backward for part in parts.values()), np.zeros(len(case.layouts))),
        "weight": np.zeros(len(case.layouts)) + parts["gemm"].weight,
    }


def kernels(layer: Layer, case: Case) -> dict[str, Pass]:
    """One layer, one micro-batch [s]: all but what gathering sharded weights adds; arrays (n,)."""
    device = {
        "gemm": _products(layer, case),
        "attention": _cores(layer, case),
        "elementwise": _elementwise(layer, case),
        "tensor": _tensor(layer, case),
        "context": _context(layer, case),
        "expert": _dispatch(layer, case),
    }
    forward = sum((part.forward for part in device.values()), np.zeros(len(case.layouts)))
    backward = sum((part.backward for part in device.values()), np.zeros(len(case.layouts)))
    launch, own = _launch(layer, case), launch_experts(layer, case)
    held_forward = join(4.0, forward, launch.forward) + own
    held_backward = join(4.0, backward, launch.backward) + own * case.a["performance.launch_backward"]
    return {
        **device,
        "launch": Pass(held_forward - forward, held_backward - backward),
        "recompute": Pass(np.zeros(len(case.layouts)), _recompute(layer, case, device, held_forward)),
    }


def _products(layer: Layer, case: Case) -> Pass:
    """Matrix products: forward, data gradient and weight gradient, each with its own shape."""
    layout, rates = case.layouts, case.work.rates(case.work.runs_as, case.a)
    tokens, tensor = case.tokens(layer), layout.tensor.astype(float)
    full = float(layer.length or case.sequence)
    forward, inputs, weight = np.zeros(len(layout)), np.zeros(len(layout)), np.zeros(len(layout))
    for matrix in layer.matrices:
        share = (matrix.length or full) / full
        rows = share * (tokens / case.spread if matrix.split == "none" else tokens)
        out = matrix.out / tensor if matrix.split == "out" else np.full_like(tensor, matrix.out)
        into = matrix.into / tensor if matrix.split == "into" else np.full_like(tensor, matrix.into)
        forward = forward + gemm(rows, out, into, rates)
        inputs = inputs + gemm(rows, into, out, rates)
        if case.adapters:
            forward, inputs = forward + _adapter(rows, out, into, case), inputs + 2.0 * _adapter(rows, out, into, case)
        else:
            weight = weight + gemm(out, into, rows, rates)
    if layer.routed:
        each, local = rows_of_experts(layer.routed, layer, case), np.maximum(layer.routed.count / layout.expert, 1.0)
        width = layer.routed.width / layout.expert_tensor
        slower = 1.0 if case.work.fused_experts else 1.0 / case.a["performance.grouped_efficiency"]
        for n, k in ((width * (2 if layer.routed.gated else 1), layer.routed.hidden), (layer.routed.hidden, width)):
            forward = forward + gemm(each, n, k, rates, local) * slower
            inputs = inputs + gemm(each, k, n, rates, local) * slower
            if not case.adapters:
                weight = weight + gemm(n, k, each, rates, local) * slower
    return Pass(forward, inputs + weight, weight)


def _adapter(rows: Floats, out: Floats, into: Floats, case: Case) -> Floats:
    """A matrix's LoRA adapter forward (arXiv 2106.09685): into its rank and out again, in 16 bits; twice backward."""
    rates, rank = case.work.rates("bf16", case.a), float(case.adapters)
    return gemm(rows, rank, into, rates) + gemm(rows, out, rank, rates)


def _cores(layer: Layer, case: Case) -> Pass:
    """Attention and scan cores; a scan's backward takes twice its forward, and computes the forward again."""
    tokens, tensor = case.tokens(layer), case.layouts.tensor.astype(float)
    length = float(layer.length or case.sequence)
    forward, backward = np.zeros(len(case.layouts)), np.zeros(len(case.layouts))
    for core in layer.cores:
        if isinstance(core, Scan):
            once = scan(tokens, length, core, tensor, case.work, case.a)
            forward, backward = forward + once, backward + 3.0 * once
        else:
            one, two = attention(tokens, length, core, tensor, case.work, case.a)
            forward, backward = forward + one, backward + two
    return Pass(forward, backward)


def _elementwise(layer: Layer, case: Case) -> Pass:
    """Element-wise kernels, the permutation of routed copies, and gradients accumulated in fp32."""
    tokens, layout = case.tokens(layer), case.layouts
    forward, backward = elementwise(tokens, layer, layout.tensor, case.work, case.a)
    moved = permute(tokens, layer, layout.tensor, case.work, case.a)
    local = layer.dense / layout.tensor + layer.experts / case.expert_ranks
    rate = case.work.bandwidth * case.a["performance.memory_efficiency"]
    narrow = case.gradient_bytes / case.a["performance.gradient_bytes"]
    accumulated = np.where(case.accumulates, local * case.a["performance.accumulation"] * narrow / rate, 0.0)
    return Pass(forward + moved, backward + moved + accumulated)


def _tensor(layer: Layer, case: Case) -> Pass:
    """All-gather and reduce-scatter around the mixer and the dense part, in each direction (arXiv 2205.05198).

    They hide behind the products beside them inside a scale-up domain only.
    """
    size, inside = case.tokens(layer) * layer.hidden * 2.0, case.a["performance.tensor_exposed"]
    pair = sum(case.collective(op, size, case.tensor_group) for op in ("all_gather", "reduce_scatter"))
    exposed = np.where(
        case.tensor_group[1] > 1, np.maximum(case.a["performance.tensor_exposed_across"], inside), inside
    )
    seen = np.asarray(pair) * layer.pairs * exposed
    return Pass(seen, seen)


def _context(layer: Layer, case: Case) -> Pass:
    """What attention over the tokens of other context-parallel ranks costs, by the layout's kind."""
    kinds = np.unique(case.layouts.context_kind)
    found = [_CONTEXT[CONTEXTS[kind]](layer, case) for kind in kinds]
    if len(found) == 1:
        return found[0]
    own = [case.layouts.context_kind == kind for kind in kinds]
    return Pass(np.select(own, [one.forward for one in found]), np.select(own, [one.backward for one in found]))


def _keys(layer: Layer, case: Case) -> Floats:
    """Bytes of all ranks' keys and values of one tensor-parallel rank (n,)."""
    keys = sum(core.kv_heads * (core.key + core.value) for core in layer.cores if not isinstance(core, Scan))
    return case.tokens(layer) * keys / case.layouts.tensor * 2.0 * case.layouts.context


def _ring(layer: Layer, case: Case) -> Pass:
    """Keys and values around the ring of context-parallel ranks, hidden behind attention (arXiv 2310.01889)."""
    ring = case.collective("all_gather", _keys(layer, case), case.context_group)
    core, a = _cores(layer, case), case.a
    hidden, least = a["performance.context_hidden"], a["performance.context_exposed"]
    return Pass(
        np.maximum(ring - hidden * core.forward, least * ring),
        np.maximum(2.0 * ring - hidden * core.backward, 2.0 * least * ring),
    )


def _gathered(layer: Layer, case: Case) -> Pass:
    """Keys and values gathered before attention, their gradients scattered after it; all seen (arXiv 2407.21783)."""
    size = _keys(layer, case)
    gather = case.collective("all_gather", size, case.context_group)
    return Pass(gather, gather + case.collective("reduce_scatter", size, case.context_group))


def _ulysses(layer: Layer, case: Case) -> Pass:
    """All-to-all of queries, keys and values before attention and of its output after it (arXiv 2309.14509)."""
    columns = sum(
        core.heads * (core.key + core.value) + core.kv_heads * (core.key + core.value)
        for core in layer.cores
        if not isinstance(core, Scan)
    )
    size = case.tokens(layer) * columns / case.layouts.tensor * 2.0
    once = case.collective("all_to_all", size, case.context_group)
    return Pass(once, once)


_CONTEXT = {"ring": _ring, "all-gather": _gathered, "ulysses": _ulysses}


def _dispatch(layer: Layer, case: Case) -> Pass:
    """Tokens to their experts and back, in each direction."""
    seen = exchange(layer, case)
    return Pass(seen, seen)


def _launch(layer: Layer, case: Case) -> Pass:
    """Time the host takes to launch one layer's kernels."""
    a, work = case.a, case.work
    forward = a[f"performance.launch_{work.software}"] * (a["performance.launch_arm"] if work.arm else 1.0)
    forward *= a["performance.launch_low_precision"] if work.low else 1.0
    forward *= a["performance.launch_experts"] * expert_age(a) if layer.routed else 1.0
    forward *= 0.0 if layer.routed and work.fused_experts else 1.0
    each = forward * np.where(case.layouts.tensor > 1, a["performance.launch_tensor"], 1.0)
    return Pass(each, each * a["performance.launch_backward"])


def _recompute(layer: Layer, case: Case, device: dict[str, Pass], forward: Floats) -> Floats:
    """What is computed again: nothing; the modules that are named, else norms and activations (or the unfused core);
    the whole layer."""
    a = case.a
    fused = a["performance.fused_attention"] >= 0.5
    share = a["performance.selective_fused" if case.work.software == "gpu" else "performance.selective_xla"]
    own = device["gemm"].forward + device["attention"].forward + device["elementwise"].forward
    selective = share * own if fused else device["attention"].forward
    if case.layouts.recompute_modules.any():
        parts = {name: part.forward for name, part in device.items()}
        named = again(layer, case, parts, lambda part: _products(part, case).forward)
        selective = np.where(case.layouts.recompute_modules > 0, named, selective)
    return np.select([case.layouts.recompute == 1, case.layouts.recompute == 2], [selective, forward], 0.0)


def sharded(layer: Layer, case: Case, forward: Floats, backward: Floats) -> Pass:
    """What ZeRO-2 and ZeRO-3 add to a layer: weights gathered both ways, gradients scattered (arXiv 1910.02054)."""
    traffic = once(case, WEIGHTS, partial(_weights, layer))
    gather = np.where(case.layouts.zero >= 3, traffic["gather"], 0.0)
    scatter = np.where((case.layouts.zero >= 2) & (case.adapters == 0), traffic["scatter"], 0.0)
    return Pass(_behind(forward, gather, case), _behind(backward, gather + scatter, case))


def _weights(layer: Layer, case: Case) -> Parts:
    """Collectives of a layer's weights and gradients in two bytes [s]."""
    dense, experts = layer.dense / case.layouts.tensor * 2.0, layer.experts / case.expert_ranks * 2.0
    gather = case.collective("all_gather", dense, case.shard_group)
    scatter = case.collective("reduce_scatter", dense, case.shard_group)
    if layer.routed:
        gather = gather + case.collective("all_gather", experts, case.expert_shard_group)
        scatter = scatter + case.collective("reduce_scatter", experts, case.expert_shard_group)
    return {"gather": gather, "scatter": scatter}


def _behind(compute: Floats, traffic: Floats, case: Case) -> Floats:
    """How much longer computation takes with traffic beside it [s]."""
    taxed = case.a["performance.sharded_tax"] * np.minimum(compute, traffic)
    return join(case.a["performance.sharded_overlap"], compute, traffic) + taxed - compute

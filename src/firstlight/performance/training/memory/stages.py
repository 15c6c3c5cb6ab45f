"""Memory of the accelerators of a training run, stage by stage and by component."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from firstlight.performance.training.layouts.arrays import OFFLOADS
from firstlight.performance.training.layouts.case import Case
from firstlight.performance.training.layouts.once import Parts, once
from firstlight.performance.training.layouts.parameters import parameters_of, trained_of
from firstlight.performance.training.memory.activations import in_transit, loss, running, stored, widest
from firstlight.performance.training.schedules.formulas import in_flight
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class _Sizes:
    """What is the same on every stage [B], arrays (n,): stored activations of a leading dense layer and of a mean other
    one; what a layer's backward pass needs while it runs; activations in transit; the loss; and parameters of the
    widest layer. `teacher` has those of the teacher's layers."""

    leading: Floats
    stored: Floats
    running: Floats
    transit: Floats
    loss: Floats
    widest: Floats
    teacher: _Sizes | None = None


SIZES = (
    "tensor", "context", "context_kind", "expert", "expert_tensor", "dispatch", "micro_batch", "recompute",
    "recompute_modules", "activations",
)  # fmt: skip
"""What `_Sizes` depends on."""


def _sizes(case: Case) -> _Sizes:
    teacher = _sizes(case.teaching) if case.teaching else None
    return _Sizes(**once(case, SIZES, _apart_from_stages), teacher=teacher)


def _apart_from_stages(case: Case) -> Parts:
    rest = case.layers[1:] if case.leading else case.layers
    each = sum((layer.count * stored(layer, case) for layer in rest), np.zeros(len(case.layouts)))
    return {
        "leading": stored(case.layers[0], case) if case.leading else np.zeros(len(case.layouts)),
        "stored": each / sum(layer.count for layer in rest),
        "running": running(case),
        "transit": np.max([in_transit(layer, case) for layer in case.layers], axis=0),
        "loss": loss(case),
        "widest": widest(case),
    }


def memory_parts(case: Case) -> Parts:
    """Memory by component on the fullest rank [B]; arrays (n,).

    The fullest of three: the first stage, which holds the activations of most micro-batches; the second one, which may
    have more layers; and the last one, which holds the head's outputs and their loss.
    """
    last, sizes = case.layouts.pipeline.astype(float) - 1.0, _sizes(case)
    places = [np.zeros_like(last), last] if last.any() else [last]
    if (last > 1).any():
        places.insert(1, np.minimum(last, 1.0))
    found = [_stage(case, stage, sizes) for stage in places]
    chosen = np.argmax([sum(parts.values(), np.zeros_like(last)) for parts in found], axis=0)
    return {name: np.choose(chosen, [parts[name] for parts in found]) for name in found[0]}


def every_stage(case: Case, index: int = 0) -> Parts:
    """Memory by component on a rank of each pipeline stage of one layout [B]; arrays (stages,).

    Args:
        case: the layouts.
        index: of the layout.
    """
    stages = int(case.layouts.pipeline[index])
    sequences = np.broadcast_to(np.asarray(case.sequences, dtype=float), case.layouts.tensor.shape)[index]
    one = replace(case, layouts=case.layouts.take(np.full(stages, index)), sequences=float(sequences))
    return _stage(one, np.arange(stages, dtype=float), _sizes(one))


def _stage(case: Case, stage: Floats, sizes: _Sizes) -> Parts:
    """Memory by component on a rank of a pipeline stage [B]; arrays (n,).

    Weights, gradients and optimizer states (and, at several sites, those of the outer optimizer); a teacher's weights,
    with its outputs beside the loss; stored activations of
    the micro-batches in flight; the head's outputs and their loss; what a layer's backward pass needs while it runs;
    communication buffers; the allocator's fragmentation of all that comes and goes; and the workspace of the runtime,
    its libraries and communicators.

    Args:
        case: the layouts.
        stage: index of the stage, from 0 (n,).
        sizes: what does not depend on it.
    """
    layers, first, last = _share(case, stage)
    dense = _leading(case, stage, layers)
    outputs = np.where(last, sizes.loss, 0.0)
    parts = {
        **_states(case, layers, first, last, dense, sizes),
        "activations": _activations(case, stage, layers, dense, sizes),
        "temporary": _temporary(case, last, outputs, sizes),
        "loss": outputs,
        "communication": sizes.transit + _gathered(case, last, sizes),
    }
    if case.teaching and sizes.teacher:
        parts = _with_teacher(parts, case.teaching, stage, sizes.teacher)
    moving = parts["activations"] + parts["temporary"] + parts["loss"] + parts["communication"]
    return {
        **parts,
        "fragmentation": case.a["performance.fragmentation"] * moving,
        "workspace": np.full(len(case.layouts), case.a["performance.workspace"]),
    }


def _with_teacher(parts: Parts, own: Case, stage: Floats, sizes: _Sizes) -> Parts:
    """The same with a teacher's weights, and its outputs beside the student's; what comes and goes with its forward
    pass takes the place of what the student's needs, where it is more."""
    layers, first, last = _share(own, stage)
    held = _parameters(own, layers, _leading(own, stage, layers), _outside(own, first, last))
    head = np.where(last, own.ends.head / own.layouts.tensor, 0.0)
    gathered = np.where(own.layouts.zero >= 3, 2.0 * (sizes.widest + np.maximum(sizes.widest, head)), 0.0)
    return {
        **parts,
        "teacher": 2.0 * _kept(own, held, 3),
        "temporary": np.maximum(parts["temporary"], sizes.running),
        "loss": parts["loss"] + np.where(last, sizes.loss, 0.0),
        "communication": np.maximum(parts["communication"], sizes.transit + gathered),
    }


def _share(case: Case, stage: Floats) -> tuple[Floats, Floats, Floats]:
    """Layers of a rank, and whether it has the embedding and the head; a DualPipe's rank has two stages."""
    end = case.layouts.pipeline - 1
    layers = np.select([stage == 0, stage == end], [case.first_layers, case.last_layers], case.middle_layers)
    opposite = np.select([stage == end, stage == 0], [case.first_layers, case.last_layers], case.middle_layers)
    dual = case.layouts.runs("dualpipe")
    first, last = stage == 0, stage == end
    return np.where(dual, layers + opposite, layers), first | (dual & last), last | (dual & first)


def _leading(case: Case, stage: Floats, layers: Floats) -> Floats:
    """Dense layers of a rank where the model begins with some (n,)."""
    if not case.leading:
        return np.zeros_like(layers)
    chunk = np.maximum(case.middle_layers / case.layouts.interleave, 1.0)
    dense = np.clip(case.leading - stage * chunk, 0.0, np.minimum(chunk, layers))
    opposite = np.clip(case.leading - (case.layouts.pipeline - 1.0 - stage) * chunk, 0.0, np.minimum(chunk, layers))
    return dense + np.where(case.layouts.runs("dualpipe"), opposite, 0.0)


def _parameters(case: Case, layers: Floats, leading: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Dense and expert parameters of a rank with so many layers, of them leading dense ones, and so many parameters
    outside them (n,)."""
    if not case.leading:
        return parameters_of(case, layers, outside)
    rest, count = case.layers[1:], case.depth - case.leading
    dense = sum(layer.count * layer.dense for layer in rest) / count * (layers - leading)
    dense = dense + case.layers[0].dense * leading + case.ends.extra * layers / case.depth
    experts = sum(layer.count * layer.experts for layer in rest) / count * (layers - leading)
    return (dense + outside) / case.layouts.tensor, experts / case.expert_ranks


def _states(case: Case, layers: Floats, first: Floats, last: Floats, leading: Floats, sizes: _Sizes) -> Parts:
    """Weights, gradients and optimizer states by ZeRO stage (arXiv 1910.02054), the latter two of what is trained; less
    what the host keeps."""
    layout, outside = case.layouts, _outside(case, first, last)
    held = _parameters(case, layers, leading, outside)
    trained = trained_of(case, layers, outside) if case.adapters else held
    weights, states = _kept(case, held, 3), _kept(case, trained, 1)
    low = case.a["performance.low_precision_weights"] if case.work.low else 2.0
    inside = _kept(case, _parameters(case, layers, leading, np.zeros_like(layers)), 3)
    whole = 2.0 * weights - (2.0 - low) * inside
    return {
        "weights": np.where(layout.offloads("weights"), np.minimum(whole, 4.0 * sizes.widest), whole),
        "gradients": case.gradient_bytes * _kept(case, trained, 2),
        "optimizer": np.where(layout.offloads("optimizer"), 0.0, case.optimizer_bytes * states),
        "outer": _outer(case, states),
    }


def _outer(case: Case, parameters: Floats) -> Floats:
    """The outer optimizer's copy of the parameters and its momentum on one rank [B] (n,)."""
    drifts = (case.layouts.sites > 1) & (case.layouts.synchronise > 1)
    return np.where(drifts, case.a["performance.outer_bytes"] * parameters, 0.0)


def _outside(case: Case, first: Floats, last: Floats) -> Floats:
    """Parameters of the ends that a rank has (n,)."""
    ends = case.ends
    return np.where(first, ends.embedding, 0) + np.where(last, np.where(first, ends.own_head, ends.head), 0)


def _kept(case: Case, parameters: tuple[Floats, Floats], sharded: int) -> Floats:
    """Parameters of a rank that are left on it, where they are sharded from this ZeRO stage on (n,)."""
    dense, experts = parameters
    whole, share = dense + experts, dense / case.shard + experts / case.expert_shard
    return np.where(case.layouts.zero >= sharded, share, whole)


def _activations(case: Case, stage: Floats, layers: Floats, leading: Floats, sizes: _Sizes) -> Floats:
    """Stored activations of the micro-batches in flight; of two layers where the host keeps the rest."""
    stages = np.where(case.layouts.runs("dualpipe"), 2.0, 1.0)
    each = sizes.stored * (layers - leading) + sizes.leading * leading
    held = each / stages * in_flight(case, stage)
    return np.where(case.layouts.offloads("activations"), np.minimum(held, 2.0 * sizes.stored), held)


def _temporary(case: Case, last: Floats, outputs: Floats, sizes: _Sizes) -> Floats:
    """What backward passes need beside stored activations and the loss [B] (n,).

    The gradients of a layer's dense weights, and of the head's, before they are accumulated (with ZeRO-3 they are
    communication buffers; grouped products of experts accumulate in place); and what a layer needs while it runs, as
    far as that is more than the loss, which is over by then.
    """
    dense = max(layer.dense for layer in case.layers) + np.where(last, case.ends.head, 0.0)
    weights = 2.0 * dense / case.layouts.tensor
    held = np.where(case.layouts.zero >= 3, 0.0, weights) if not case.adapters else 0.0
    return held + np.maximum(sizes.running - outputs, 0.0)


def _gathered(case: Case, last: Floats, sizes: _Sizes) -> Floats:
    """With ZeRO-3 the gathered weights of two layers and the gradients of one, or of the head where that is larger; and
    the gradients' copy that is scattered, where they are reduced in a wider type."""
    head = np.where(last, case.ends.head / case.layouts.tensor, 0.0)
    copy = np.where(case.reduced_bytes > 2.0, case.reduced_bytes, 0.0)
    gathered = np.maximum((6.0 + copy) * sizes.widest, (4.0 + copy) * head + 2.0 * sizes.widest)
    return np.where(case.layouts.zero >= 3, gathered, 0.0)


def host_memory(case: Case) -> Floats:
    """What one accelerator keeps in its host's memory [B] (n,)."""
    zeros = np.zeros(len(case.layouts))
    average = np.where(case.layouts.averages("host"), case.a["performance.average_bytes"], 0.0)
    if not case.layouts.offload.any() and not average.any():
        return zeros
    layers, first, last = _share(case, zeros)
    bare, sizes = replace(case, layouts=replace(case.layouts, offload=np.zeros((), np.int64))), _sizes(case)
    leading = _leading(case, zeros, layers)
    averaged = average * _kept(case, _parameters(case, layers, leading, _outside(case, first, last)), 1)
    states = _states(bare, layers, first, last, leading, sizes)
    moved = {**states, "activations": _activations(bare, zeros, layers, leading, sizes)}
    return sum((np.where(case.layouts.offloads(name), moved[name], 0.0) for name in OFFLOADS), averaged)

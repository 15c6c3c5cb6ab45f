"""What happens once per step: gradients over data parallelism, the optimizer, and how much of it is seen."""

from __future__ import annotations

import numpy as np

from firstlight.performance.training.layouts import Case
from firstlight.performance.training.once import Parts, once
from firstlight.twin.protocols import Floats

RANKS = ("tensor", "pipeline", "interleave", "context", "expert")
"""What the parameters of a rank depend on, and the ranks that hold the same."""


def step_end(case: Case, window: Floats) -> Parts:
    """Data-parallel traffic, optimizer and fixed overhead of one step [s]; arrays (n,).

    Args:
        case: the layouts.
        window: time of one micro-batch, behind whose backward pass the traffic hides [s] (n,).
    """
    traffic, a = data_traffic(case), case.a
    seen = np.maximum(a["performance.data_exposed"] * traffic, traffic - window)
    return {
        "data": seen,
        "optimizer": _optimizer(case),
        "overhead": np.full(len(case.layouts), a["performance.step_overhead"]),
    }


def local_parameters(case: Case) -> tuple[Floats, Floats]:
    """Dense parameters (embedding and head of the fuller end stage included) and expert parameters of a rank (n,)."""
    share = case.stage_layers / case.depth
    dense = sum(layer.count * layer.dense for layer in case.layers) + case.ends.extra
    experts = sum(layer.count * layer.experts for layer in case.layers)
    both = case.ends.embedding + case.ends.own_head
    outside = np.where(case.layouts.pipeline > 1, max(case.ends.embedding, case.ends.head), both)
    return (dense * share + outside) / case.layouts.tensor, experts * share / case.layouts.expert


def data_traffic(case: Case) -> Floats:
    """Time of the gradient and weight collectives of one step, nothing hidden [s] (n,).

    ZeRO-0 reduces fp32 gradients to all; ZeRO-1 scatters them and gathers 2-byte weights; ZeRO-2 only gathers (its
    gradients were scattered micro-batch by micro-batch); ZeRO-3 does neither (arXiv 1910.02054).
    """
    stages = once(case, RANKS, _exchanges)
    zero = case.layouts.zero
    return np.select([zero == 0, zero == 1, zero == 2], [stages["zero 0"], stages["zero 1"], stages["zero 2"]], 0.0)


def _exchanges(case: Case) -> Parts:
    """The collectives of a step at each ZeRO stage [s]."""
    dense, experts = local_parameters(case)
    one, two = _exchange(case, dense, case.data_group), _exchange(case, experts, case.replica_group)
    return {name: one[name] + two[name] for name in one}


def _exchange(case: Case, parameters: Floats, group: tuple[Floats, Floats]) -> Parts:
    gradients = parameters * case.a["performance.gradient_bytes"]
    reduce = case.collective("all_reduce", gradients, group)
    scatter = case.collective("reduce_scatter", gradients, group)
    gather = case.collective("all_gather", parameters * 2.0, group)
    return {"zero 0": reduce, "zero 1": scatter + gather, "zero 2": gather}


def _optimizer(case: Case) -> Floats:
    """Adam over the parameters that a rank updates, at the memory's bandwidth."""
    dense, experts = local_parameters(case)
    sharded = case.layouts.zero >= 1
    own = dense / np.where(sharded, case.data * case.layouts.context, 1.0)
    own = own + experts / np.where(sharded, case.replicas, 1.0)
    return own * case.a["performance.optimizer_bytes"] / case.work.bandwidth

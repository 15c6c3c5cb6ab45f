"""What happens once per step: gradients over data parallelism, the optimizer, and how much of it is seen."""

from __future__ import annotations

import numpy as np

from firstlight.performance.training.layer import Parts
from firstlight.performance.training.layouts import Case
from firstlight.twin.protocols import Floats


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
    both = case.ends.embedding + case.ends.own_head
    whole = (case.layouts.pipeline == 1) | case.layouts.runs("dualpipe")
    outside = np.where(whole, both, max(case.ends.embedding, case.ends.head))
    return parameters_of(case, case.stage_layers * np.where(case.layouts.runs("dualpipe"), 2.0, 1.0), outside)


def parameters_of(case: Case, layers: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Dense and expert parameters of a rank with so many layers and so many parameters outside them (n,)."""
    share = layers / case.depth
    dense = sum(layer.count * layer.dense for layer in case.layers) + case.ends.extra
    experts = sum(layer.count * layer.experts for layer in case.layers)
    return (dense * share + outside) / case.layouts.tensor, experts * share / case.expert_ranks


def data_traffic(case: Case) -> Floats:
    """Time of the gradient and weight collectives of one step, nothing hidden [s] (n,).

    ZeRO-0 reduces fp32 gradients to all; ZeRO-1 scatters them and gathers 2-byte weights; ZeRO-2 only gathers (its
    gradients were scattered micro-batch by micro-batch); ZeRO-3 does neither (arXiv 1910.02054).
    """
    dense, experts = local_parameters(case)
    return _exchange(case, dense, case.data_group) + _exchange(case, experts, case.replica_group)


def _exchange(case: Case, parameters: Floats, group: tuple[Floats, Floats]) -> Floats:
    gradients = parameters * case.gradient_bytes
    reduce = case.collective("all_reduce", gradients, group)
    scatter = case.collective("reduce_scatter", gradients, group)
    gather = case.collective("all_gather", parameters * 2.0, group)
    zero = case.layouts.zero
    return np.select([zero == 0, zero == 1, zero == 2], [reduce, scatter + gather, gather], 0.0)


def _optimizer(case: Case) -> Floats:
    """Adam over the parameters that a rank updates, at the memory's bandwidth."""
    dense, experts = local_parameters(case)
    sharded = case.layouts.zero >= 1
    own = dense / np.where(sharded, case.shards, 1.0)
    own = own + experts / np.where(sharded, case.replicas, 1.0)
    return np.where(case.layouts.offloads("optimizer"), 0.0, own * case.optimizer_traffic / case.work.bandwidth)

"""What happens once per step: gradients over data parallelism, the optimizer, and how much of it is seen."""

from __future__ import annotations

import numpy as np

from firstlight.performance.groups import Group
from firstlight.performance.training.layouts.case import Case
from firstlight.performance.training.layouts.once import Parts, once
from firstlight.performance.training.layouts.parameters import trained_parameters
from firstlight.twin.protocols import Floats

RANKS = (
    "tensor", "pipeline", "schedule", "context", "expert", "expert_tensor", "shard", "sites", "gradients",
    "stage_layers",
)  # fmt: skip
"""What the parameters of a rank depend on, and the ranks that hold the same."""


def step_end(case: Case, window: Floats) -> Parts:
    """Data-parallel traffic, optimizer and fixed overhead of one step [s]; arrays (n,).

    The overhead is what ranks wait for each other at the step's end: one alone has none.

    Args:
        case: the layouts.
        window: time of one micro-batch, behind whose backward pass the traffic hides [s] (n,).
    """
    traffic, a = data_traffic(case), case.a
    seen = np.maximum(a["performance.data_exposed"] * traffic, traffic - window)
    return {
        "data": seen,
        "optimizer": _optimizer(case),
        "overhead": np.full(len(case.layouts), a["performance.step_overhead"] * (1.0 - 1.0 / case.accelerators)),
    }


def data_traffic(case: Case) -> Floats:
    """Time of the gradient and weight collectives of one step, nothing hidden [s] (n,).

    ZeRO-0 reduces gradients to all; ZeRO-1 scatters them and gathers 2-byte weights; ZeRO-2 only gathers (its
    gradients were scattered micro-batch by micro-batch); ZeRO-3 does neither (arXiv 1910.02054). Where states are
    sharded over fewer ranks than there are, the gradients' shards are reduced between the groups.
    """
    stages = once(case, RANKS, _exchanges)
    zero = case.layouts.zero
    return np.select(
        [zero == 0, zero == 1, zero == 2], [stages[f"zero {stage}"] for stage in range(3)], stages["zero 3"]
    )


def _exchanges(case: Case) -> Parts:
    """The collectives of a step at each ZeRO stage [s]."""
    dense, experts = trained_parameters(case)
    one = _exchange(case, dense, case.shard, case.shard_group, case.copies_group)
    two = _exchange(case, experts, case.expert_shard, case.expert_shard_group, case.expert_copies_group)
    return {name: one[name] + two[name] for name in one}


def _exchange(case: Case, parameters: Floats, shard: Floats, inside: Group, between: Group) -> Parts:
    gradients = parameters * case.reduced_bytes
    reduce = case.collective("all_reduce", gradients, inside)
    scatter = case.collective("reduce_scatter", gradients, inside)
    gather = case.collective("all_gather", parameters * 2.0, inside)
    whole = case.collective("all_reduce", gradients, between)
    shards = case.collective("all_reduce", gradients / shard, between)
    return {"zero 0": reduce + whole, "zero 1": scatter + gather + shards, "zero 2": gather + shards, "zero 3": shards}


def _optimizer(case: Case) -> Floats:
    """Adam over the parameters that a rank updates, at the memory's bandwidth."""
    dense, experts = trained_parameters(case)
    sharded = case.layouts.zero >= 1
    own = dense / np.where(sharded, case.shard, 1.0) + experts / np.where(sharded, case.expert_shard, 1.0)
    return np.where(case.layouts.offloads("optimizer"), 0.0, own * case.optimizer_traffic / case.work.bandwidth)

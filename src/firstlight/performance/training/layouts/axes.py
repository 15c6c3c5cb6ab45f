"""The parallel groups of a training run as ranks: how many, and how far apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.groups import Group
from firstlight.performance.training.layouts.case import Case


@dataclass(frozen=True)
class Axis:
    """One kind of group of one layout.

    Attributes:
        name: "tensor", "context", "data", "copies", "experts", "expert slices", "expert data", "expert copies" or
            "pipeline".
        size: members; of a pipeline two, a stage and the next.
        stride: ranks between members.
        inner, domains: members in one scale-up domain and domains, as collectives are asked for.
    """

    name: str
    size: int
    stride: int
    inner: float
    domains: float


def axes(case: Case) -> tuple[Axis, ...]:
    """The groups of the first layout of a case that span scale-up domains."""
    layout, held = case.layouts, case.expert_ranks
    found = (
        _axis("tensor", layout.tensor, 1, case.tensor_group),
        _axis("context", layout.context, layout.tensor, case.context_group),
        _axis("data", case.shard, layout.tensor, case.shard_group),
        _axis("copies", case.shards / case.shard, layout.tensor * case.shard, case.copies_group),
        _axis("experts", layout.expert, layout.expert_tensor, case.expert_group),
        _axis("expert slices", layout.expert_tensor, 1, case.expert_tensor_group),
        _axis("expert data", case.expert_shard, held, case.expert_shard_group),
        _axis("expert copies", case.replicas / case.expert_shard, held * case.expert_shard, case.expert_copies_group),
        _axis("pipeline", np.where(layout.pipeline > 1, 2, 1), case.data * layout.context * layout.tensor,
              case.stage_group),
    )  # fmt: skip
    routed = any(layer.experts for layer in case.layers)
    return tuple(
        axis for axis in found
        if axis.size > 1 and axis.domains > 1 and (routed or not axis.name.startswith("expert"))
    )  # fmt: skip


def _axis(name: str, size: ArrayLike, stride: ArrayLike, group: Group) -> Axis:
    first = [float(np.asarray(value, np.float64).ravel()[0]) for value in (size, stride, *group)]
    return Axis(name, max(round(first[0]), 1), max(round(first[1]), 1), first[2], first[3])

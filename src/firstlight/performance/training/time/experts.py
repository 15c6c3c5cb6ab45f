"""Routed experts in one layer of a training step: their rows, their tokens' exchange, their launches."""

from __future__ import annotations

import numpy as np

from firstlight.performance.kernels.elementwise import expert_age
from firstlight.performance.shapes import Layer, Routed
from firstlight.performance.training.layouts.case import Case
from firstlight.twin.protocols import Floats

FILLED = 64
"""Rows of an expert are filled up to a multiple of this, the least tile of a grouped product."""


def rows_of_experts(routed: Routed, layer: Layer, case: Case) -> Floats:
    """Rows that each of a rank's experts computes: its tokens with the mean imbalance, filled up (n,)."""
    copies = case.tokens(layer) / case.layouts.tensor * routed.active * case.layouts.expert_tensor
    local = np.maximum(routed.count / case.layouts.expert, 1.0)
    return np.ceil(copies * case.a["performance.expert_imbalance"] / local / FILLED) * FILLED


def exchange(layer: Layer, case: Case) -> Floats:
    """Tokens to their experts and back in bf16 (all-to-all), in one direction [s] (n,).

    What is seen of it on the busiest rank; among ranks that split an expert its tokens are gathered.
    """
    if layer.routed is None:
        return np.zeros(len(case.layouts))
    numbers = case.tokens(layer) / case.layouts.tensor * layer.routed.hidden
    exchanged = _exchanged_once if case.a["performance.dispatch_once"] >= 0.5 else _exchanged
    back = exchanged(layer.routed, numbers * 2.0, case)
    there = back
    if case.layouts.dispatch.any():
        there = exchanged(layer.routed, numbers * case.dispatch_bytes, case)
    once = there + back
    if (case.layouts.expert_tensor > 1).any():
        whole = numbers * layer.routed.active * 2.0 * case.layouts.expert_tensor
        for operation in ("all_gather", "reduce_scatter"):
            once = once + case.collective(operation, whole, case.expert_tensor_group)
    return once * case.a["performance.expert_exposed"] * expert_age(case.a) * case.a["performance.expert_imbalance"]


def _exchanged(routed: Routed, size: Floats, case: Case) -> Floats:
    """One way of the all-to-all where each expert of a token gets a copy [s]; size of a rank's tokens [B]."""
    return case.collective("all_to_all", size * routed.active, case.expert_group)


def _exchanged_once(routed: Routed, size: Floats, case: Case) -> Floats:
    """One way where a token goes once to each scale-up domain and there once to each rank that has experts for it [s].

    So do DeepEP and HybridEP; both levels run at once. Of e places n are hit by k draws: n = e (1 - (1 - 1/e)^k).
    """
    inner, outer = case.expert_group
    across = case.collective("all_to_all", size * _hit(outer, routed.active), (np.ones_like(outer), outer))
    inside = case.collective("all_to_all", size * _hit(inner * outer, routed.active), (inner, np.ones_like(inner)))
    return np.maximum(across, inside)


def _hit(places: Floats, draws: float) -> Floats:
    """Places that random draws hit, on average."""
    return places * (1.0 - (1.0 - 1.0 / places) ** draws)


def launch_experts(layer: Layer, case: Case) -> Floats:
    """Time the host takes to launch the kernels of one expert after the other, once it knows how many tokens each has.

    Forward [s] (n,). It cannot run ahead of the device there, so that this time is seen in full. One kernel for all
    experts has none.
    """
    a, work = case.a, case.work
    if layer.routed is None or work.software != "gpu" or work.fused_experts:
        return np.zeros(len(case.layouts))
    local = np.maximum(layer.routed.count / case.layouts.expert, 1.0)
    each = local * a["performance.launch_expert"] * (a["performance.launch_arm"] if work.arm else 1.0)
    return each * (a["performance.launch_low_precision"] if work.low else 1.0)

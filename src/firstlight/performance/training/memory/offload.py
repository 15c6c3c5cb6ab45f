"""States and activations kept in the host's memory: what their way over the host link costs."""

from __future__ import annotations

import numpy as np

from firstlight.performance.training.layouts.case import Case
from firstlight.performance.training.layouts.parameters import local_parameters, trained_parameters
from firstlight.performance.training.memory.activations import stored
from firstlight.twin.protocols import Floats


def moved_in_passes(case: Case, forward: Floats, backward: Floats) -> Floats:
    """What a micro-batch waits for the host link on the mean stage [s] (n,).

    Both directions of the link run at once, behind the computation: activations out and weights in during the forward
    pass, both in during the backward pass (gradients stay on the accelerator).

    Args:
        case: the layouts.
        forward, backward: time of a micro-batch's passes on the mean stage [s] (n,).
    """
    if not case.layouts.offload.any():
        return np.zeros(len(case.layouts))
    link = case.work.host_link * case.a["performance.host_link_efficiency"]
    kept = sum((layer.count * stored(layer, case) for layer in case.layers), np.zeros(len(case.layouts)))
    activations = np.where(case.layouts.offloads("activations"), kept / case.layouts.pipeline, 0.0) / link
    weights = np.where(case.layouts.offloads("weights"), 2.0 * _held(case, local_parameters(case), 3), 0.0) / link
    out = np.maximum(np.maximum(activations, weights) - forward, 0.0)
    return out + np.maximum(activations + weights - backward, 0.0)


def updated_on_host(case: Case, window: Floats) -> Floats:
    """What a step waits for an optimizer that runs on the host's CPUs [s] (n,); 0 where it does not.

    ZeRO-Offload (arXiv 2101.06840): gradients go down behind the last backward pass; weights come back while others are
    still being updated.

    Args:
        case: the layouts.
        window: time of that pass [s] (n,).
    """
    asked = case.layouts.offloads("optimizer")
    if not asked.any():
        return np.zeros(len(case.layouts))
    own = _held(case, trained_parameters(case), 1)
    link = case.work.host_link * case.a["performance.host_link_efficiency"]
    update = own * case.optimizer_traffic / (case.work.host_bandwidth * case.a["performance.host_memory_efficiency"])
    down = np.maximum(own * case.gradient_bytes / link - window, 0.0)
    return np.where(asked, down + np.maximum(update, 2.0 * own / link), 0.0)


def _held(case: Case, parameters: tuple[Floats, Floats], zero: int) -> Floats:
    """Parameters that a rank holds of those that are sharded from this ZeRO stage on (n,)."""
    dense, experts = parameters
    return np.where(case.layouts.zero >= zero, dense / case.shard + experts / case.expert_shard, dense + experts)

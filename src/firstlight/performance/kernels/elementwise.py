"""Norms, activations, residuals, rotary positions: kernels that only move bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.machine import Machine, software_age
from firstlight.performance.shapes import Layer, Routed
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.protocols import Floats


def elementwise(
    tokens: ArrayLike,
    layer: Layer,
    tensor: ArrayLike,
    work: Machine,
    a: Assumptions,
) -> tuple[Floats, Floats]:
    """Forward and backward time of one layer's element-wise work on one rank [s].

    Bytes of one fused pass over each tensor (14 per hidden unit, 3 per mixer column, 2 per feed-forward column), times
    how far the software is from that (`passes`); without sequence parallelism each rank does all hidden units. Where
    products run in fewer than 16 bits, passes that quantise and transpose.
    """
    tokens, tensor = np.asarray(tokens, dtype=float), np.asarray(tensor, dtype=float)
    routed = layer.routed.active * layer.routed.width if layer.routed and not work.fused_experts else 0
    inner = layer.inner_width + routed
    gated = 1 if layer.gated_inner or (layer.routed is not None and layer.routed.gated) else 0
    passed = tokens * (3.0 * layer.mixer_width + 2.0 * (2 + gated) * inner) / tensor
    passed = passed + tokens * 14.0 * layer.hidden / (tensor if a["performance.sequence_parallel"] else 1.0)
    passed = passed * passes(work.software, a)
    cast = np.zeros_like(passed)
    if work.low:
        cast = tokens * 4.0 * (2.0 * layer.hidden + layer.mixer_width + inner) / tensor * a["performance.cast"]
    if layer.routed is not None and layer.routed.biased:
        passed = passed + _biases(tokens / tensor, layer.routed, a)
    rate = work.bandwidth * a["performance.memory_efficiency"]
    return (passed + cast) / rate, (a["performance.elementwise_backward"] * passed + 1.5 * cast) / rate


def _biases(tokens: Floats, routed: Routed, a: Assumptions) -> Floats:
    """Bytes that the experts' biases move forward: to each routed copy its own, expert by expert [B]."""
    columns = routed.width * (2 if routed.gated else 1) + routed.hidden
    return tokens * routed.active * columns * a["performance.expert_bias_bytes"]


def permute(tokens: ArrayLike, layer: Layer, tensor: ArrayLike, work: Machine, a: Assumptions) -> Floats:
    """Time to put the routed copies of a rank's tokens in the experts' order and back, one direction [s]."""
    each = np.asarray(tokens, dtype=float) / np.asarray(tensor, dtype=float)
    if layer.routed is None:
        return np.zeros_like(each)
    copies = each * layer.routed.active
    moved = copies * layer.routed.hidden * 2.0 * a["performance.expert_passes"]
    return moved * expert_age(a) / (work.bandwidth * a["performance.memory_efficiency"])


def expert_age(a: Assumptions) -> float:
    """How far the dispatch of experts is from that of 2026."""
    year = min(max(a["performance.software_year"], 2022.5), 2027.0)
    return np.exp(-a["performance.software_experts"] * (year - 2026.0))


def passes(software: str, a: Assumptions) -> Floats:
    """Element-wise bytes over those of one fused pass, below which no software comes; falls by the year."""
    age = np.exp(-a["performance.software_elementwise"] * software_age(a))
    return np.maximum(a[f"performance.elementwise_{software}"] * age, 1.0)

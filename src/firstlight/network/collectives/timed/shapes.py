"""Shapes of collectives and exchanges as the timed formulas read them: bytes by kind of link, steps, messages.

Everything broadcasts; sizes in bytes, latencies over the H100's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from firstlight.twin.protocols import Floats

Shape = dict[str, Floats]

IN_SWITCH_FROM = 5.0
"""Ranks from which NCCL lets switches add up: with 4 it still runs rings (measured on H200 and B200)."""
FORWARDED = 0.9
"""Share of a token's experts on other accelerators of its node, in the copies that cross nodes first."""


def ring(operation: NDArray[np.str_], size: Floats, ranks: Floats, node: Floats, device: Mapping[str, Floats]) -> Shape:
    """A collective of NCCL ("all_reduce", "all_gather", "reduce_scatter", "alltoall").

    Args:
        operation: which; size: whole buffer [B]; ranks; node: accelerators of a node.
        device: values of `timings.device.columns`.
    """
    both, exchanged = operation == "all_reduce", operation == "alltoall"
    return {
        "latency": device["sync"], "size": size, "ranks": ranks, "nodes": np.ceil(ranks / np.maximum(node, 1.0)),
        "steps": np.where(both, 2.0 * (ranks - 1.0), np.where(exchanged, 1.0, ranks - 1.0)),
        "volume": np.where(both, 2.0, 1.0) * size * (ranks - 1.0) / ranks,
        "in_switch": 1.0 * (both & (ranks >= IN_SWITCH_FROM) & (device["switched"] > 0)),
    }  # fmt: skip


def distinct(targets: Floats, draws: Floats) -> Floats:
    """How many of some equal targets are drawn at least once, in expectation."""
    return targets * (1.0 - (1.0 - 1.0 / targets) ** draws)


def low_latency(tokens: Floats, active: Floats, experts: Floats, each: Floats, nodes: Floats) -> Shape:
    """One direction of DeepEP's low-latency mode; `each` is a token's bytes, sent once for each of its experts [B]."""
    messages = tokens * active
    outside = np.where(nodes > 1, (nodes - 1.0) / nodes, 0.0)
    return {"experts": experts, "nodes": nodes, "messages": messages, "outside": outside, "volume": messages * each}


def normal(tokens: Floats, active: Floats, each: Floats, nodes: Floats, node: Floats, units: Floats) -> Shape:
    """One direction of DeepEP's normal mode: a token crosses once for each node, and is passed on there.

    Args:
        tokens: of a rank; active: experts of a token; each: bytes of a token [B].
        nodes; node: ranks of each; units: compute units that the kernels use.
    """
    crossed = distinct(nodes, active) * (nodes - 1.0) / nodes
    copies = np.where(nodes > 1, FORWARDED * np.minimum(active, node), distinct(nodes * node, active))
    sent = tokens * each
    return {"inside": sent * copies, "outside": sent * crossed, "tokens": tokens, "used_units": units, "nodes": nodes}


def domain(tokens: Floats, each: Floats, copies: Floats, ranks: Floats) -> Shape:
    """One phase of an all-to-all inside a scale-up domain, with so many copies of each token of `each` bytes."""
    held = tokens * each
    return {"tokens": tokens, "held": held, "volume": held * copies * (ranks - 1.0) / ranks, "ranks": ranks}

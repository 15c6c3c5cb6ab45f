"""FLOPs that a model needs, whatever runs it."""

from __future__ import annotations

from collections.abc import Iterable

from firstlight.performance.kernels.attention import keys_seen
from firstlight.performance.shapes import Layer, Scan, Softmax, layers
from firstlight.spec.model import Model


def forward_flops(model: Model, sequence: int) -> float:
    """FLOPs of one sequence forward [FLOP]: 2 per matrix parameter and token, attention as masks leave it, heads.

    Args:
        model: architecture.
        sequence: tokens of the sequence.

    The "6 N + attention" convention of PaLM (arXiv 2204.02311, appendix B) with causal masks counted as half, as
    Megatron counts today. Scans count their recurrent form (a state update and a read-out), not the chunked one.
    """
    inside = sum(layer.count * layer_flops(layer, sequence) for layer in layers(model))
    heads = sum(
        2.0 * tower.head * tower.hidden * (tower.tokens or sequence) for tower in model.towers if not tower.optional
    )
    return inside + heads


def training_flops(model: Model, sequence: int, *, frozen: bool = False) -> float:
    """Model FLOPs of one sequence in training [FLOP]: forward, and twice that backward; recomputation not counted.

    A frozen model, which only passes gradients on to its adapters, has no gradients of weights: once backward.
    """
    return (2.0 if frozen else 3.0) * forward_flops(model, sequence)


def layer_flops(layer: Layer, sequence: int) -> float:
    """FLOPs of one layer forward for one sequence [FLOP]."""
    tokens = layer.length or sequence
    products = sum(matrix.size * (matrix.length or tokens) for matrix in layer.matrices)
    if layer.routed:
        products += layer.routed.active * layer.routed.size * tokens
    return 2.0 * products + core_flops(layer.cores, tokens)


def core_flops(cores: Iterable[Softmax | Scan], tokens: int) -> float:
    """FLOPs of attention and scan cores over a sequence of `tokens` [FLOP]."""
    total = 0.0
    for core in cores:
        if isinstance(core, Softmax):
            total += 2.0 * tokens * float(keys_seen(core, tokens)) * core.heads * (core.key + core.value)
        else:
            total += 4.0 * tokens * core.inner * core.state
    return total


def full_attention_flops(model: Model, sequence: int) -> float:
    """What counting masked keys too adds to `forward_flops` [FLOP]: a convention of many published figures."""
    total = 0.0
    for layer in layers(model):
        tokens = layer.length or sequence
        for core in layer.cores:
            if isinstance(core, Softmax):
                hidden = (core.keys or tokens) - float(keys_seen(core, tokens))
                total += layer.count * 2.0 * tokens * hidden * core.heads * (core.key + core.value)
    return total

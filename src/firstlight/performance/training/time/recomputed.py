"""Time of the modules of a layer that selective recomputation names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from firstlight.performance.kernels.elementwise import elementwise, permute
from firstlight.performance.shapes import Layer
from firstlight.performance.training.layouts.case import Case
from firstlight.performance.training.layouts.once import Parts
from firstlight.twin.protocols import Floats

NORMS = 4.0 / 14.0
"""Of the bytes that element-wise kernels pass for each hidden unit, those that one norm reads and writes."""


def again(layer: Layer, case: Case, forward: Parts, products: Callable[[Layer], Floats]) -> Floats:
    """What the modules that a layout names take a second time, in the backward pass of one layer [s] (n,).

    A dense part is gathered again over tensor-parallel ranks; experts get their tokens again.

    Args:
        layer: one layer. case: the layouts.
        forward: forward time of the layer by part [s], arrays (n,).
        products: forward time of a layer's matrix products [s] (n,).
    """
    times = {
        "core_attn": lambda: forward["attention"],
        "layernorm": lambda: NORMS * layer.parts * _light(layer, case, hidden=layer.hidden),
        "mla_up_proj": lambda: _up(layer, case, products),
        "mlp": lambda: np.zeros(1) if layer.routed else _inner(layer, case, products) + _gather(layer, forward),
        "shared_experts": lambda: _inner(layer, case, products) if layer.routed else np.zeros(1),
        "moe_act": lambda: _light(layer, case, routed=layer.routed),
        "moe": lambda: _experts(layer, case, forward, products) if layer.routed else np.zeros(1),
    }
    named = {name: case.layouts.again(name) for name in times}
    found = np.zeros(len(case.layouts))
    for name, time in times.items():
        if named[name].any():
            found = found + np.where(named[name], time(), 0.0)
    return found


def _bare(layer: Layer) -> Layer:
    return replace(layer, hidden=0, matrices=(), cores=(), routed=None, mixer_width=0, inner_width=0)


def _light(layer: Layer, case: Case, **over: object) -> Floats:
    """Element-wise kernels of a part of a layer."""
    part = replace(_bare(layer), **over)  # pyright: ignore[reportArgumentType]
    return elementwise(case.tokens(layer), part, case.layouts.tensor, case.work, case.a)[0]


def _products_of(layer: Layer, use: str, products: Callable[[Layer], Floats]) -> Floats:
    return products(replace(layer, matrices=tuple(m for m in layer.matrices if m.use == use), routed=None))


def _up(layer: Layer, case: Case, products: Callable[[Layer], Floats]) -> Floats:
    if not layer.latent:
        return np.zeros(1)
    return _products_of(layer, "up", products) + _light(layer, case, mixer_width=layer.mixer_width)


def _inner(layer: Layer, case: Case, products: Callable[[Layer], Floats]) -> Floats:
    return _products_of(layer, "inner", products) + _light(layer, case, inner_width=layer.inner_width)


def _gather(layer: Layer, forward: Parts) -> Floats:
    return forward["tensor"] / max(layer.pairs, 1)


def _experts(layer: Layer, case: Case, forward: Parts, products: Callable[[Layer], Floats]) -> Floats:
    routed = products(replace(layer, matrices=())) + _light(layer, case, routed=layer.routed)
    moved = permute(case.tokens(layer), layer, case.layouts.tensor, case.work, case.a) + forward["expert"]
    return routed + moved + _inner(layer, case, products)

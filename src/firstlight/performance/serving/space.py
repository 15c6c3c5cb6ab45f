"""Every layout that a replica may take, and the rules of divisibility behind it."""

from __future__ import annotations

import numpy as np

from firstlight.errors import UsageError
from firstlight.performance.serving.layouts import Layouts
from firstlight.performance.shapes import Layer, Scan, layers
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import PrefillPool, ServingLayout
from firstlight.spec.model import Model

TENSORS = (1, 2, 4, 8, 16, 32, 64)
PIPELINES = (1, 2, 4, 8, 16)
CONTEXTS, LONG = (1, 2, 4, 8), 2.0
"""Context-parallel ranks that are tried where a prompt takes more than so many passes."""
MOST = 1_000_000
"""Requests at once: as many as the memory holds."""


def space(model: Model, a: Assumptions, prompt: float = 0.0) -> Layouts:
    """All layouts of a replica worth trying, as arrays, each with the greatest batch of a document.

    Args:
        prompt: tokens; where they are many passes of an engine, context parallelism is tried too.

    Tensor parallelism divides heads; a pipeline has no more stages than the model has layers. Models with routed
    experts also take attention data parallelism, with experts spread over all ranks of a stage; without it, experts are
    spread over the tensor ranks or cut by their width. Replicas have at most `serving_replica` accelerators, whatever
    the size of a node or scale-up domain: the fabric's collectives tell what crossing one costs.
    """
    shapes, most = layers(model), int(a["performance.serving_replica"])
    depth = sum(layer.count for layer in shapes)
    long = prompt > LONG * a["performance.serving_prefill_chunk"] and _attends(shapes)
    rows = [
        (tensor, pipeline, data, expert * (context if expert > 1 else 1), MOST, context, 0)
        for tensor in TENSORS
        if not _uneven(shapes, tensor)
        for pipeline in PIPELINES
        if pipeline <= depth
        for data, expert in _spreads(shapes, tensor, most // (tensor * pipeline))
        for context in (CONTEXTS if long and data == 1 else (1,))
        if tensor * pipeline * data * context <= most
        if expert == 1 or all(count % (expert * context) == 0 for count in _experts(shapes))
    ]
    return Layouts(*np.asarray(rows, dtype=np.int64).reshape(len(rows), 7).T)


def _attends(shapes: tuple[Layer, ...]) -> bool:
    return any(not isinstance(core, Scan) for layer in shapes for core in layer.cores)


def _spreads(shapes: tuple[Layer, ...], tensor: int, ranks: int) -> list[tuple[int, int]]:
    """(Attention data-parallel ranks, expert-parallel ranks) of a stage with so many ranks to spare."""
    if ranks < 1:
        return []
    counts = _experts(shapes)
    found = {(1, 1)}
    for data in range(1, ranks + 1) if counts else ():
        if all(count % (tensor * data) == 0 for count in counts):
            found.add((data, tensor * data))
    return sorted(found)


def _experts(shapes: tuple[Layer, ...]) -> set[int]:
    return {layer.routed.count for layer in shapes if layer.routed}


def _uneven(shapes: tuple[Layer, ...], tensor: int) -> list[tuple[int, str]]:
    """What tensor parallelism of this degree does not cut evenly: how many there are, and of what."""
    found: list[tuple[int, str]] = []
    for core in (core for layer in shapes for core in layer.cores):
        if isinstance(core, Scan):
            found += [(core.inner, "state-space channels")] if core.inner % tensor else []
        elif core.heads % tensor:
            found.append((core.heads, "attention heads"))
        elif core.kv_heads % tensor and tensor % core.kv_heads:
            found.append((core.kv_heads, "key and value heads"))
    return found


def check(model: Model, layout: ServingLayout, accelerators: int) -> None:
    """Pass a layout that can be run.

    Raises:
        UsageError: a parallelism that does not divide, has no effect, or does not go into the accelerators; says which,
            and what would.
    """
    _check_engine(model, layout)
    if layout.prefill:
        _check_engine(model, layout.prefill)
    elif layout.engines > 1:
        raise UsageError(
            f"{layout.engines:,} engines without a pool of prefill engines are the same as more replicas; write "
            "engines: 1, or add a prefill pool"
        )
    if layout.accelerators > accelerators:
        words = f"tensor {layout.tensor} x pipeline {layout.pipeline} x data {layout.data}"
        words += f" x context {layout.context}" if layout.context > 1 else ""
        if layout.prefill:
            words = f"{layout.engines:,} x {layout.engine:,} + {layout.prefill.accelerators:,} that read prompts"
        raise UsageError(
            f"{words} = {layout.accelerators:,} accelerators in a replica, but {model.id} has {accelerators:,}; lower "
            "one of them"
        )


def _check_engine(model: Model, layout: ServingLayout | PrefillPool) -> None:
    shapes, stage = layers(model), layout.tensor * layout.data * layout.context
    if layout.context > 1 and not _attends(shapes):
        raise UsageError("context parallelism has no effect on a model without attention; write context: 1")
    for count, what in _uneven(shapes, layout.tensor):
        nearest = max(t for t in range(1, layout.tensor) if not _uneven(shapes, t))
        raise UsageError(
            f"tensor {layout.tensor} does not go into {count:,} {what}; the nearest that does is {nearest}"
        )
    depth = sum(layer.count for layer in shapes)
    if layout.pipeline > depth:
        raise UsageError(
            f"pipeline {layout.pipeline} is more than the {depth} layers of {model.id}; write at most {depth}"
        )
    _check_experts(shapes, layout, stage)


def _check_experts(shapes: tuple[Layer, ...], layout: ServingLayout | PrefillPool, stage: int) -> None:
    counts = _experts(shapes)
    if not counts and layout.expert > 1:
        raise UsageError("expert parallelism has no effect on a model without routed experts; write expert: 1")
    if not counts and layout.data > 1:
        raise UsageError(
            "attention data parallelism of a model without routed experts is the same as more replicas; write data: 1"
        )
    if stage % layout.expert:
        raise UsageError(
            f"expert {layout.expert} does not divide tensor x data x context = {stage:,}; write expert: {stage}"
        )
    if layout.redundant and layout.expert == 1:
        raise UsageError("second copies of experts have no effect without expert parallelism; write redundant: 0")
    for count in counts:
        if (count + layout.redundant) % layout.expert == 0:
            continue
        if layout.redundant:
            more = -count % layout.expert
            nearest = more + layout.expert * max(round((layout.redundant - more) / layout.expert), 0)
            raise UsageError(
                f"{count:,} experts and {layout.redundant:,} second copies do not divide over expert {layout.expert}; "
                f"write redundant: {nearest}"
            )
        if count % layout.expert:
            nearest = max(e for e in range(1, layout.expert) if count % e == 0 and stage % e == 0)
            raise UsageError(
                f"expert {layout.expert} does not divide {count:,} experts; the nearest that does is {nearest}"
            )

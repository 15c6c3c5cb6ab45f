"""The layouts worth trying where a proposal asks for the best of many systems: a thinned space."""

from __future__ import annotations

import itertools

import numpy as np

from firstlight.performance.shapes import Layer
from firstlight.performance.training.layouts.arrays import Layouts
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.space.check import ENDS, heads
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import System

MICRO_BATCHES = (1, 2, 4, 8, 16)
MOST_WASTE = 0.08
"""Share of a pipeline's layer slots that an uneven split may leave empty."""
LEAST_TOKENS = 2048
"""Tokens of a sequence that a context-parallel rank should keep."""


def space(run: Run) -> Layouts:
    """All layouts worth trying, as arrays; none may fit the memory.

    Tensor parallelism stays inside the scale-up domain and divides heads; pipeline and chunks leave few slots empty;
    context parallelism cuts sequences of 2,048 tokens and more; experts divide evenly; ZeRO-1 with a pipeline, 1 to 3
    without (ZeRO-0 moves the bytes of ZeRO-1 and keeps more); micro-batches of 1 to 16 sequences that the batch fills.
    An accelerator whose memory holds all the states of the model is not given a pipeline. A teacher that runs beside
    the student is cut in the same way, so all of it goes for both.
    """
    shapes, depth, accelerators = run.shapes, (run.depth, run.least_depth), run.accelerators
    sequence = run.workload.sequence
    sequences = (run.workload.batch or sequence * accelerators) / sequence
    alone = _states(shapes, run.a) < 0.25 * run.accelerator.memory
    rows = [
        (tensor, pipeline, chunks, context, expert, zero)
        for tensor in _tensors(shapes, run.system, accelerators)
        for pipeline, chunks in _pipelines(depth, accelerators // tensor, alone)
        for context in _contexts(sequence, accelerators // (tensor * pipeline))
        if accelerators // (tensor * pipeline * context) <= sequences
        for expert in _experts(shapes, tensor * context * (accelerators // (tensor * pipeline * context)))
        for zero in ((1,) if pipeline > 1 else (1, 2, 3))
    ]
    return _with_batches(rows, accelerators, sequences)


def _with_batches(rows: list[tuple[int, ...]], accelerators: int, sequences: float) -> Layouts:
    """Each row with every micro-batch that the batch fills (with an interleaved pipeline one for each stage or more)
    and every level of recomputation."""
    base = np.asarray(rows, dtype=np.int64).reshape(len(rows), 6)
    more = np.asarray(list(itertools.product(MICRO_BATCHES, (0, 1, 2))), dtype=np.int64)
    table = np.hstack([np.repeat(base, len(more), axis=0), np.tile(more, (len(base), 1))])
    inside = table[:, 0] * table[:, 1] * table[:, 3]
    data = accelerators // np.maximum(inside, 1)
    steps = np.floor(sequences / (np.maximum(data, 1) * table[:, 6]) + 1e-9)
    runs = (data * table[:, 6] <= sequences) & ((table[:, 2] == 1) | (steps >= table[:, 1]))
    return Layouts(*table[runs].T)


def _states(shapes: tuple[Layer, ...], a: Assumptions) -> float:
    per = 2.0 + a["performance.gradient_bytes"] + a["performance.master_bytes"]
    return per * sum(layer.count * (layer.dense + layer.experts) for layer in shapes)


def powers(most: float) -> list[int]:
    """Powers of two up to a number."""
    return [2**power for power in range(int(np.log2(max(most, 1))) + 1)]


def _tensors(shapes: tuple[Layer, ...], system: System, accelerators: int) -> list[int]:
    most = min(system.scale_up_domain, accelerators, 64)
    return [t for t in powers(most) if all(count % t == 0 for count in heads(shapes))]


def _pipelines(depths: tuple[int, int], ranks: int, alone: bool) -> list[tuple[int, int]]:
    """(Stages, chunks per stage) that leave few slots empty; stages are at most 128."""
    depth, least = depths
    if alone:
        return [(1, 1)]
    found = [(1, 1)]
    for stages in [*range(2, 17), *range(18, 33, 2), *range(36, 129, 4)]:
        if stages > min(least, ranks):
            break
        most = (least + ENDS) // stages
        chunks = [c for c in (1, 2, 3, 4, 5, 6, 7, 8, 10) if c <= most and _waste(depth, stages * c) <= MOST_WASTE]
        found += [(stages, c) for c in ({min(chunks), max(chunks)} if chunks else ())]
    return found


def _waste(depth: int, chunks: int) -> float:
    """Share of the layer slots that stay empty when `chunks` equal chunks hold `depth` layers."""
    return 1.0 - depth / (-(-depth // chunks) * chunks) if chunks <= depth else 1.0


def _contexts(sequence: int, ranks: int) -> list[int]:
    return [c for c in powers(min(ranks, sequence / LEAST_TOKENS)) if sequence % (2 * c) == 0 or c == 1]


def _experts(shapes: tuple[Layer, ...], ranks: int) -> list[int]:
    counts = {layer.routed.count for layer in shapes if layer.routed}
    if not counts:
        return [1]
    return [e for e in powers(min(ranks, *counts)) if all(count % e == 0 for count in counts) and ranks % e == 0] or [1]

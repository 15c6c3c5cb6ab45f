"""Rules of a layout: what divides what, and what goes into the accelerators and the batch."""

from __future__ import annotations

import math

from firstlight.errors import UsageError
from firstlight.performance.shapes import Layer, Softmax
from firstlight.performance.training.layouts.run import Run
from firstlight.performance.training.space.options import check_options, divides
from firstlight.spec.design import TrainingLayout
from firstlight.spec.workload import Training

ENDS = 2
"""Chunks of a pipeline that hold the embedding or the head and no layer (Llama 3 paper, section 3.3.2)."""


def heads(shapes: tuple[Layer, ...]) -> list[int]:
    """Heads of every attention."""
    return [core.heads for layer in shapes for core in layer.cores if isinstance(core, Softmax)]


def check(run: Run, layout: TrainingLayout) -> None:
    """Pass a layout that a run can take.

    Raises:
        UsageError: a parallelism that does not divide, or does not go into the accelerators or the batch; says which,
            and the nearest value that does.
    """
    workload, accelerators = run.workload, run.accelerators
    shapes, ranks = run.shapes, layout.tensor * layout.pipeline * layout.context
    if ranks > accelerators:
        raise UsageError(
            f"tensor {layout.tensor} x pipeline {layout.pipeline} x context {layout.context} = {ranks:,} accelerators, "
            f"but the run has {accelerators:,}; lower one of them"
        )
    for count in heads(shapes):
        divides("tensor", layout.tensor, count, "attention heads")
    least = run.least_depth
    if layout.pipeline * layout.interleave > least + ENDS:
        shorter = run.beside if run.beside and least < run.depth else run.model
        raise UsageError(
            f"pipeline {layout.pipeline} x interleave {layout.interleave} is more than the {least} layers of "
            f"{shorter.id}, its embedding and its head; write at most {(least + ENDS) // layout.interleave} stages"
        )
    if layout.interleave > 1 and layout.pipeline == 1:
        raise UsageError("interleave has no effect without a pipeline; write interleave: 1")
    if layout.context > 1:
        divides("context", 2 * layout.context, workload.sequence, "tokens of a sequence, halved for balance")
    _check_experts(shapes, layout, accelerators // ranks)
    _check_shard(layout, accelerators // ranks)
    check_options(shapes, run.depth, workload, accelerators, layout)
    _check_batch(workload, layout, accelerators // ranks)


def _check_experts(shapes: tuple[Layer, ...], layout: TrainingLayout, data: int) -> None:
    counts = {layer.routed.count for layer in shapes if layer.routed}
    if not counts and layout.expert > 1:
        raise UsageError("expert parallelism has no effect on a model without routed experts; write expert: 1")
    for count in counts:
        divides("expert", layout.expert, count, "experts")
    ranks = layout.tensor * layout.context * data
    if layout.expert > ranks:
        raise UsageError(
            f"expert {layout.expert} is more than tensor x context x data = {ranks:,}; write at most {ranks:,}"
        )


def _check_shard(layout: TrainingLayout, data: int) -> None:
    if layout.shard is None:
        return
    if layout.zero == 0:
        raise UsageError("shard has no effect with zero: 0, which shards nothing; write zero: 1, 2 or 3")
    divides("shard", layout.shard, data * layout.context, "data-parallel ranks")


def _check_batch(workload: Training, layout: TrainingLayout, data: int) -> None:
    sequences = (workload.batch or 0.0) / workload.sequence
    if workload.batch is not None and data * layout.micro_batch > max(sequences, 1.0) * (1 + 1e-9):
        raise UsageError(
            f"{data:,} data-parallel ranks with micro-batches of {layout.micro_batch} need "
            f"{data * layout.micro_batch:,} sequences a step, but the batch has {sequences:,.0f}; "
            "raise the batch, tensor, pipeline or context"
        )
    steps = math.ceil(max(sequences, 1.0) / (data * layout.micro_batch) - 1e-9)
    if workload.batch is not None and layout.interleave > 1 and steps < layout.pipeline:
        raise UsageError(
            f"interleave {layout.interleave} needs as many micro-batches as the {layout.pipeline} pipeline stages, but "
            f"a rank has {steps:,}; write interleave: 1, or at most {steps} stages"
        )

"""Micro-batches through the pipeline: the fullest stage, the bubble, the hand-over between stages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight.performance.kernels.gemm import gemm
from firstlight.performance.training.layouts.case import Case
from firstlight.performance.training.layouts.once import Parts, once
from firstlight.performance.training.memory.offload import moved_in_passes
from firstlight.performance.training.schedules.formulas import bubble, paired
from firstlight.performance.training.time.layer import KERNELS, WEIGHTS, forward_time, layer_time
from firstlight.twin.protocols import Floats

FORWARD, WEIGHT = "forward", "weight"
"""Keys of what a layer's forward pass and its weight gradients take, beside the parts that add up."""
PADDED = 128
"""A rank's share of the vocabulary is filled up to a multiple of this (Megatron-LM, MaxText)."""
LAYERS = tuple(dict.fromkeys((*KERNELS, *WEIGHTS, "zero")))
"""What the time of all layers of a micro-batch depends on."""
TOKENS = ("tensor", "context", "micro_batch")
"""What the time of the head depends on."""


def pipeline_parts(case: Case) -> tuple[Parts, Floats]:
    """Time of all micro-batches of a step by part, and of one micro-batch on the fullest stage [s]; arrays (n,).

    m t_max for m micro-batches on the slowest of p stages, the schedule's bubble (`schedules.bubble`), and what is seen
    of the hand-over. In a DualPipe the experts' traffic hides beside the computation of the other direction. A teacher
    makes each forward pass longer; the one micro-batch is without it, as traffic hides behind the backward pass.
    """
    work = once(case, LAYERS, _whole_model)
    forward, weight = work.pop(FORWARD), work.pop(WEIGHT)
    m, stages = case.micro_batches, case.layouts.pipeline.astype(float)
    hidden = paired(case) * np.minimum(work["expert"], work["gemm"] + work["attention"] + work["elementwise"])
    work["expert"] = work["expert"] - hidden
    head, embedding = once(case, TOKENS, lambda some: {"head": _head(some)})["head"], _embedding(case)
    layers = sum(work.values(), np.zeros(len(m)))
    mean, forward = (layers + head + embedding) / stages, (forward - hidden / 2.0) / stages
    fullest = _fullest(case, mean, layers / case.depth, head)
    parts = {name: m * time / stages for name, time in work.items()}
    parts["head"] = m * (head + embedding) / stages
    parts["imbalance"] = m * (fullest - mean)
    third = (head + embedding) / stages / 3.0
    lesson = _lesson(case)
    if lesson:
        parts["teacher"] = m * lesson.mean + lesson.handed
        parts["imbalance"] = parts["imbalance"] + m * lesson.excess
    taught = lesson.mean if lesson else 0.0
    parts["bubble"] = bubble(case, mean + taught, forward + third + taught, weight / stages + third)
    parts["pipeline"] = _hand_over(case)
    parts["offload"] = m * moved_in_passes(case, forward, layers / stages - forward)
    parts["overhead"] = m * case.a["performance.micro_batch_overhead"]
    return parts, fullest


@dataclass(frozen=True)
class _Lesson:
    """What a teacher's forward pass takes [s], arrays (n,).

    Attributes:
        mean: of one micro-batch, on the mean stage. excess: more of it on the slowest one.
        handed: what is seen of its hand-over between stages, in a step.
    """

    mean: Floats
    excess: Floats
    handed: Floats


def _lesson(case: Case) -> _Lesson | None:
    """The teacher's forward pass and the loss between both models' outputs; None without a teacher."""
    own = case.teaching
    if own is None:
        return None
    layers = once(own, LAYERS, _forward)[FORWARD]
    head = once(own, TOKENS, lambda some: {"head": _compared(some)})["head"]
    mean = (layers + head + _embedding(own) / 2.0) / own.layouts.pipeline
    return _Lesson(mean, _fullest(own, mean, layers / own.depth, head) - mean, _hand_over(own) / 2.0)


def _forward(case: Case) -> Parts:
    """One micro-batch forward through all layers."""
    zeros = np.zeros(len(case.layouts))
    return {FORWARD: sum((layer.count * forward_time(layer, case) for layer in case.layers), zeros)}


def _whole_model(case: Case) -> Parts:
    """One micro-batch through all layers, by part; and beside the parts its forward pass and its weight gradients."""
    total: Parts = {}
    for layer in case.layers:
        one = layer_time(layer, case)
        for name, time in {**one.parts, FORWARD: one.forward, WEIGHT: one.weight}.items():
            total[name] = total.get(name, np.zeros(len(case.layouts))) + layer.count * time
    return total


def _fullest(case: Case, mean: Floats, layer: Floats, head: Floats) -> Floats:
    """Time of a micro-batch on the slowest stage: the one with most layers, or the last one with the head.

    In a DualPipe a rank has half of its micro-batches on each of two stages: the first and the last are on one.
    """
    stages = case.layouts.pipeline
    first, last = case.first_layers * layer, case.last_layers * layer + head
    apart = np.maximum(np.maximum(first, last), case.middle_layers * layer)
    both = np.maximum((first + last) / 2.0, case.middle_layers * layer)
    slowest = np.where(case.layouts.runs("dualpipe"), both, apart)
    excess = np.maximum(slowest - mean, 0.0) * case.a["performance.pipeline_imbalance"]
    return mean + np.where(stages > 1, excess, 0.0)


def _head(case: Case) -> Floats:
    """The output head and the loss, forward and backward; in bf16 whatever the layers run in."""
    if not case.ends.outputs:
        return np.zeros(len(case.layouts))
    (tokens, outputs), hidden, rates = _outputs(case), case.ends.hidden, case.work.rates("bf16", case.a)
    products = gemm(tokens, outputs, hidden, rates) + gemm(tokens, hidden, outputs, rates)
    if not case.adapters:
        products = products + gemm(outputs, hidden, tokens, rates)
    return products + _loss(case)


def _compared(case: Case) -> Floats:
    """A teacher's output head, and the divergence of the student's outputs from its own: as much as another loss."""
    tokens, outputs = _outputs(case)
    return gemm(tokens, outputs, case.ends.hidden, case.work.rates("bf16", case.a)) + _loss(case)


def _outputs(case: Case) -> tuple[Floats, Floats]:
    """Tokens of a micro-batch on a rank, and its share of the vocabulary (n,)."""
    tokens = case.layouts.micro_batch * float(case.sequence) / case.layouts.context
    return tokens, np.ceil(case.ends.outputs / case.layouts.tensor / PADDED) * PADDED


def _loss(case: Case) -> Floats:
    """The loss over the vocabulary, forward and backward, at the memory's bandwidth."""
    tokens, outputs = _outputs(case)
    loss = tokens * outputs * case.a["performance.loss_bytes"]
    return loss / (case.work.bandwidth * case.a["performance.memory_efficiency"])


def _embedding(case: Case) -> Floats:
    """The embedding's rows read and their gradients written: 16 bytes per token and hidden unit."""
    tokens = case.layouts.micro_batch * float(case.sequence) / case.layouts.context
    rate = case.work.bandwidth * case.a["performance.memory_efficiency"]
    return tokens * case.ends.hidden * 16.0 / rate


def _hand_over(case: Case) -> Floats:
    """Activations to the next stage and gradients back: partly seen in every micro-batch, in full at fill and drain."""
    layout = case.layouts
    tokens = layout.micro_batch * float(case.sequence) / layout.context
    size = tokens * case.ends.hidden * 2.0 / (layout.tensor if case.a["performance.pipeline_scattered"] else 1.0)
    message = np.where(layout.pipeline > 1, case.collective("send_receive", size, case.stage_group), 0.0)
    seen = case.micro_batches * 2.0 * layout.interleave * case.a["performance.pipeline_exposed"]
    return message * (seen + 2.0 * (layout.pipeline - 1))

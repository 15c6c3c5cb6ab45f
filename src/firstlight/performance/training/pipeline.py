"""Micro-batches through the pipeline: the fullest stage, the bubble, the hand-over between stages."""

from __future__ import annotations

import numpy as np

from firstlight.performance.kernels.gemm import gemm
from firstlight.performance.training.layer import layer_parts
from firstlight.performance.training.layouts import Case
from firstlight.performance.training.once import Parts, once
from firstlight.twin.protocols import Floats

LAYERS = ("tensor", "pipeline", "context", "expert", "zero", "micro_batch", "recompute", "accumulates")
"""What the time of all layers of a micro-batch depends on."""

TOKENS = ("tensor", "context", "micro_batch")
"""What the time of the head depends on."""


def pipeline_parts(case: Case) -> tuple[Parts, Floats]:
    """Time of all micro-batches of a step by part, and of one micro-batch on the fullest stage [s]; arrays (n,).

    m t_max + (p - 1) / v t_mean for m micro-batches over p stages in v chunks each (interleaved 1F1B, arXiv
    2104.04473), and what is seen of the hand-over.
    """
    work = once(case, LAYERS, _whole_model)
    m, stages = case.micro_batches, case.layouts.pipeline.astype(float)
    head, embedding = once(case, TOKENS, lambda some: {"head": _head(some)})["head"], _embedding(case)
    mean = (sum(work.values(), np.zeros(len(m))) + head + embedding) / stages
    fullest = _fullest(case, mean, sum(work.values(), np.zeros(len(m))) / case.depth, head)
    parts = {name: m * time / stages for name, time in work.items()}
    parts["head"] = m * (head + embedding) / stages
    parts["imbalance"] = m * (fullest - mean)
    parts["bubble"] = (stages - 1) / case.layouts.interleave * mean
    parts["pipeline"] = _hand_over(case)
    parts["overhead"] = m * case.a["performance.micro_batch_overhead"]
    return parts, fullest


def _whole_model(case: Case) -> Parts:
    """One micro-batch through all layers, by part."""
    total: Parts = {}
    for layer in case.layers:
        for name, time in layer_parts(layer, case).items():
            total[name] = total.get(name, np.zeros(len(case.layouts))) + layer.count * time
    return total


def _fullest(case: Case, mean: Floats, layer: Floats, head: Floats) -> Floats:
    """Time of a micro-batch on the slowest stage: the one with most layers, or the last one with the head."""
    stages = case.layouts.pipeline
    spare = case.stage_layers * stages - case.depth
    last = (case.stage_layers - np.ceil(spare / 2.0)) * layer + head
    slowest = np.maximum(case.stage_layers * layer, last)
    excess = np.maximum(slowest - mean, 0.0) * case.a["performance.pipeline_imbalance"]
    return mean + np.where(stages > 1, excess, 0.0)


def _head(case: Case) -> Floats:
    """The output head and the loss, forward and backward; in bf16 whatever the layers run in."""
    if not case.ends.outputs:
        return np.zeros(len(case.layouts))
    tokens = case.layouts.micro_batch * float(case.sequence) / case.layouts.context
    rates, outputs, hidden = case.work.rates("bf16", case.a), case.ends.outputs / case.layouts.tensor, case.ends.hidden
    products = gemm(tokens, outputs, hidden, rates) + gemm(tokens, hidden, outputs, rates)
    products = products + gemm(outputs, hidden, tokens, rates)
    loss = tokens * outputs * case.a["performance.loss_bytes"]
    return products + loss / (case.work.bandwidth * case.a["performance.memory_efficiency"])


def _embedding(case: Case) -> Floats:
    """The embedding's rows read and their gradients written: 16 bytes per token and hidden unit."""
    tokens = case.layouts.micro_batch * float(case.sequence) / case.layouts.context
    rate = case.work.bandwidth * case.a["performance.memory_efficiency"]
    return tokens * case.ends.hidden * 16.0 / rate


def _hand_over(case: Case) -> Floats:
    """Activations to the next stage and gradients back: partly seen in every micro-batch, in full at fill and drain."""
    layout = case.layouts
    tokens = layout.micro_batch * float(case.sequence) / layout.context
    size = tokens * case.ends.hidden * 2.0 / layout.tensor
    message = np.where(layout.pipeline > 1, case.collective("send_receive", size, case.stage_group), 0.0)
    seen = case.micro_batches * 2.0 * layout.interleave * case.a["performance.pipeline_exposed"]
    return message * (seen + 2.0 * (layout.pipeline - 1))

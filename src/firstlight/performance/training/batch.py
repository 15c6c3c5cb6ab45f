"""The global batch where the workload leaves it open."""

from __future__ import annotations

import numpy as np

from firstlight.performance.flops import layer_flops
from firstlight.performance.shapes import layers
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.model import Model
from firstlight.spec.workload import Training


def settled(workload: Training, model: Model, a: Assumptions) -> Training:
    """The workload with its batch: the given one, or the one that suits its training compute.

    B = 0.2920 C^0.3271 tokens for a budget of C non-embedding FLOPs (DeepSeek LLM, arXiv 2401.02954, equation 1),
    rounded to the nearest power of two of sequences, and not more than the run has tokens.
    """
    if workload.batch is not None:
        return workload
    inside = sum(layer.count * layer_flops(layer, workload.sequence) for layer in layers(model))
    budget = 3.0 * inside / workload.sequence * workload.tokens
    tokens = a["performance.batch_scale"] * budget ** a["performance.batch_power"]
    sequences = 2.0 ** np.round(np.log2(max(tokens / workload.sequence, 1.0)))
    most = max(workload.tokens, float(workload.sequence))
    return workload.model_copy(update={"batch": float(min(sequences * workload.sequence, most))})

"""The global batch: where the workload leaves it open, and how many accelerators it keeps busy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.flops import layer_flops
from firstlight.performance.shapes import layers
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Model
from firstlight.spec.workload import Training
from firstlight.twin.protocols import Floats


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


def whole(workload: Training, layout: TrainingLayout, accelerators: int) -> Training:
    """The workload with the batch nearest to its own that gives all ranks of a layout equally many micro-batches.

    Args:
        workload: its batch is settled.
        layout: of the run.
        accelerators: of the run.
    """
    ranks = accelerators // (layout.tensor * layout.pipeline * layout.context)
    sequences = float(rounded((workload.batch or 0.0) / workload.sequence, ranks, layout.micro_batch))
    most = max(workload.tokens, float(ranks * layout.micro_batch * workload.sequence))
    return workload.model_copy(update={"batch": min(sequences * workload.sequence, most)})


def rounded(sequences: float, ranks: ArrayLike, micro_batch: ArrayLike) -> Floats:
    """The number of sequences nearest to the given one that fills whole micro-batches on every rank; broadcasts."""
    each = np.asarray(ranks, dtype=float) * np.asarray(micro_batch, dtype=float)
    return np.maximum(np.round(sequences / each), 1.0) * each


def busy(workload: Training, layout: TrainingLayout, accelerators: int) -> int:
    """The fewest accelerators on which a step has no more micro-batches than on so many: the others would only wait.

    Args:
        workload: its batch is settled.
        layout: of the run.
        accelerators: at hand.
    """
    group = layout.tensor * layout.pipeline * layout.context
    sequences, ranks = max((workload.batch or 0.0) / workload.sequence, 1.0), accelerators // group
    steps = math.ceil(sequences / (ranks * layout.micro_batch) - 1e-9)
    whole = layout.expert // math.gcd(layout.expert, layout.tensor * layout.context)
    needed = math.ceil(sequences / (steps * layout.micro_batch) - 1e-9)
    return min(-(-needed // whole) * whole, ranks) * group

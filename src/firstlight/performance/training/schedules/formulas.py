"""Orders of micro-batches in a pipeline: what idles at its ends, and how many activations a stage holds.

Times are those of one micro-batch on the mean stage: F forward, B gradient of the inputs, W gradient of the weights;
p stages, v chunks in each, m micro-batches.
"""

from __future__ import annotations

import numpy as np

from firstlight.performance.training.layouts.case import Case
from firstlight.twin.protocols import Floats


def bubble(case: Case, whole: Floats, forward: Floats, weight: Floats) -> Floats:
    """Time in one step for which a stage waits for others [s] (n,).

    GPipe (arXiv 1811.06965) and 1F1B (p - 1)(F + B + W); interleaved 1F1B 1/v of it (arXiv 2104.04473); ZB-H1
    (p - 1)(F + B - W) (arXiv 2401.10241, table 2), where fewer micro-batches than stages fill less of it, and weight
    gradients no more than the shorter of F and B; DualPipe (p / 2 - 1)(F + 2 B - W) (arXiv 2412.19437, table 2, where B
    is the whole backward pass).

    Args:
        case: the layouts.
        whole: F + B + W [s] (n,). forward: F [s] (n,). weight: W [s] (n,).
    """
    layout = case.layouts
    p, v = layout.pipeline.astype(float), layout.interleave.astype(float)
    filled = np.minimum(case.micro_batches, p) - 1.0
    inputs = whole - forward - weight
    found = [
        (p - 1.0) * whole,
        (p - 1.0) * (forward + inputs) - filled * np.minimum(weight, np.minimum(forward, inputs)),
        (p / 2.0 - 1.0) * (forward + 2.0 * inputs - weight),
    ]
    known = [layout.runs(name) for name in ("gpipe", "zero-bubble", "dualpipe")]
    return np.maximum(np.select(known, found, (p - 1.0) / v * whole), 0.0)


def in_flight(case: Case, stage: Floats) -> Floats:
    """Micro-batches whose activations a rank holds at most, in activations of its mean stage (n,).

    GPipe m; 1F1B p - i on stage i; with v chunks (2 (p - i - 1) + (v - 1) p + 1) / v (arXiv 2205.05198, section 4.2.3,
    for the first stage p + (p - 1) / v); ZB-H1 p on every stage, as its weight gradients wait (arXiv 2401.10241);
    DualPipe p + 1 (arXiv 2412.19437, table 2). Never more than m.

    Args:
        case: the layouts.
        stage: index of the stage, from 0 (n,).
    """
    layout = case.layouts
    p, v = layout.pipeline.astype(float), layout.interleave.astype(float)
    one = np.where(v > 1, (2.0 * (p - stage - 1.0) + (v - 1.0) * p + 1.0) / v, p - stage)
    known = [layout.runs(name) for name in ("gpipe", "zero-bubble", "dualpipe")]
    held = np.select(known, [case.micro_batches, p, p + 1.0], one)
    return np.minimum(held, case.micro_batches)


def paired(case: Case) -> Floats:
    """Share of a DualPipe's micro-batches whose forward pass runs beside a backward pass; else 0 (n,).

    On the end ranks m - 3 p / 2 + 1 of m: the main phase and half of the one after it.
    """
    m, p = case.micro_batches, case.layouts.pipeline
    share = np.clip((m - 1.5 * p + 1.0) / m, 0.0, 1.0)
    return np.where(case.layouts.runs("dualpipe"), share, 0.0)

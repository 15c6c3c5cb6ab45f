"""Parameters that a rank holds, and those of them that are trained."""

from __future__ import annotations

import numpy as np

from firstlight.performance.training.layouts.case import Case
from firstlight.twin.protocols import Floats


def local_parameters(case: Case) -> tuple[Floats, Floats]:
    """Dense parameters (embedding and head of the fuller end stage included) and expert parameters of a rank (n,)."""
    return parameters_of(case, *_fullest(case))


def trained_parameters(case: Case) -> tuple[Floats, Floats]:
    """Dense and expert parameters of a rank that are trained: all of them, or the adapters (n,)."""
    return trained_of(case, *_fullest(case))


def _fullest(case: Case) -> tuple[Floats, Floats]:
    """Layers of the fullest rank, and parameters outside them of the fuller end stage (n,)."""
    dual, both = case.layouts.runs("dualpipe"), case.ends.embedding + case.ends.own_head
    outside = np.where((case.layouts.pipeline == 1) | dual, both, max(case.ends.embedding, case.ends.head))
    return case.stage_layers * np.where(dual, 2.0, 1.0), outside


def parameters_of(case: Case, layers: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Dense and expert parameters of a rank with so many layers and so many parameters outside them (n,)."""
    share = layers / case.depth
    dense = sum(layer.count * layer.dense for layer in case.layers) + case.ends.extra
    experts = sum(layer.count * layer.experts for layer in case.layers)
    return (dense * share + outside) / case.layouts.tensor, experts * share / case.expert_ranks


def trained_of(case: Case, layers: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Those of `parameters_of` that are trained: all of them, or the adapters (n,)."""
    if not case.adapters:
        return parameters_of(case, layers, outside)
    share = layers / case.depth / case.layouts.tensor
    sides = sum(layer.count * sum(matrix.out + matrix.into for matrix in layer.matrices) for layer in case.layers)
    return case.adapters * sides * share, np.zeros(len(case.layouts))

"""Data parallelism over several sites: gradients over a slow link every step, or an outer optimizer now and then."""

from __future__ import annotations

import numpy as np

from firstlight.performance.training.layouts.case import Case
from firstlight.twin.protocols import Floats


def site_exchange(case: Case) -> Floats:
    """Time of one exchange among all sites, nothing hidden [s] (n,); 0 at one site.

    A ring all-reduce over s sites: each sends 2 (s - 1) / s times the whole model (its gradients, or how far its
    parameters have drifted) over its link, in 2 (s - 1) turns.
    """
    sites, layout = case.layouts.sites.astype(float), case.layouts
    parameters = sum(layer.count * (layer.dense + layer.experts) for layer in case.layers)
    parameters += case.ends.embedding + case.ends.own_head + case.ends.extra
    each = np.where(layout.synchronise > 1, case.a["performance.outer_gradient_bytes"], case.gradient_bytes)
    moved = 2.0 * (sites - 1.0) / sites * parameters * each / layout.site_link
    return moved + 2.0 * (sites - 1.0) * case.a["performance.site_latency"]


def seen_between_sites(case: Case, window: Floats, step: Floats) -> Floats:
    """What a step waits for other sites on average [s] (n,).

    Gradients of every step hide behind the backward pass of the last micro-batch; DiLoCo stops for an exchange every H
    steps (arXiv 2311.08105); Streaming DiLoCo exchanges F fragments one after the other, each hidden behind the steps
    that it may be late (arXiv 2501.18512): F / H max(t / F - late step, 0).

    Args:
        case: the layouts.
        window: time behind which gradients of a step hide [s] (n,).
        step: time of a step without other sites [s] (n,).
    """
    if not (case.layouts.sites > 1).any():
        return np.zeros(len(case.layouts))
    once, h, f = site_exchange(case), case.layouts.synchronise.astype(float), case.layouts.fragments.astype(float)
    hidden = np.where(h == 1, window, np.where(f > 1, case.a["performance.outer_late_steps"] * step, 0.0))
    return np.where(case.layouts.sites > 1, f / h * np.maximum(once / f - hidden, 0.0), 0.0)

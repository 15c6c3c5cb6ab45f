"""The tree of priors fitted from the top: each node's parameters start from, and are held to, those of its parent."""

from __future__ import annotations

import numpy as np

from firstlight.operate.calibration.timings import marquardt
from firstlight.operate.validation.timings.registry import formulas
from firstlight.timings import tree
from firstlight.timings.cases import Cases
from firstlight.twin.protocols import Floats

STEPS = (20, 12, 10, 10, 8, 8, 6)
"""Steps of each level."""
DEEPER = 0.35
"""Widths of the priors below the generation, over those above."""


def grow(cases: Cases, seconds: Floats) -> dict[str, Floats]:
    """Parameters' logarithms by node; a node without siblings has its parent's values.

    Args:
        cases: of one operation; seconds: measured [s].
    """
    found = formulas()[cases.operation]
    target = np.log(seconds)
    nodes: dict[str, Floats] = {}
    theta = np.broadcast_to(found.prior, (len(cases), len(found.parameters)))
    above = np.full(len(cases), " ")
    for level, steps in enumerate(STEPS):
        named = tree.names(cases.labels, level)
        keys, first, group = np.unique(named, return_index=True, return_inverse=True)
        parents = above[first].tolist()
        own = np.array([level == 0 or parents.count(parent) > 1 for parent in parents])
        if own.any():
            rows = np.flatnonzero(own[group])
            index = np.cumsum(own) - 1
            sigma = _sigma(cases.operation, level)
            centre = theta[first][own]
            fitted = marquardt.fit(found, cases.select(rows), target[rows], index[group[rows]], centre, sigma, steps)
            theta = theta.copy()
            theta[rows] = fitted[index[group[rows]]]
        nodes |= dict(zip(keys.tolist(), theta[first], strict=True))
        above = named
    return nodes


def _sigma(operation: str, level: int) -> Floats:
    parameters = formulas()[operation].parameters
    if level <= 1:
        return np.array([p.wide for p in parameters])
    return np.array([p.narrow for p in parameters]) * (DEEPER if level > tree.KIN else 1.0)

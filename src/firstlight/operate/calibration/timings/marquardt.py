"""Robust regression of many groups of rows at once, each with its own parameters and a prior.

Levenberg-Marquardt steps (Marquardt 1963) on sum_i rho(r_i / s) + sum_j ((theta_j - centre_j) / sigma_j)^2 per group
with the soft-L1 loss rho(z) = 2 (sqrt(1 + z^2) - 1). The option that a library chooses is held while derivatives are
taken: at a minimum over options they are those of the chosen one.
"""

from __future__ import annotations

import numpy as np

from firstlight.timings.cases import Cases
from firstlight.timings.formula import Formula, Option
from firstlight.twin.protocols import Floats, Ints

SCALE = 0.06
"""Log residual that counts like one standard deviation of a prior."""
NUDGE = 1e-3
SOFTER, HARDER = 0.3, 5.0
START = 1e-2


def fit(
    formula: Formula, cases: Cases, target: Floats, group: Ints, centre: Floats, sigma: Floats, steps: int
) -> Floats:
    """Parameters of each group [groups, parameters].

    Args:
        formula: whose parameters are fitted.
        cases: rows; target: logarithm of the measured times; group: index of each row's group [rows].
        centre: of the priors, where the search starts [groups, parameters]; sigma: their widths [parameters].
        steps: Levenberg-Marquardt steps.
    """
    theta, damping = centre.copy(), np.full(len(centre), START)
    time, option = formula.best(theta[group], cases.shape)
    residual = time - target
    value = _objective(residual, group, theta, centre, sigma)
    for _ in range(steps):
        jacobian = _jacobian(formula, cases, theta[group], option, time)
        move = _move(jacobian, residual, group, theta, centre, sigma, damping)
        tried = theta + move
        seen, chosen = formula.best(tried[group], cases.shape)
        new = _objective(seen - target, group, tried, centre, sigma)
        better = new < value
        rows = better[group]
        theta, value = np.where(better[:, None], tried, theta), np.where(better, new, value)
        time, residual = np.where(rows, seen, time), np.where(rows, seen - target, residual)
        option = tuple(np.where(rows, ours, old) for ours, old in zip(chosen, option, strict=True))
        damping = np.where(better, damping * SOFTER, damping * HARDER)
    return theta


def _objective(residual: Floats, group: Ints, theta: Floats, centre: Floats, sigma: Floats) -> Floats:
    loss = 2.0 * (np.sqrt(1.0 + (residual / SCALE) ** 2) - 1.0)
    return np.bincount(group, loss, minlength=len(theta)) + (((theta - centre) / sigma) ** 2).sum(axis=1)


def _jacobian(formula: Formula, cases: Cases, theta: Floats, option: Option, time: Floats) -> Floats:
    """Derivatives of the log time by the parameters' logarithms [rows, parameters]."""
    found = np.empty_like(theta)
    for column in range(theta.shape[1]):
        nudged = theta.copy()
        nudged[:, column] += NUDGE
        found[:, column] = (formula.at(nudged, cases.shape, option) - time) / NUDGE
    return found


def _move(
    jacobian: Floats, residual: Floats, group: Ints, theta: Floats, centre: Floats, sigma: Floats, damping: Floats
) -> Floats:
    weight = 1.0 / np.sqrt(1.0 + (residual / SCALE) ** 2) / SCALE**2
    count, width = theta.shape
    slope = (theta - centre) / sigma**2
    matrix = np.zeros((count, width, width)) + np.diag(1.0 / sigma**2)
    for row in range(width):
        pulled = weight * jacobian[:, row]
        slope[:, row] += np.bincount(group, pulled * residual, minlength=count)
        for column in range(row, width):
            entry = np.bincount(group, pulled * jacobian[:, column], minlength=count)
            matrix[:, row, column] += entry
            if column > row:
                matrix[:, column, row] += entry
    diagonal = np.einsum("gii->gi", matrix)
    diagonal *= 1.0 + damping[:, None]
    return np.clip(np.asarray(np.linalg.solve(matrix, -slope[:, :, None])[:, :, 0], dtype=float), -1.0, 1.0)

"""Robust regression with priors: Gauss-Newton steps on reweighted residuals, many fits side by side.

The objective is sum_i w_i rho(r_i / s) + sum_j (theta_j / sigma_j)^2 with the soft-L1 loss of Huber's kind,
rho(z) = 2 (sqrt(1 + z^2) - 1) (Triggs et al., "Bundle adjustment: a modern synthesis", 2000): residuals well above the
scale s pull like their size, not like its square. A group of w rows weighs like sqrt(w) of them, so that one large
source does not decide alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.twin.protocols import Floats, Ints

SCALE = 0.06
"""Residual, in the logarithm, that counts like one standard deviation of a prior."""
NUDGE = 0.02
"""Step of the derivatives, in the logarithm of a parameter; downwards, as a parameter may have a greatest value."""
HALVINGS = 4
ENOUGH = 1e-3
"""Share of the objective that a step must take off for another one to be worth its derivatives."""


@dataclass(frozen=True)
class Problem:
    """What is fitted.

    Attributes:
        residuals: of all rows at each theta [fits, parameters]: logarithm of predicted over measured [fits, rows].
        weights: of the rows; groups: index of each row's group [rows].
        sigma: of the priors [parameters].
    """

    residuals: Callable[[Floats], Floats]
    weights: Floats
    groups: Ints
    sigma: Floats


@dataclass(frozen=True)
class Solution:
    """Fits of one problem, each to some of its rows.

    Attributes:
        theta: [fits, parameters]; residuals: of all rows at theta [fits, rows].
        spread: standard deviation of each parameter after the data were seen [fits, parameters].
        slopes: how residuals change with the parameters [fits, parameters, rows].
    """

    theta: Floats
    residuals: Floats
    spread: Floats
    slopes: Floats


def balanced(weights: Floats, groups: Ints, keep: NDArray[np.bool_]) -> Floats:
    """Weights with which each group counts like the square root of its weight; 0 for rows that are left out [rows]."""
    kept = np.where(keep, weights, 0.0)
    whole = np.bincount(groups, kept, minlength=int(groups.max()) + 1)
    return kept / np.sqrt(np.maximum(whole[groups], 1e-12))


def solve(
    problem: Problem,
    theta: Floats,
    keep: NDArray[np.bool_],
    steps: int,
    progress: Callable[[str], None] = lambda _: None,
    near: Floats | None = None,
) -> Solution:
    """Gauss-Newton of all fits at once, each step halved until its objective falls; ends when none does any more.

    Args:
        problem: rows and priors.
        theta: where each fit starts [fits, parameters].
        keep: rows that each fit is made to [fits, rows].
        steps: most.
        progress: called with what is being done.
        near: slopes of a fit nearby, with which all steps are made (simplified Newton: less work, the same end where
            slopes hardly change) [parameters, rows]; None takes those of each step.
    """
    weights = np.stack([balanced(problem.weights, problem.groups, rows) for rows in keep])
    residuals = problem.residuals(theta)
    slopes = derivatives(problem, theta, residuals) if near is None else np.repeat(near[None], len(theta), axis=0)
    for step in range(steps):
        value = objective(problem, weights, theta, residuals)
        progress(f"step {step + 1} of {steps}: objective {value.mean():.4g}")
        move = newton(problem, weights, theta, residuals, slopes)
        theta, residuals = _downhill(problem, weights, theta, residuals, move)
        slopes = derivatives(problem, theta, residuals) if near is None else slopes
        if np.all(objective(problem, weights, theta, residuals) > value * (1 - ENOUGH)):
            break
    return Solution(theta, residuals, _spread(problem, weights, residuals, slopes), slopes)


def objective(problem: Problem, weights: Floats, theta: Floats, residuals: Floats) -> Floats:
    """What is made small [fits]."""
    loss = 2 * (np.sqrt(1 + (residuals / SCALE) ** 2) - 1)
    return np.sum(weights * loss, axis=1) + np.sum((theta / problem.sigma) ** 2, axis=1)


def derivatives(problem: Problem, theta: Floats, residuals: Floats) -> Floats:
    """How residuals change with the parameters, by differences [fits, parameters, rows]."""
    fits, count = theta.shape
    moved = theta[:, None, :] - NUDGE * np.eye(count)
    there = problem.residuals(moved.reshape(fits * count, count)).reshape(fits, count, -1)
    return (residuals[:, None, :] - there) / NUDGE


def newton(problem: Problem, weights: Floats, theta: Floats, residuals: Floats, slopes: Floats) -> Floats:
    """The Gauss-Newton step [fits, parameters]."""
    matrix, pull = _normal(problem, weights, residuals, slopes)
    slope = np.einsum("fpr,fr->fp", slopes, pull * residuals) + theta / problem.sigma**2
    return np.linalg.solve(matrix, -slope[..., None])[..., 0]


def _downhill(
    problem: Problem, weights: Floats, theta: Floats, residuals: Floats, move: Floats
) -> tuple[Floats, Floats]:
    """Each fit as far along its step as its objective falls; where it does not, the fit stays."""
    value = objective(problem, weights, theta, residuals)
    open_, length = np.ones(len(theta), dtype=bool), 1.0
    for _ in range(HALVINGS):
        tried = theta + length * move
        seen = problem.residuals(tried)
        better = open_ & (objective(problem, weights, tried, seen) < value)
        theta, residuals = np.where(better[:, None], tried, theta), np.where(better[:, None], seen, residuals)
        open_, length = open_ & ~better, length / 2
        if not open_.any():
            break
    return theta, residuals


def _normal(problem: Problem, weights: Floats, residuals: Floats, slopes: Floats) -> tuple[Floats, Floats]:
    pull = weights / np.sqrt(1 + (residuals / SCALE) ** 2) / SCALE**2
    return np.einsum("fpr,fr,fqr->fpq", slopes, pull, slopes, optimize=True) + np.diag(1 / problem.sigma**2), pull


def _spread(problem: Problem, weights: Floats, residuals: Floats, slopes: Floats) -> Floats:
    matrix, _ = _normal(problem, weights, residuals, slopes)
    return np.sqrt(np.diagonal(np.linalg.inv(matrix), axis1=1, axis2=2))

"""Robust regression with priors: Gauss-Newton steps on reweighted residuals.

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
HALVINGS = 4
ENOUGH = 1e-3
"""Share of the objective that a step must take off for another one to be worth its derivatives."""


@dataclass(frozen=True)
class Problem:
    """What is fitted.

    Attributes:
        residuals: of all rows at theta: logarithm of predicted over measured [rows].
        jacobian: their derivatives at theta [rows, parameters].
        weights: of the rows; groups: index of each row's group [rows].
        sigma: of the priors [parameters].
    """

    residuals: Callable[[Floats], Floats]
    jacobian: Callable[[Floats, Floats], Floats]
    weights: Floats
    groups: Ints
    sigma: Floats


@dataclass(frozen=True)
class Solution:
    """A fit.

    Attributes:
        theta: [parameters]; residuals and jacobian at theta.
        spread: standard deviation of each parameter after the data were seen [parameters].
    """

    theta: Floats
    residuals: Floats
    jacobian: Floats
    spread: Floats


def balanced(weights: Floats, groups: Ints, keep: NDArray[np.bool_]) -> Floats:
    """Weights with which each group counts like the square root of its weight; 0 for rows that are left out [rows]."""
    kept = np.where(keep, weights, 0.0)
    whole = np.bincount(groups, kept, minlength=int(groups.max()) + 1)
    return kept / np.sqrt(np.maximum(whole[groups], 1e-12))


def solve(problem: Problem, theta: Floats, steps: int, progress: Callable[[str], None] = lambda _: None) -> Solution:
    """Gauss-Newton from theta, each step halved until the objective falls; ends when it hardly does any more."""
    keep = np.ones(len(problem.weights), dtype=bool)
    weights = balanced(problem.weights, problem.groups, keep)
    residuals = problem.residuals(theta)
    jacobian = problem.jacobian(theta, residuals)
    for step in range(steps):
        value = objective(problem, weights, theta, residuals)
        progress(f"step {step + 1} of {steps}: objective {value:.4g}")
        move, found = newton(problem, weights, theta, residuals, jacobian), None
        for halving in range(HALVINGS):
            tried = theta + move * 0.5**halving
            seen = problem.residuals(tried)
            if objective(problem, weights, tried, seen) < value:
                found = tried, seen
                break
        if found is None:
            break
        theta, residuals = found
        jacobian = problem.jacobian(theta, residuals)
        if objective(problem, weights, theta, residuals) > value * (1 - ENOUGH):
            break
    return Solution(theta, residuals, jacobian, _spread(problem, weights, residuals, jacobian))


def objective(problem: Problem, weights: Floats, theta: Floats, residuals: Floats) -> float:
    """What is made small."""
    loss = 2 * (np.sqrt(1 + (residuals / SCALE) ** 2) - 1)
    return float(weights @ loss + np.sum((theta / problem.sigma) ** 2))


def newton(problem: Problem, weights: Floats, theta: Floats, residuals: Floats, jacobian: Floats) -> Floats:
    """The Gauss-Newton step [parameters]."""
    matrix, pull = _normal(problem, weights, residuals, jacobian)
    slope = jacobian.T @ (pull * residuals) + theta / problem.sigma**2
    return np.asarray(np.linalg.solve(matrix, -slope), dtype=float)


def left_out(problem: Problem, solution: Solution, group: int) -> Floats:
    """The fit without one group [parameters]: a Gauss-Newton step from the fit on all rows, that group's removed."""
    weights = balanced(problem.weights, problem.groups, problem.groups != group)
    return solution.theta + newton(problem, weights, solution.theta, solution.residuals, solution.jacobian)


def _normal(problem: Problem, weights: Floats, residuals: Floats, jacobian: Floats) -> tuple[Floats, Floats]:
    pull = weights / np.sqrt(1 + (residuals / SCALE) ** 2) / SCALE**2
    return jacobian.T @ (pull[:, None] * jacobian) + np.diag(1 / problem.sigma**2), pull


def _spread(problem: Problem, weights: Floats, residuals: Floats, jacobian: Floats) -> Floats:
    matrix, _ = _normal(problem, weights, residuals, jacobian)
    return np.sqrt(np.diag(np.linalg.inv(matrix)))

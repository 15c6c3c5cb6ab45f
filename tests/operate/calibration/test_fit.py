"""Robust regression with priors, against what is known of it."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.operate.calibration import fit


def line(count: int = 60, outliers: int = 0, sigma: float = 10.0, groups: int = 3):
    """Residuals a x + b - y of points on a line with some far off."""
    x = np.linspace(-1, 1, count)
    y = 0.3 * x - 0.1 + 0.02 * np.sin(40 * x)
    y[:outliers] += 5.0
    design = np.stack([x, np.ones(count)], axis=1)
    return fit.Problem(
        lambda theta: design @ theta - y, lambda _theta, _base: design, np.ones(count),
        np.arange(count) % groups, np.full(2, sigma),
    )  # fmt: skip


def test_finds_the_line_from_afar():
    found = fit.solve(line(), np.array([4.0, -3.0]), 30)
    assert found.theta == pytest.approx([0.3, -0.1], abs=0.01)
    assert np.all(found.spread < 0.1)


def test_outliers_pull_little():
    assert fit.solve(line(outliers=4), np.zeros(2), 30).theta == pytest.approx([0.3, -0.1], abs=0.06)


def test_a_tight_prior_holds_and_a_wide_one_lets_go():
    assert np.abs(fit.solve(line(sigma=1e-4), np.zeros(2), 30).theta).max() < 1e-3
    assert np.abs(fit.solve(line(sigma=10), np.zeros(2), 30).theta).max() > 0.25


def test_never_worse_than_where_it_began():
    problem, start = line(), np.array([0.31, -0.11])
    weights = fit.balanced(problem.weights, problem.groups, np.ones(60, dtype=bool))
    found = fit.solve(problem, start, 3)
    assert fit.objective(problem, weights, found.theta, found.residuals) <= fit.objective(
        problem, weights, start, problem.residuals(start)
    )


def test_groups_count_like_the_root_of_their_weight():
    groups = np.array([0] * 9 + [1])
    weights = fit.balanced(np.ones(10), groups, np.ones(10, dtype=bool))
    assert np.bincount(groups, weights) == pytest.approx([3.0, 1.0])
    without = fit.balanced(np.ones(10), groups, groups != 0)
    assert without == pytest.approx([0.0] * 9 + [1.0])


def test_left_out_is_the_fit_without_the_group():
    problem = line()
    whole = fit.solve(problem, np.zeros(2), 30)
    approximate = fit.left_out(problem, whole, 1)
    keep = np.flatnonzero(problem.groups != 1)
    design, y = problem.jacobian(whole.theta, whole.residuals), -problem.residuals(np.zeros(2))
    fewer = fit.Problem(
        lambda theta: design[keep] @ theta - y[keep], lambda _theta, _base: design[keep], np.ones(len(keep)),
        problem.groups[keep], problem.sigma,
    )  # fmt: skip
    assert approximate == pytest.approx(fit.solve(fewer, np.zeros(2), 30).theta, abs=1e-3)

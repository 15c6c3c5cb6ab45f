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
    design = np.stack([x, np.ones(count)])
    return fit.Problem(lambda theta: theta @ design - y, np.ones(count), np.arange(count) % groups, np.full(2, sigma))


def solved(problem: fit.Problem, start: tuple[float, float] = (0.0, 0.0), steps: int = 30, without: int = -1):
    """One fit of all rows but those of a group."""
    return fit.solve(problem, np.array([start]), (problem.groups != without)[None], steps)


def test_finds_the_line_from_afar():
    found = solved(line(), (4.0, -3.0))
    assert found.theta[0] == pytest.approx([0.3, -0.1], abs=0.01)
    assert np.all(found.spread < 0.1)


def test_outliers_pull_little():
    assert solved(line(outliers=4)).theta[0] == pytest.approx([0.3, -0.1], abs=0.06)


def test_a_tight_prior_holds_and_a_wide_one_lets_go():
    assert np.abs(solved(line(sigma=1e-4)).theta).max() < 1e-3
    assert np.abs(solved(line(sigma=10)).theta).max() > 0.25


def test_never_worse_than_where_it_began():
    problem, start = line(), np.array([[0.31, -0.11]])
    weights = fit.balanced(problem.weights, problem.groups, np.ones(60, dtype=bool))[None]
    found = solved(problem, (0.31, -0.11), 3)
    before = fit.objective(problem, weights, start, problem.residuals(start))
    assert np.all(fit.objective(problem, weights, found.theta, found.residuals) <= before)


def test_derivatives_of_a_line_are_its_design():
    problem = line()
    theta = np.array([[0.1, 0.2], [3.0, -1.0]])
    slopes = fit.derivatives(problem, theta, problem.residuals(theta))
    assert slopes == pytest.approx(np.broadcast_to([np.linspace(-1, 1, 60), np.ones(60)], (2, 2, 60)))


def test_groups_count_like_the_root_of_their_weight():
    groups = np.array([0] * 9 + [1])
    weights = fit.balanced(np.ones(10), groups, np.ones(10, dtype=bool))
    assert np.bincount(groups, weights) == pytest.approx([3.0, 1.0])
    without = fit.balanced(np.ones(10), groups, groups != 0)
    assert without == pytest.approx([0.0] * 9 + [1.0])


def test_fits_side_by_side_are_those_made_alone():
    problem = line(outliers=4)
    keep = problem.groups != np.arange(3)[:, None]
    together = fit.solve(problem, np.zeros((3, 2)), keep, 30)
    for group in range(3):
        assert together.theta[group] == pytest.approx(solved(problem, without=group).theta[0], abs=1e-4)
    assert np.ptp(together.theta[:, 1]) > 1e-4  # and they differ


def test_a_group_that_is_left_out_has_no_say():
    problem = line()
    keep = problem.groups != 1
    fewer = fit.Problem(
        lambda theta: problem.residuals(theta)[:, keep], problem.weights[keep], problem.groups[keep], problem.sigma
    )
    assert solved(problem, without=1).theta == pytest.approx(solved(fewer).theta, abs=1e-4)


def test_slopes_of_a_fit_nearby_end_where_those_of_each_step_do():
    def bent(theta: np.ndarray) -> np.ndarray:
        return problem.residuals(theta) + 0.05 * theta[:, :1] ** 2

    problem = line(outliers=4)
    curved = fit.Problem(bent, problem.weights, problem.groups, problem.sigma)
    whole = fit.solve(curved, np.zeros((1, 2)), np.ones((1, 60), dtype=bool), 30)
    keep = problem.groups != np.arange(3)[:, None]
    exact = fit.solve(curved, np.repeat(whole.theta, 3, axis=0), keep, 30)
    near = fit.solve(curved, np.repeat(whole.theta, 3, axis=0), keep, 30, near=whole.slopes[0])
    assert near.theta == pytest.approx(exact.theta, abs=2e-3)

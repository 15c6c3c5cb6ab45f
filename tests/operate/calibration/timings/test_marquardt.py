"""The regression of many groups at once."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.operate.calibration.timings import grow, marquardt
from firstlight.operate.validation.timings.registry import formulas
from firstlight.timings.cases import Cases, Labels


def convolutions(count=400, kernels=2):
    """Calls of a formula with few parameters, of some kernels."""
    rng = np.random.default_rng(3)
    kernel = rng.integers(0, kernels, count)
    moved = 2.0 ** rng.uniform(14, 34, count)
    shape = {"moved": moved, "blocks": moved / 64, "length": np.full(count, 512.0), "bandwidth": np.full(count, 3e12),
             "units": np.full(count, 132.0), "cache": np.full(count, 5e7)}  # fmt: skip
    texts = [np.full(count, text) for text in ("context", "s", "1", "a", "g")]
    labels = Labels(texts[0], texts[1], kernel.astype(str), *texts[2:])
    return Cases("mamba2", labels, shape, np.log2(moved)[:, None]), kernel


def test_groups_get_their_own_values_back():
    cases, kernel = convolutions()
    found = formulas()["mamba2"]
    truth = np.tile(found.prior, (2, 1))
    truth[:, 0] = np.log([2e-6, 6e-6])
    truth[:, 1] = np.log([0.5, 0.8])
    target = found.best(truth[kernel], cases.shape)[0]
    sigma = np.array([p.wide for p in found.parameters])
    theta = marquardt.fit(found, cases, target, kernel, np.tile(found.prior, (2, 1)), sigma, 20)
    assert np.exp(theta[:, 0]) == pytest.approx([2e-6, 6e-6], rel=0.03)
    assert found.best(theta[kernel], cases.shape)[0] == pytest.approx(target, abs=0.02)


def test_outliers_hardly_move_a_fit():
    cases, kernel = convolutions()
    found = formulas()["mamba2"]
    target = found.best(np.tile(found.prior, (len(kernel), 1)), cases.shape)[0]
    target[::10] += 3.0
    sigma = np.array([p.wide for p in found.parameters])
    theta = marquardt.fit(found, cases, target, kernel * 0, found.prior[None], sigma, 20)
    missed = found.best(theta[kernel * 0], cases.shape)[0] - target
    assert abs(np.median(missed)) < 0.03


def test_nodes_without_siblings_have_their_parents_values():
    cases, _ = convolutions(kernels=1)
    nodes = grow.grow(cases, np.full(len(cases), 1e-5))
    assert nodes["context|s|g|0|a"] == pytest.approx(nodes[""])

"""Local kriging: exact at anchors, silent far from them, deaf to other generations and to its own repeats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.timings.cases import Labels
from firstlight.timings.residual import Anchors, Scales, krige

SCALES = Scales(np.array([2.0, 2.0]), np.array([1.0, 0.7, 0.1, 0.2]), 1e-6)


def labels(count, accelerator="a", generation="g", dtype="bf16", kernel="k"):
    return Labels(*(np.full(count, text) for text in (dtype, "s", kernel, "1", accelerator, generation)))


@pytest.fixture
def anchors():
    place = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    return Anchors(place, labels(4), np.array([0.1, -0.2, 0.3, 0.05]), np.arange(4))


def test_at_anchors_the_residual_is_theirs(anchors):
    found = krige(anchors, SCALES, anchors.place, anchors.labels)
    assert found.mean == pytest.approx(anchors.residual, abs=1e-4)
    assert (found.spread < 0.01).all()


def test_far_away_nothing_is_known(anchors):
    found = krige(anchors, SCALES, np.array([[90.0, -80.0]]), labels(1))
    assert found.mean == pytest.approx([0.0], abs=1e-6)
    assert found.spread == pytest.approx([1.0], rel=1e-3)


def test_sisters_speak_with_less_weight_and_other_generations_not_at_all(anchors):
    here = anchors.place[:1]
    sister = krige(anchors, SCALES, here, labels(1, accelerator="b"))
    assert 0.05 < sister.mean[0] < 0.1
    assert sister.spread[0] > 0.3
    assert krige(anchors, SCALES, here, labels(1, generation="h")).mean.tolist() == [0.0]


def test_a_configuration_left_out_does_not_vouch_for_itself(anchors):
    found = krige(anchors, SCALES, anchors.place[:1], labels(1), np.array([0]))
    assert found.mean[0] != pytest.approx(0.1, abs=1e-3)


def test_phases_of_an_operation_are_strangers(anchors):
    assert krige(anchors, SCALES, anchors.place[:1], labels(1, dtype="combine bf16")).mean.tolist() == [0.0]


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_means_stay_within_the_anchors(x, y):
    place = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    known = Anchors(place, labels(4), np.array([0.1, -0.2, 0.3, 0.05]), np.arange(4))
    found = krige(known, SCALES, np.array([[x, y]]), labels(1))
    assert abs(found.mean[0]) <= 0.45
    assert 0.0 <= found.spread[0] <= 1.001

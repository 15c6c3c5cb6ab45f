"""Loads of experts on the busiest rank."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.performance.kernels.timed.skew import busiest


def loads(tokens, active, experts, ranks, alpha=0.0, replicated=0.0, slots=None):
    values = (tokens, active, experts, ranks, alpha, replicated, slots or experts)
    return {name: found[0] for name, found in busiest(*(np.array([float(v)]) for v in values)).items()}


def test_balanced_loads_by_hand():
    # 1,024 tokens x 8 on 256 experts: 32 rows each, 32 experts a rank of 8.
    found = loads(1024, 8, 256, 8)
    assert (found["rows"], found["used"]) == (1024, 32)
    assert (found["tiles_16"], found["tiles_64"], found["tiles_128"]) == (64, 32, 32)


def test_one_token_reaches_at_least_one_row_of_the_timed_rank():
    assert loads(1, 8, 256, 64)["rows"] == 1


@pytest.mark.parametrize(("alpha", "ranks", "factor"), [(1.01, 4, 1.21), (1.01, 32, 2.27), (1.2, 8, 1.52)])
def test_power_laws_overload_the_busiest_rank(alpha, ranks, factor):
    # Expected factors over balanced loads of the study that the tables come with (E 256, top 8, 1,024 tokens).
    assert loads(1024, 8, 256, ranks, alpha)["rows"] / (8192 / ranks) == pytest.approx(factor, rel=0.15)


def test_replicas_balance_ranks():
    found = loads(4096, 8, 256, 32, 1.2, replicated=1.0, slots=288)
    assert found["rows"] == pytest.approx(4096 * 8 / 32 * 1.02)


@given(st.integers(1, 16384), st.sampled_from([1, 2, 8]), st.sampled_from([8, 64, 256]), st.sampled_from([1, 2, 8]))
def test_busiest_ranks_hold_at_least_their_share_and_no_more_than_all(tokens, active, experts, ranks):
    found = loads(tokens, active, experts, ranks, 1.2)
    assert tokens * active / ranks * 0.999 <= found["rows"] <= tokens * active * 1.001
    assert 0 < found["used"] <= experts / ranks
    assert found["tiles_16"] >= found["tiles_64"] >= found["tiles_128"] >= 1

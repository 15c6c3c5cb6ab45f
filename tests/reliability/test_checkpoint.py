import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.reliability.checkpoint import best_interval, goodput, losses, restart_share_left

mttis = st.floats(600, 1e7)
writes = st.floats(1e-3, 300)


@given(mttis, writes, st.floats(0, 3600))
def test_best_interval_is_within_a_thousandth_of_the_best_of_a_fine_grid(mtti, write, restart):
    grid = np.geomspace(1, 50 * mtti, 4000)
    best = goodput(best_interval(write, mtti), write, restart, mtti)
    assert best >= goodput(grid, write, restart, mtti).max() * (1 - 2e-3)


def test_best_interval_tends_to_young_for_rare_failures():
    assert best_interval(30, 1e8) == pytest.approx(np.sqrt(2 * 30 * 1e8), rel=1e-3)


def test_best_interval_waits_for_the_last_checkpoint_to_drain():
    assert best_interval(1, 1e4, drain=1000) == 1000


def test_best_interval_of_very_long_writes_is_the_mean_time():
    assert best_interval(500, 200) == 200


def test_goodput_is_one_without_failures_and_cost():
    assert goodput(100, 0, 0, 1e12) == pytest.approx(1, abs=1e-9)
    assert goodput(100, 10, 0, 1e12) == pytest.approx(100 / 110, rel=1e-6)


def test_goodput_broadcasts_and_survives_hopeless_runs():
    share = goodput(np.array([10.0, 100.0])[:, None], 1, 1e6, np.array([1.0, 100.0, 1e6]))
    assert share.shape == (2, 3)
    assert np.all((share >= 0) & (share < 1))


@given(mttis, st.floats(1e-3, 100), st.floats(0, 300), st.floats(0, 60))
def test_losses_and_goodput_add_up_to_one(mtti, write, restart, drain):
    interval = float(best_interval(write, mtti, drain))
    steps = {"detection": restart, "warm-up": 10.0}
    share = losses(interval, write, steps, drain, mtti)
    useful = float(goodput(interval, write, restart + 10 + drain, mtti))
    assert sum(share.values()) + useful == pytest.approx(1, abs=1e-9)
    assert all(v >= 0 for v in share.values())


def test_restart_share_left():
    assert restart_share_left(0, 100) == 1
    assert restart_share_left(100, 100) == pytest.approx(np.exp(-1))

"""The closed-form goodput against a simulation of every interruption."""

import numpy as np
import pytest

from firstlight.reliability.checkpoint import best_interval, goodput, losses


def simulate(interval, write, restart, drain, mtti, segments, rng) -> dict[str, float]:
    """Play a run of so many segments, interruption by interruption; time [s] by what it went into.

    A checkpoint counts once its drain is over. An interruption during a restart begins the restart anew.
    """
    spent = dict.fromkeys(("clock", "useful", "writing", "restart", "repeated"), 0.0)
    reached = stored = 0.0  # segments finished in training, and those whose checkpoint has reached storage
    while reached < segments:
        until, now = rng.exponential(mtti), 0.0
        while reached < segments and now + interval + write <= until:
            now += interval + write
            reached += 1
        if reached >= segments:
            spent["clock"] += now
            break
        since = until - now
        stored = max(stored, reached - 1 if since < drain else reached)
        reached = stored
        spent["clock"] += until
        while (strike := rng.exponential(mtti)) < restart:
            spent["clock"] += strike
            spent["restart"] += strike
        spent["clock"] += restart
        spent["restart"] += restart
    spent["useful"], spent["writing"] = segments * interval, segments * write
    spent["repeated"] = spent["clock"] - spent["useful"] - spent["writing"] - spent["restart"]
    return spent


CASES = [
    ("llama-3", 6.3, 430, 4, 11124),
    ("blocking", 60, 900, 0, 11124),
    ("100,000 accelerators", 6.3, 430, 4, 1800),
    ("slow storage", 10, 600, 250, 5000),
    ("rare", 30, 1800, 30, 200000),
]


@pytest.mark.parametrize(("name", "write", "restart", "drain", "mtti"), CASES, ids=[c[0] for c in CASES])
def test_goodput_agrees_with_simulation(name, write, restart, drain, mtti):
    interval = float(best_interval(write, mtti, drain))
    segments = int(4000 * mtti / interval)
    rng = np.random.default_rng(np.random.SeedSequence(7))
    spent = simulate(interval, write, restart, drain, mtti, segments, rng)
    predicted = float(goodput(interval, write, restart + drain, mtti))
    assert predicted == pytest.approx(spent["useful"] / spent["clock"], rel=0.015)
    share = losses(interval, write, {"restart": restart}, drain, mtti)
    assert share["restart"] == pytest.approx(spent["restart"] / spent["clock"], rel=0.08, abs=2e-3)
    assert share["checkpoint writes"] == pytest.approx(spent["writing"] / spent["clock"], rel=0.02, abs=1e-3)
    assert share["repeated work"] == pytest.approx(spent["repeated"] / spent["clock"], rel=0.08, abs=3e-3)

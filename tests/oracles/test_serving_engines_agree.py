"""The closed form of a replica and its event simulation, two engines written apart, on the same requests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from firstlight.operate.validation.serving.agreement import Agreement, compare, situations
from firstlight.operate.validation.serving.predict import Machines
from firstlight.spec import catalog

BUDGET = 8192
"""Tokens of one prefill pass; longer prompts are read in several."""


@cache
def found(kind: str) -> tuple[Agreement, ...]:
    machines = Machines(catalog.shipped())
    kinds = {
        "plain": [s for s in situations() if not s.spread and s.prompt <= BUDGET],
        "varied": [s for s in situations() if s.spread],
        "long": [s for s in situations() if s.prompt > BUDGET],
    }
    return tuple(compare(one, machines) for one in kinds[kind])


def errors(name: str, kind: str) -> np.ndarray:
    return np.abs([getattr(one, name) for one in found(kind)])


@pytest.mark.parametrize("one", ["rate", "per_token", "first_token"])
def test_prompts_of_one_pass(one):
    """Rates within 3 % throughout; latencies within 10 % in all but a few cases under heavy load, none beyond 30 %."""
    off = errors(one, "plain")
    assert len(off) == 120
    assert np.median(off) < (0.03 if one == "first_token" else 0.015)
    assert off.max() < {"rate": 0.03, "per_token": 0.12, "first_token": 0.3}[one]
    assert np.mean(off < 0.1) > 0.93


@pytest.mark.parametrize(("kind", "median", "most"), [("varied", 0.1, 0.25), ("long", 0.09, 0.08)])
def test_varied_and_long_prompts_agree_less(kind, median, most):
    """The closed form has mean lengths: medians of latencies hold in the middle of the cases, not in all."""
    assert errors("rate", kind).max() < most
    assert np.median(errors("rate", kind)) < 0.03
    for name in ("first_token", "per_token"):
        assert np.median(errors(name, kind)) < median


def test_attention_ranks_wait_for_the_slowest():
    """Prompts of different ranks that do not meet in a pass each cost all ranks a pass."""
    data = [one for one in found("plain") if one.situation.layout.data > 1]
    assert len(data) == 24
    assert max(abs(one.rate) for one in data) < 0.03

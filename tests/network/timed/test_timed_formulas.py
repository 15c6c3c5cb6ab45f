"""Formulas of timed collectives: numbers by hand and limits."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.network.collectives.timed.exchange import domain, low_latency
from firstlight.network.collectives.timed.nccl import all_reduce, nccl
from firstlight.network.collectives.timed.operations import OPERATIONS, collectives

CHIP = {"link": 4.5e11, "latency": 1.0, "bandwidth": 3e12, "network": 5e10}


def arrays(**values):
    return {name: np.atleast_1d(np.asarray(value, dtype=float)) for name, value in values.items()}


def priors(operation):
    return {p.name: np.array([p.prior]) for p in collectives()[operation].parameters}


def test_large_all_reduces_reach_the_links_share():
    p = priors("nccl")
    x = arrays(size=8e9, ranks=8, nodes=1, steps=14, volume=2 * 8e9 * 7 / 8, in_switch=0.0, **CHIP)
    rate = x["volume"][0] / nccl(p, x, ())[0]
    assert rate * (1 + 0.4 / 14) == pytest.approx(0.75 * 4.5e11, rel=1e-3)


def test_a_rank_copies_its_own_part_beside_what_its_link_carries():
    """Two ranks gather a half from the other and copy their own: of the link they see 1 / 1.4 (measured: 1 / 1.3)."""
    p = priors("nccl")
    x = arrays(size=8e9, ranks=2, nodes=1, steps=1, volume=4e9, in_switch=0.0, **CHIP)
    assert x["volume"][0] / nccl(p, x, ())[0] * 1.4 == pytest.approx(0.75 * 4.5e11, rel=1e-3)


def test_small_all_reduces_take_one_shot():
    p = priors("custom_allreduce")
    x = arrays(size=1.0, ranks=2, **CHIP)
    assert all_reduce(p, x, ())[0] == pytest.approx(4e-6 + 2 * 0.15e-6, rel=2e-2)


def test_exchanges_by_hand():
    p = arrays(launch=1e-5, per_expert=0.0, link_share=0.5, nic=5e10, network=1e-5, doubling=4e-6, per_message=0.0)
    x = arrays(volume=0.0, outside=0.0, experts=256, messages=8, nodes=4, **CHIP)
    assert low_latency(p, x, ())[0] == pytest.approx(1e-5 + 1e-5 + 2 * 4e-6)
    p = arrays(launch=1e-5, per_rank=1e-7, per_token=0.0, link_share=0.5, copies=0.0, norm=1.0)
    x = arrays(volume=4.5e6, held=0.0, tokens=1.0, ranks=8, **CHIP)
    assert domain(p, x, ())[0] == pytest.approx(1e-5 + 8e-7 + 2e-5)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_parameters_start_inside_their_bounds(operation):
    for one in collectives()[operation].parameters:
        assert one.least <= one.prior <= one.most
        assert one.wide >= 0.1
        assert one.narrow >= 0.1

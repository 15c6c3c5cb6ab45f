"""The time of one collective in closed form: the same under a millisecond for 4,096 and for a million ranks."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.network.collectives import FabricTime, Tier
from firstlight.network.collectives.algorithms import constants
from firstlight.network.collectives.levels import Levels
from firstlight.network.collectives.timed.table import timed
from firstlight.spec import catalog
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.spec.parts import Accelerator
from firstlight.timings.device import device

LIMIT = 1e-3
"""Of one call [s]."""


@pytest.fixture(scope="module")
def fabric() -> FabricTime:
    """H100 in domains of 8, on leaves, pods and sites."""
    part = catalog.shipped().part(Accelerator, "nvidia-h100-sxm-80gb")
    tiers = (Tier("leaf", 32), Tier("pod", 1024), Tier("site", 65536, taper=8.0, latency=5e-3))
    model = Levels(450e9, 50e9, tiers, False, constants("hopper", with_overrides(shipped(), {})))
    return FabricTime(8, model, timed(device(part)))


@pytest.mark.parametrize("group", [(8, 512), (8, 125_000)], ids=["4096", "1000000"])
@pytest.mark.parametrize("operation", ["all_reduce", "all_gather", "all_to_all"])
def test_one_gibibyte(benchmark, fabric, operation, group):
    """With the fitted times inside domains, as `firstlight network collective` takes them."""
    benchmark.extra_info["limit_s"] = LIMIT
    seconds = benchmark(fabric, operation, 2.0**30, group)
    assert 0 < seconds < 10
    assert benchmark.stats.stats.median < LIMIT


def test_a_million_sizes_at_once(benchmark, fabric):
    """Half a microsecond each."""
    sizes = np.geomspace(1, 1e12, 1_000_000)
    seconds = benchmark.pedantic(fabric, ("all_reduce", sizes, (8, 512)), rounds=3)
    assert np.all(np.diff(seconds) >= 0)

"""Fitted times in the fabric's answers: where they reach, what they never say, one measured latency."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.network.collectives import FITTED, FabricTime, Tier
from firstlight.network.collectives.algorithms import constants
from firstlight.network.collectives.levels import Levels
from firstlight.network.collectives.timed.latency import device_of, with_latency
from firstlight.network.collectives.timed.table import NAMES, timed
from firstlight.spec import catalog
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.spec.parts import Accelerator
from firstlight.timings.device import device

A = with_overrides(shipped(), {})
SHELF = catalog.shipped()


def part(name: str) -> Accelerator:
    return SHELF.part(Accelerator, name)


def fabric(name: str, domain: int = 8) -> FabricTime:
    one = part(name)
    model = Levels(one.scale_up_bandwidth or 0.0, 50e9, (Tier("leaf", 32),), False, constants(one.architecture, A))
    return FabricTime(domain, model, timed(device(one)))


H100, GB200 = fabric("nvidia-h100-sxm-80gb"), fabric("nvidia-gb200", 72)
OPERATIONS = st.sampled_from(list(NAMES))


@pytest.mark.parametrize(
    ("name", "bus"),
    [("nvidia-h100-sxm-80gb", 445), ("nvidia-b200-sxm", 702), ("nvidia-a100-sxm-80gb", 222)],
)
def test_bus_bandwidth_of_half_a_gigabyte_on_eight(name, bus):
    """As measured, within the spread of releases."""
    time = float(fabric(name)("all_reduce", 2**29, (8, 1)))
    assert 2**29 * 2 * 7 / 8 / time / 1e9 == pytest.approx(bus, rel=0.02)


@given(OPERATIONS, st.floats(1, 1e11), st.floats(1, 1e11), st.integers(2, 8), st.integers(1, 100))
def test_time_grows_with_size_and_with_domains(operation, one, other, n, domains):
    small, large = H100(operation, np.sort([one, other]), (n, domains))
    assert small <= large * (1 + 1e-12)
    if operation != "all_to_all":
        assert H100(operation, one, (n, domains + 1)) >= H100(operation, one, (n, 1)) * (1 - 1e-12)


@given(OPERATIONS, st.floats(1, 1e11), st.integers(2, 8))
def test_never_faster_than_the_links(operation, size, n):
    least = size * (1.0 if operation == "all_reduce" and n > 4 else (n - 1) / n)
    assert H100(operation, size, (n,)) >= least / 450e9 * (1 - 1e-9)


@given(OPERATIONS, st.floats(1, 1e10), st.integers(5, 72))
def test_a_larger_domain_is_never_faster_than_the_ranks_that_were_timed(operation, size, n):
    assert GB200(operation, size, (n,)) >= GB200(operation, size, (4,)) * (1 - 1e-12)


def test_fitted_times_stand_among_the_options_where_they_reach():
    assert FITTED in H100.options("all_reduce", 1e6, (8,))
    assert FITTED not in H100.options("all_reduce", 1e6, (8, 2))
    assert FITTED not in H100.options("broadcast", 1e6, (8,))
    assert FITTED not in GB200.options("all_gather", 1e6, (8,))


@pytest.mark.parametrize("name", ["amd-mi300x", "nvidia-l40s", "google-tpu-v5p"])
def test_what_was_not_timed_has_no_table(name):
    assert timed(device(part(name))) is None


def test_intervals_are_wider_where_only_sisters_were_timed():
    own, sister = (timed(device(part(name))) for name in ("nvidia-b200-sxm", "nvidia-b300-sxm"))
    assert own is not None
    assert sister is not None
    assert (own.own, sister.own) == (True, False)
    call = ("all_reduce", np.asarray(1e6), np.asarray(8.0))
    assert sister.width(*call) > own.width(*call)


def test_one_measured_latency_sets_the_factor():
    one = device(part("nvidia-b200-sxm"))
    slow = with_latency(one, 50e-6, 8.0)
    table = timed(slow)
    assert table is not None
    assert float(table.seconds("all_reduce", np.asarray(512.0), np.asarray(8.0))) == pytest.approx(50e-6, rel=5e-3)
    assert float(table.seconds("all_reduce", np.asarray(2.0**29), np.asarray(8.0))) < 1.4e-3 * 1.3


def test_a_part_may_state_the_latency():
    plain = part("nvidia-b200-sxm")
    stated = plain.model_copy(update={"all_reduce_latency": 30e-6})
    assert device_of(plain) == device(plain)
    assert device_of(stated).sync == pytest.approx(with_latency(device(plain), 30e-6, 8.0).sync)
    fewer = plain.model_copy(update={"all_reduce_latency": 30e-6, "all_reduce_ranks": 2})
    assert device_of(fewer).sync > device_of(stated).sync
    assert replace(device_of(stated), sync=device(plain).sync) == device(plain)


def test_everything_broadcasts():
    size, n, domains = np.array([0.0, 1e6, 1e10])[:, None, None], np.arange(1, 9)[:, None], np.array([1, 16])
    for operation in NAMES:
        assert H100(operation, size, (n, domains)).shape == (3, 8, 2)
        assert H100(operation, 1e10, (np.arange(1, 9), 1)).shape == (8,)
        assert H100(operation, size, (n, domains))[2, 5, 0] == pytest.approx(H100(operation, 1e10, (6,)), rel=1e-12)

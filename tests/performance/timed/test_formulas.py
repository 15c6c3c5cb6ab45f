"""Formulas of timed kernels: numbers by hand, limits, and what must never fall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.performance.kernels.timed.context import context
from firstlight.performance.kernels.timed.gemm import gemm
from firstlight.performance.kernels.timed.generation import generation
from firstlight.performance.kernels.timed.machine import cached, waves
from firstlight.performance.kernels.timed.operations import OPERATIONS, kernels

CHIP = {
    "peak": 1e15, "bandwidth": 3e12, "units": 100.0, "clock": 2e9, "cache": 5e7, "link": 4.5e11, "latency": 1.0,
    "exponential": 1.0, "network": 5e10,
}  # fmt: skip


def arrays(**values):
    return {name: np.atleast_1d(np.asarray(value, dtype=float)) for name, value in values.items()}


def best(operation, **shape):
    found = kernels()[operation]
    x = arrays(**CHIP, **shape)
    rows = max(len(column) for column in x.values())
    x = {name: np.broadcast_to(column, rows) for name, column in x.items()}
    return np.exp(found.best(np.tile(found.prior, (rows, 1)), x)[0])


PRODUCT = {"weight": 2.0, "activation": 2.0, "quantised": 0.0}
HEADS = {"window": 0.0, "prefix": 0.0, "key": 128.0, "value": 128.0, "query_bytes": 2.0, "cache_bytes": 4096.0,
         "passed": 0.0}  # fmt: skip
CACHE = {"groups": 8.0, "kv_heads": 8.0, "tiles": 1.0, "padded": 16.0, "key": 128.0, "value": 128.0,
         "token_bytes": 512.0, "most_splits": 64.0}  # fmt: skip


def test_a_product_by_hand():
    # One wave of 100 tiles of 128 x 128 on 100 units: 10 x 10 tiles, k 4096; no ramp, no cache, no split.
    p = arrays(launch=2e-6, compute=0.5, memory=0.5, feed=1e9, epilogue=1e9, split=1.0, norm=12.0, fill=0.0, wave=1.0,
               cached=1.0, small=0.0, row_time=0.0, passes=0.0)  # fmt: skip
    x = arrays(m=1280, n=1280, k=4096, **PRODUCT, **CHIP)
    compute = 4096 * 2 * 128 * 128 / (1e15 / 100 * 0.5)
    assert gemm(p, x, tuple(np.array([v]) for v in (128.0, 128.0, 1.0)))[0] == pytest.approx(2e-6 + compute, rel=1e-3)


def test_a_prompt_by_hand():
    # 16 heads of one tile each on 100 units: one round; 128 keys in the mean 64 + 64, at 2 x 128 x 256 FLOPs each.
    p = arrays(launch=1e-5, compute=1.0, exponentials=1e9, memory=1.0, norm=12.0, fill=0.0, per_head=0.0, passes=0.0)
    x = arrays(batch=1, heads=16, length=128, **HEADS, **CHIP)
    # The mean over units and the longest unit take the same time here, and join as the 12-norm of two equal ones.
    core = 128 * 2 * 128 * 256 / (1e15 / 100) * 2 ** (1 / 12)
    assert context(p, x, ())[0] == pytest.approx(1e-5 + core, rel=1e-3)


def test_a_token_reads_its_cache_once():
    # Many requests: the memory is the limit. 64 requests x 8 heads x 8192 keys x 512 B at 3 TB/s.
    p = arrays(launch=0.0, memory=1.0, compute=1.0, stream=1e15, split=0.0, norm=12.0, fill=0.0, cached=1.0,
               resident=1.0, per_unit=0.0, passes=0.0)  # fmt: skip
    x = arrays(batch=64, heads=64, length=8192, **CACHE, **CHIP)
    moved = 64 * 8 * 8192 * 512 + 64 * 64 * 256 * 2
    assert generation(p, x, (np.array([1.0]),))[0] == pytest.approx(moved / 3e12, rel=1e-2)


def test_caches_speed_up_small_data_only():
    moved, gain = np.array([1e3, 1e12]), np.array([3.0, 3.0])
    assert cached(moved, np.array([1e12, 1e12]), gain, np.array([5e7, 5e7])) == pytest.approx([3e12, 1e12])


def test_waves_are_at_least_one_and_whole_where_quantised():
    assert waves(np.array([1.0, 150.0]), np.array([100.0]), 1.0).tolist() == [1.0, 2.0]
    assert waves(np.array([150.0]), np.array([100.0]), 0.0).tolist() == [1.5]


@given(st.integers(1, 16384), st.integers(1, 8), st.integers(1, 64), st.integers(1, 64))
def test_larger_products_take_no_less_time(m, more, n, k):
    short, tall = best("gemm", m=[m, m * more], n=64.0 * n, k=64.0 * k, **PRODUCT)
    assert tall >= short * (1 - 1e-9)


@given(st.integers(1, 64), st.integers(16, 32768), st.integers(2, 4))
def test_longer_prompts_take_more_time(batch, length, more):
    short, long = best("context_attention", batch=batch, heads=32.0, length=[length, length * more], **HEADS)
    assert long > short


@given(st.integers(1, 256), st.integers(16, 65536), st.integers(2, 4))
def test_longer_caches_take_no_less_time(batch, length, more):
    short, long = best("generation_attention", batch=batch, heads=64.0, length=[length, length * more], **CACHE)
    assert long >= short * (1 - 1e-9)


@given(st.integers(256, 32768))
def test_windows_never_slow_a_prompt_down(length):
    wide, narrow = best("context_attention", batch=4.0, heads=32.0, length=length, **(HEADS | {"window": [0.0, 128.0]}))
    assert narrow <= wide * (1 + 1e-9)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_parameters_start_inside_their_bounds(operation):
    for one in kernels()[operation].parameters:
        assert one.least <= one.prior <= one.most
        assert one.wide >= 0.1
        assert one.narrow >= 0.1

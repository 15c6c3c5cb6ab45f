"""Kernels at their limits: the roofline's two sides, quantisation, masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance.flops import forward_flops, training_flops
from firstlight.performance.kernels.attention import attention, decode, keys_seen
from firstlight.performance.kernels.gemm import gemm, join, shape_efficiency
from firstlight.performance.kernels.scan import recur, scan
from firstlight.performance.machine import family, machine, runs_as
from firstlight.performance.shapes import Scan, Softmax, layers
from firstlight.spec import assumptions, catalog, models
from firstlight.spec.parts import Accelerator, Host, System

A = assumptions.with_overrides(assumptions.shipped(), {})
PARTS = catalog.shipped()


def at(system: str = "hgx-h100", precision: str = "bf16", a=A):
    made = PARTS.part(System, system)
    return machine(PARTS.part(Accelerator, made.accelerator), PARTS.part(Host, made.host), made, precision, a)


H100 = at()
RATES = H100.rates("bf16", A)


def cores(name: str, kind: type) -> list:
    return [core for layer in layers(models.find(name)) for core in layer.cores if isinstance(core, kind)]


CORE = cores("llama-3.1-8b", Softmax)[0]


def test_a_large_product_runs_at_the_family_s_efficiency():
    time = float(gemm(16384, 16384, 16384, RATES))
    reached = 2 * 16384**3 / time / H100.peak
    assert reached == pytest.approx(RATES.efficiency, rel=0.06)


def test_a_thin_product_runs_at_the_memory_s_bandwidth():
    time = float(gemm(1, 16384, 16384, RATES))
    assert 2 * 16384**2 / time == pytest.approx(RATES.bandwidth, rel=0.05)


def test_h100_kernels_are_near_the_timed_ones():
    """8,192^3 in bf16 takes about 1.6 to 1.8 ms in a training step (650 to 700 TFLOP/s)."""
    assert 600e12 < 2 * 8192**3 / float(gemm(8192, 8192, 8192, RATES)) < 800e12


def test_join_is_between_the_maximum_and_the_sum():
    assert 3.0 < float(join(4.0, 3.0, 2.0)) < 5.0
    assert float(join(4.0, 3.0, 0.0)) == pytest.approx(3.0)


@given(m=st.integers(1, 10**5), n=st.integers(1, 10**5), k=st.integers(1, 10**5))
def test_efficiency_is_a_share(m, n, k):
    assert 0 < float(shape_efficiency(m, n, k, 1, RATES)) <= 1


@given(m=st.integers(1, 10**5), n=st.integers(1, 10**5), k=st.integers(1, 10**5))
def test_no_product_is_quicker_than_peak_and_memory_allow(m, n, k):
    time = float(gemm(m, n, k, RATES))
    assert time >= 2.0 * m * n * k / H100.peak
    assert time >= 2.0 * (m * k + n * k + m * n) / H100.bandwidth


def test_kernels_broadcast():
    m = np.array([1, 64, 4096])
    assert gemm(m[:, None], np.array([4096, 8192]), 4096, RATES).shape == (3, 2)


def test_causal_masks_leave_half_and_windows_cut():
    full = Softmax(**{**vars(CORE), "causal": False})
    assert float(keys_seen(full, 8192)) == 8192
    assert float(keys_seen(CORE, 8192)) == 4096
    window = Softmax(**{**vars(CORE), "window": 1024})
    assert float(keys_seen(window, 8192)) == pytest.approx(1024 - 1024**2 / 16384)


def test_fused_attention_is_quicker_than_unfused():
    old = assumptions.with_overrides(assumptions.shipped(), {"performance.fused_attention": 0})
    new_forward, new_backward = attention(8192, 8192, CORE, 1, H100, A)
    old_forward, old_backward = attention(8192, 8192, CORE, 1, H100, old)
    assert new_forward < 0.5 * old_forward
    assert new_backward < 0.7 * old_backward
    assert new_backward > 2 * new_forward


def test_decode_reads_the_cache_once():
    many = float(decode(512, 32768, CORE, 1, H100, A))
    held = 512 * 32768 * 8 * 128 * 2 * 2
    assert held / many == pytest.approx(H100.bandwidth, rel=0.3)


def test_scan_grows_with_tokens_and_recurrence_with_requests():
    core = cores("nemotron-h-8b", Scan)[0]
    assert float(scan(16384, 8192, core, 1, H100, A)) == pytest.approx(2 * float(scan(8192, 8192, core, 1, H100, A)))
    assert float(recur(4096, core, 1, H100, A)) > 10 * float(recur(64, core, 1, H100, A))


def test_flops_are_two_a_parameter_and_attention():
    model = models.find("llama-3.1-8b")
    attention_part = 32 * 2 * 8192 * 4096 * 32 * 256
    weights = forward_flops(model, 8192) - attention_part
    assert weights / 8192 / 2 == pytest.approx(8.03e9 - 128256 * 4096, rel=0.005)
    assert training_flops(model, 8192) == 3 * forward_flops(model, 8192)


def test_experts_count_only_where_they_are_active():
    model = models.find("deepseek-v3")
    assert forward_flops(model, 1) / 2 == pytest.approx(37e9, rel=0.05)


def test_types_without_hardware_run_in_the_next_wider_one():
    a100 = PARTS.part(Accelerator, "nvidia-a100-sxm-80gb")
    assert runs_as(a100, "fp8") == "bf16"
    assert "no fp8 hardware" in at("hgx-a100", "fp8").note
    with pytest.raises(UsageError, match="bf16"):
        runs_as(a100.model_copy(update={"bf16": None}), "bf16")


@pytest.mark.parametrize(
    ("architecture", "kind"), [("hopper", "hopper"), ("cdna3", "cdna"), ("tpu-v5", "tpu"), ("davinci", "other")]
)
def test_families(architecture, kind):
    assert family(architecture) == kind


@pytest.mark.parametrize("chip", PARTS.parts(Accelerator), ids=lambda chip: chip.id)
def test_every_accelerator_of_a_system_makes_a_machine(chip):
    for system in PARTS.parts(System):
        if system.accelerator == chip.id and chip.bf16 is not None:
            made = at(system.id)
            assert 0.2 < made.efficiency16 <= 1
            assert float(gemm(4096, 4096, 4096, made.rates("bf16", A))) > 0

"""What experts cost in the step: their exchange, their launches, their fill, and what fused kernels take away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.performance import training
from firstlight.performance.shapes import layers
from firstlight.spec import assumptions, catalog, models
from firstlight.spec.design import TrainingLayout
from firstlight.spec.model import Experts
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training

PARTS = catalog.shipped()
MODEL, RANKS = "mixtral-8x7b", 64
LAYERS, ACTIVE, HIDDEN, SEQUENCE = 32, 2, 4096, 4096


def a(**overrides):
    named = {f"performance.{name}": value for name, value in overrides.items()}
    return assumptions.with_overrides(assumptions.shipped(), named)


def wire(operation, size, group):
    """1 GB/s for each domain that a group spans, whatever the collective."""
    del operation
    inner, outer = (np.asarray(level, float) for level in group)
    return np.where(inner * outer > 1, np.asarray(size, float) * outer / 1e9, 0.0)


def run(system="hgx-h100", precision="bf16", model=MODEL, over=None, **layout):
    place = PARTS.part(System, system)
    work = Training.model_validate(
        {
            "train": model,
            "tokens": "1T",
            "batch": float(RANKS * SEQUENCE),
            "sequence": SEQUENCE,
            "precision": precision,
        },
        strict=False,
    )
    chip, host = PARTS.part(Accelerator, place.accelerator), PARTS.part(Host, place.host)
    asked = TrainingLayout.model_validate(layout)
    asked_of = training.Run(work, models.find(model), place, chip, host, RANKS, wire, a(**(over or {})))
    return training.train(asked_of, asked)


def test_each_expert_gets_a_copy_or_each_rank_gets_one():
    """A sequence a rank, 8 ranks of a domain: 2 copies of a token, or 8 (1 - (7/8)^2) = 1.875, there and back twice."""
    plain = {"expert_exposed": "100 %", "expert_imbalance": 1, "software_experts": 0}
    copies, once = (run(expert=8, over={**plain, "dispatch_once": n}).step_parts["expert"] for n in (0, 1))
    token = SEQUENCE * HIDDEN * 2.0 / 1e9
    assert copies == pytest.approx(4 * LAYERS * ACTIVE * token)
    assert once == pytest.approx(copies * 1.875 / ACTIVE)


def test_across_domains_one_copy_a_domain_counts():
    """64 ranks in 8 domains: the wire between domains carries 8 (1 - (7/8)^k) copies, the one inside is no slower."""
    plain = {"expert_exposed": "100 %", "expert_imbalance": 1, "software_experts": 0, "dispatch_once": 1}
    found = run(model="deepseek-v2-lite", expert=64, over=plain).step_parts["expert"]
    model = models.find("deepseek-v2-lite").main
    parts = [(block.count, block.feed_forward) for block in model.blocks]
    routed = [(count, part) for count, part in parts if isinstance(part, Experts)]
    experts, active = sum(count for count, _ in routed), routed[0][1].active
    copies = 8 * (1 - (7 / 8) ** active)
    assert found == pytest.approx(4 * experts * SEQUENCE * model.hidden * 2 * copies * 8 / 1e9)


@given(st.sampled_from([1, 2, 4, 8, 16, 32, 64]))
def test_a_token_never_travels_more_often_than_it_has_experts(ranks):
    over = {"expert_imbalance": 1}
    copies, once = (
        run(model="deepseek-v2-lite", expert=ranks, over={**over, "dispatch_once": n}).step_parts.get("expert", 0.0)
        for n in (0, 1)
    )
    assert once <= copies * (1 + 1e-9)


def test_the_host_launches_expert_by_expert_and_is_waited_for():
    """8 experts on a rank: 80 us more forward and 128 us backward in each of 32 layers."""
    none, some = (run(over={"launch_expert": f"{n} us"}).step_parts["launch"] for n in (0, 10))
    assert some - none == pytest.approx(LAYERS * 8 * 10e-6 * 2.6)


def test_kernels_for_all_experts_are_blackwell_s_in_few_bits():
    def gain(system, precision):
        found = [run(system, precision, over={"fused_experts": n}).step_parts for n in (0, 1)]
        apart, fused = (sum(one.get(part, 0.0) for part in ("gemm", "elementwise", "launch")) for one in found)
        return apart / fused

    assert gain("hgx-h100", "fp8") == gain("gb200-nvl72", "bf16") == 1.0
    assert 1.05 < gain("gb200-nvl72", "fp8") < 3.0
    assert "launch" not in run("gb200-nvl72", "fp8").step_parts


def test_grouped_products_are_slower_than_single_ones():
    """Experts are most of the products, not all."""
    slow, quick = (run(over={"grouped_efficiency": f"{n} %"}).step_parts["gemm"] for n in (50, 100))
    assert 1.6 < slow / quick < 2.0


def test_biases_of_experts_take_their_bytes():
    none, some = (run(model="gpt-oss-20b", over={"expert_bias_bytes": f"{n} B"}).step_parts for n in (0, 10))
    assert some["elementwise"] > none["elementwise"]
    same = [run(over={"expert_bias_bytes": f"{n} B"}).step_parts["elementwise"] for n in (0, 10)]
    assert same[0] == same[1]


def test_gradients_in_16_bits_are_accumulated_in_half_the_time():
    wide, narrow = (
        run(model="llama-3-8b", tensor=8, gradients=kind).step_parts["elementwise"] for kind in ("fp32", "bf16")
    )
    rate = PARTS.part(Accelerator, "nvidia-h100-sxm-80gb").memory_bandwidth * a()["performance.memory_efficiency"]
    inside = sum(layer.count * layer.dense for layer in layers(models.find("llama-3-8b")))
    halved = 8 * inside / 8 * a()["performance.accumulation"] / 2 / rate
    assert wide - narrow == pytest.approx(halved, rel=1e-6)

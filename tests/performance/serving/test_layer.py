"""Parts of a layer that kernel timings and configurations tell: norms, all-reduces, experts, activations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from firstlight.performance.machine import machine
from firstlight.performance.serving import Case, Layouts
from firstlight.performance.serving.memory import cache_room, memory_parts
from firstlight.performance.serving.rates import serving_rates
from firstlight.performance.serving.step import decode_parts, prefill_time
from firstlight.spec import assumptions, catalog, models
from firstlight.spec.design import ServingLayout
from firstlight.spec.parameters import parameters
from firstlight.spec.parts import Accelerator, Host, System


def slow(operation, size, group):
    """A fabric that nobody would take inside a domain: 1 ms, and 1 GB/s."""
    ranks = np.asarray(group[0]) * np.asarray(group[1])
    return np.where(ranks > 1, 1e-3 + np.asarray(size) / 1e9, 0.0)


def case(model="qwen3-32b", tensor=8, system="hgx-h100", kind="fp8", **overrides) -> Case:
    names = {f"performance.serving_{name}": value for name, value in overrides.items()}
    parts, a = catalog.shipped(), assumptions.with_overrides(assumptions.shipped(), names)
    host = parts.part(System, system)
    chip, cpu = parts.part(Accelerator, host.accelerator), parts.part(Host, host.host)
    layouts = Layouts.of([ServingLayout(tensor=tensor)])
    return Case(models.find(model), 1024.0, 1024.0, machine(chip, cpu, host, kind, a), layouts, slow, a)


def with_mixer(model, **changes):
    """The model with other attention in all of its blocks."""
    towers = tuple(
        replace(tower, blocks=tuple(replace(block, mixer=replace(block.mixer, **changes)) for block in tower.blocks))
        for tower in model.towers
    )
    return replace(model, towers=towers)


def test_norms_over_all_heads_take_two_kernels_and_an_all_reduce():
    plain, heads, across = (
        replace(case(layer_norms="6 us"), model=with_mixer(models.find("qwen3-32b"), norm=norm, norm_across=over))
        for norm, over in ((False, False), (True, False), (True, True))
    )
    parts = [decode_parts(one, 1.0) for one in (plain, heads, across)]
    kernels = [float(one["kernels"][0]) for one in parts]
    assert kernels[1] - kernels[0] == pytest.approx(64 * 6e-6)
    assert kernels[2] - kernels[1] == pytest.approx(64 * 6e-6)
    sums = [float(one["communication"][0]) for one in parts]
    assert sums[0] == sums[1]
    assert 0.9 * sums[0] / 2 < sums[2] - sums[1] < sums[0] / 2  # three for two, and the third is shorter


def test_norms_over_all_heads_have_a_weight_for_each():
    model = models.find("minimax-m2.5")  # 62 layers, 48 and 8 heads of 128
    more = parameters(model) - parameters(with_mixer(model, norm_across=False))
    assert more == 62 * (48 + 8 - 2) * 128


def communication(batch, **overrides):
    """Of one layer's all-reduces with so many tokens [s]."""
    given = {"all_reduce_base": "3 us", "all_reduce_hop": "0.1 us", "all_reduce_link": "50 %", "all_reduce_load": "1"}
    return float(decode_parts(case(**{**given, **overrides}), batch)["communication"][0]) / 64 / 2


def test_small_all_reduces_take_one_shot_and_large_ones_two():
    size, link = 5120 * 2.0, 450e9 * 0.5
    assert communication(1.0) == pytest.approx(3e-6 + 0.8e-6 + 7 * size / link)
    two = 1.3 * 3e-6 + 1.6e-6 + 2 * 7 / 8 * 256 * size / link
    assert communication(256.0) == pytest.approx(two)
    assert communication(256.0, all_reduce_load="1.5") == pytest.approx(1.5 * two)


def test_domains_without_links_of_their_own_take_the_fabric():
    alone = case(tensor=4, system="hgx-h100")
    bus = replace(alone, work=replace(alone.work, scale_up=31.5e9))
    assert decode_parts(bus, 1.0)["communication"][0] > 64 * 2 * 1e-3 > decode_parts(alone, 1.0)["communication"][0]


def test_unpacked_experts_have_a_launch_and_a_rate_of_their_own():
    hopper, blackwell = (case("gpt-oss-120b", 8, system, "fp4") for system in ("hgx-h100", "hgx-b200"))
    rates = [serving_rates(one.work, one.dense_type, one.a, prefill=False) for one in (hopper, blackwell)]
    launches, a = [one.experts_launch for one in rates], hopper.a
    assert launches == [
        a["performance.serving_experts_launch_unpacked"], a["performance.serving_experts_launch_fp4"],
    ]  # fmt: skip
    faster = case("gpt-oss-120b", 8, "hgx-h100", "fp4", experts_gemm_unpacked="64 %")
    assert prefill_time(faster, 8.0) < prefill_time(hopper, 8.0)


def test_tokens_that_choose_alike_read_fewer_experts():
    alone, alike = (decode_parts(case("gpt-oss-120b", kind="fp4", routing_spread=n), 16.0)["experts"] for n in (1, 0.5))
    few = decode_parts(case("gpt-oss-120b", kind="fp4", routing_spread=1), 8.0)["experts"]
    assert few < alike < alone


def test_prefills_move_their_activations():
    more, less = (case(prefill_passes=n) for n in (5, 3))
    width = 2 * 5120 + (64 + 2 * 8) * 128 / 8 + 25600 / 8
    moved = 2 * 2.0 * 1024 * width / more.work.bandwidth * 64
    assert float((prefill_time(more, 1.0) - prefill_time(less, 1.0))[0]) == pytest.approx(moved)


def test_the_cache_takes_a_share_of_what_is_free():
    whole, part = (case(cache_share=share) for share in ("100 %", "90 %"))
    assert cache_room(part)[0] == pytest.approx(0.9 * cache_room(whole)[0])
    for one in (whole, part):
        used = memory_parts(one, 1.0)
        free = one.work.memory - used["weights"] - used["activations"] - used["framework"]
        assert free[0] == pytest.approx(cache_room(one)[0])


def test_what_does_not_fit_is_short_by_all_of_it():
    whole, part = (case(tensor=1, kind="bf16", system="hgx-h100", cache_share=share) for share in ("100 %", "50 %"))
    small = [replace(one, work=replace(one.work, memory=40e9)) for one in (whole, part)]
    assert cache_room(small[0])[0] == cache_room(small[1])[0] < 0

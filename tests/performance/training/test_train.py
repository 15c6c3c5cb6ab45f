"""One training step: sums, limits and directions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import InfeasibleError, UsageError
from firstlight.performance import training
from firstlight.performance.training import Layouts, Run, case_of, step_parts
from firstlight.spec import assumptions, catalog
from firstlight.spec.design import TrainingLayout
from firstlight.spec.huggingface import read
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training

PARTS = catalog.shipped()
SYSTEM = PARTS.part(System, "hgx-h100")
CHIP, HOST = PARTS.part(Accelerator, SYSTEM.accelerator), PARTS.part(Host, SYSTEM.host)
LLAMA_8B = read(
    {
        "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 8192,
    },
    "llama-8b", "test",
)  # fmt: skip


def a(**overrides):
    return assumptions.with_overrides(
        assumptions.shipped(), {f"performance.{name}": value for name, value in overrides.items()}
    )


def wire(operation, size, group):
    """50 GB/s and 20 us, whatever the collective and the group."""
    inner, outer = (np.asarray(level, float) for level in group)
    return np.where(inner * outer > 1, 20e-6 + np.asarray(size, float) / 50e9, 0.0)


def work(**fields) -> Training:
    return Training.model_validate({"train": "llama-8b", "tokens": "1T", "batch": "4M tokens", **fields})


def asked(workload: Training, accelerators: int = 64, model=LLAMA_8B, chip=CHIP, time=wire, own=None) -> Run:
    return Run(workload, model, SYSTEM, chip, HOST, accelerators, time, own or a())


def run(layout: TrainingLayout, accelerators: int = 64, model=LLAMA_8B, time=wire, **fields):
    return training.train(asked(work(**fields), accelerators, model=model, time=time), layout)


TENSOR = TrainingLayout(tensor=8, micro_batch=1)


def test_parts_add_up():
    result = run(TENSOR)
    assert sum(result.step_parts.values()) == pytest.approx(result.step_time.p50)
    assert sum(result.memory_parts.values()) == pytest.approx(result.memory)
    assert result.data == 8
    assert result.tokens_per_s.p50 * result.step_time.p50 == pytest.approx(result.batch)
    assert result.duration.p50 == pytest.approx(1e12 / result.tokens_per_s.p50)
    assert result.step_time.p10 < result.step_time.p50 < result.step_time.p90
    assert 0.1 < result.mfu.p50 < 0.65


def test_mfu_is_six_n_and_attention_over_the_peak():
    result = run(TENSOR)
    flops = result.mfu.p50 * CHIP.bf16 * 64 / result.tokens_per_s.p50
    attention = 6 * 32 * 8192 * 4096  # causal: half of 12 s d per layer
    assert flops == pytest.approx(6 * result.parameters + attention, rel=0.08)


def test_a_free_network_only_makes_it_quicker():
    free = run(TENSOR, time=lambda operation, size, group: np.zeros(np.broadcast(size, *group).shape))
    assert free.step_time.p50 < run(TENSOR).step_time.p50
    assert free.step_parts.get("tensor", 0.0) == 0.0


def test_recomputation_takes_time_and_saves_memory():
    none, selective, full = (run(TrainingLayout(tensor=8, recompute=level)) for level in ("none", "selective", "full"))
    assert none.step_time.p50 < selective.step_time.p50 < full.step_time.p50
    assert none.memory > selective.memory > full.memory


def test_zero_saves_memory_stage_by_stage():
    used = [run(TrainingLayout(zero=stage)).memory for stage in (0, 1, 2, 3)]
    assert used == sorted(used, reverse=True)
    assert used[0] > used[3]


def test_a_pipeline_has_a_bubble_and_interleaving_shrinks_it():
    one, two = (run(TrainingLayout(tensor=2, pipeline=8, interleave=chunks)) for chunks in (1, 2))
    assert run(TENSOR).step_parts.get("bubble", 0.0) == 0.0
    assert one.step_parts["bubble"] > 1.8 * two.step_parts["bubble"]


def test_states_follow_the_parameters():
    """Weights and gradients of 8.03 B parameters split over 8 tensor ranks: 2 B a weight."""
    assert run(TENSOR).memory_parts["weights"] == pytest.approx(8.03e9 * 2 / 8, rel=0.02)


def test_context_parallelism_makes_long_sequences_fit():
    layout = {"tensor": 8, "micro_batch": 1}
    alone = run(TrainingLayout(**layout), sequence=131072)
    spread = run(TrainingLayout(**layout, context=8), sequence=131072)
    assert spread.memory < 0.4 * alone.memory


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ({"tensor": 3}, "does not divide 32 attention heads"),
        ({"tensor": 8, "pipeline": 16}, "lower one of them"),
        ({"pipeline": 35}, "32 layers"),
        ({"expert": 2}, "no effect"),
        ({"interleave": 2}, "no effect"),
        ({"micro_batch": 64}, "raise the batch"),
        ({"context": 3}, "does not divide"),
    ],
)
def test_wrong_layouts_are_refused_with_a_remedy(layout, says):
    with pytest.raises(UsageError, match=says):
        run(TrainingLayout(**layout))


def test_best_is_the_quickest_that_fits():
    layout, reason = training.best(asked(work()))
    chosen = run(layout)
    assert chosen.memory <= chosen.memory_available
    assert chosen.step_time.p50 <= run(TENSOR).step_time.p50
    assert "layouts that fit" in reason


def test_best_says_what_would_hold_a_model_that_does_not_fit():
    with pytest.raises(InfeasibleError, match="It fits on"):
        training.best(asked(work(batch="16k"), 1))


@settings(max_examples=30, deadline=None)
@given(
    tensor=st.sampled_from([1, 2, 4, 8]),
    pipeline=st.sampled_from([1, 2, 4]),
    zero=st.integers(0, 3),
    recompute=st.sampled_from(["none", "selective", "full"]),
    micro_batch=st.sampled_from([1, 2, 4]),
)
def test_more_work_takes_longer_in_any_layout(tensor, pipeline, zero, recompute, micro_batch):
    layout = TrainingLayout(tensor=tensor, pipeline=pipeline, zero=zero, recompute=recompute, micro_batch=micro_batch)
    small, large = run(layout, batch="4M tokens"), run(layout, batch="8M tokens")
    assert 0 < small.step_time.p50 < large.step_time.p50
    assert large.step_time.p50 < 2.2 * small.step_time.p50


def test_adapters_need_no_gradients_of_weights():
    layout = TrainingLayout()
    full, lora = run(layout), run(layout, adapters=16)
    assert 2 / 3 < lora.step_parts["gemm"] / full.step_parts["gemm"] < 0.8  # 4 of 6 FLOPs, and the adapters' own
    assert lora.memory_parts["optimizer"] < 0.02 * full.memory_parts["optimizer"]
    assert lora.memory_parts["weights"] == full.memory_parts["weights"]
    assert lora.mfu.p50 == pytest.approx(full.mfu.p50, rel=0.2)
    assert run(layout, adapters=256).step_time.p50 > lora.step_time.p50


def test_hybrid_sharding_gathers_over_fewer_ranks_and_keeps_more():
    def fabric(operation, size, group):
        """25 GB/s across domains, 400 GB/s inside."""
        inner, outer = (np.asarray(level, float) for level in group)
        rate = np.where(outer > 1, 25e9, 400e9)
        return np.where(inner * outer > 1, 20e-6 + np.asarray(size, float) / rate, 0.0)

    whole = run(TrainingLayout(zero=3), time=fabric)
    hybrid = run(TrainingLayout(zero=3, shard=8), time=fabric)
    assert hybrid.step_time.p50 < whole.step_time.p50  # gathers stay inside a node
    assert hybrid.memory_parts["optimizer"] == pytest.approx(8 * whole.memory_parts["optimizer"])
    assert run(TrainingLayout(zero=3, shard=64), time=fabric).step_time.p50 == pytest.approx(whole.step_time.p50)


def test_a_shard_that_does_not_divide_or_has_no_effect_is_refused():
    with pytest.raises(UsageError, match="shard 12 does not divide 64 data-parallel ranks; the nearest that does is 8"):
        run(TrainingLayout(zero=3, shard=12))
    with pytest.raises(UsageError, match="shard has no effect with zero: 0"):
        run(TrainingLayout(zero=0, shard=8))


def test_a_lower_power_limit_is_slower_and_a_higher_one_is_not_faster():
    def step(tdp: float) -> float:
        chip = CHIP.model_copy(update={"tdp": tdp, "matmul": None})
        return training.train(asked(work(), chip=chip), TENSOR).step_time.p50

    assert step(500.0) > 1.05 * step(700.0)
    assert step(900.0) == pytest.approx(step(700.0), rel=1e-3)


def test_without_sequence_parallelism_norms_are_done_by_every_rank():
    def step(parallel: int) -> dict[str, float]:
        own = a(sequence_parallel=parallel)
        return training.train(asked(work(), own=own), TENSOR).step_parts

    assert step(0)["elementwise"] > 2 * step(1)["elementwise"]
    assert step(0)["gemm"] == step(1)["gemm"]


def test_coefficients_may_be_arrays_over_configurations():
    """What a fit does: one layout many times, each with its own coefficients."""
    name, values = "performance.gemm_bf16_hopper", np.array([0.5, 0.6, 0.7])

    def seconds(own, count):
        layouts = Layouts.of([TENSOR] * count)
        return sum(step_parts(case_of(asked(work(), own=own), layouts)).values())

    entries = dict(assumptions.shipped())
    many = assumptions.Assumptions(entries | {name: replace(entries[name], value=values)})
    alone = [seconds(assumptions.Assumptions(entries | {name: replace(entries[name], value=v)}), 1)[0] for v in values]
    assert seconds(many, 3) == pytest.approx(alone)
    assert alone[0] > alone[1] > alone[2]


def test_tensor_parallelism_across_domains_hides_nothing():
    """With a wire that costs the same everywhere, leaving the node is dearer by what no longer hides."""
    inside, across = run(TrainingLayout(tensor=8)), run(TrainingLayout(tensor=16))
    exposed = a()["performance.tensor_exposed"]
    # each of 16 ranks has twice the micro-batches of half as many replicas
    assert across.step_parts["tensor"] * exposed == pytest.approx(2 * inside.step_parts["tensor"], rel=0.01)

"""What the options of a layout change in the step and in the memory: directions, sums, limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance import training
from firstlight.performance.training import Layouts
from firstlight.performance.training.time.sites import seen_between_sites
from firstlight.spec import assumptions, catalog, models
from firstlight.spec.design import TrainingLayout
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Training

PARTS = catalog.shipped()
SYSTEM = PARTS.part(System, "hgx-h100")
CHIP, HOST = PARTS.part(Accelerator, SYSTEM.accelerator), PARTS.part(Host, SYSTEM.host)
GIB = 2.0**30


def a(**overrides):
    named = {f"performance.{name}": value for name, value in overrides.items()}
    return assumptions.with_overrides(assumptions.shipped(), named)


def wire(_operation, size, group):
    """50 GB/s and 20 us, whatever the collective and the group."""
    inner, outer = (np.asarray(level, float) for level in group)
    return np.where(inner * outer > 1, 20e-6 + np.asarray(size, float) / 50e9, 0.0)


def run(model="llama-3-8b", accelerators=64, batch="4194304 tokens", chip=CHIP, sequence=8192, over=None, **layout):
    work = Training.model_validate({"train": model, "tokens": "1T", "batch": batch, "sequence": sequence})
    asked = training.Run(work, models.find(model), SYSTEM, chip, HOST, accelerators, wire, a(**(over or {})))
    return training.train(asked, TrainingLayout.model_validate(layout))


layouts = st.builds(
    TrainingLayout,
    tensor=st.sampled_from([1, 2, 8]),
    pipeline=st.sampled_from([1, 4]),
    recompute=st.sampled_from(["none", "selective", "full"]),
    schedule=st.sampled_from(["1f1b", "gpipe", "zero-bubble", "dualpipe"]),
    context_kind=st.sampled_from(["ring", "all-gather", "ulysses"]),
    dispatch=st.sampled_from(["bf16", "fp8"]),
    gradients=st.sampled_from(["fp32", "bf16"]),
    moments=st.sampled_from(["fp32", "bf16", "fp8"]),
    offload=st.sampled_from([(), ("activations",), ("optimizer", "weights")]),
    first_layers=st.sampled_from([None, 0, 7]),
    sites=st.sampled_from([1, 4]),
    site_link=st.sampled_from([None, "100 Gb/s"]),
    shard=st.sampled_from([None, 4]),
)


@given(st.lists(layouts, min_size=1, max_size=4))
def test_layouts_as_arrays_read_back_as_the_same_documents(given_layouts):
    arrays = Layouts.of(given_layouts)
    assert [arrays.one(index) for index in range(len(arrays))] == given_layouts
    assert arrays.take(np.arange(len(arrays))[::-1]).one(0) == given_layouts[-1]


def test_weight_gradients_fill_the_bubble_and_two_ends_halve_it():
    found = {name: run(tensor=2, pipeline=8, schedule=name) for name in ("1f1b", "gpipe", "zero-bubble", "dualpipe")}
    bubble = {name: one.step_parts["bubble"] for name, one in found.items()}
    assert bubble["gpipe"] == pytest.approx(bubble["1f1b"])
    assert 0.3 * bubble["1f1b"] < bubble["zero-bubble"] < 0.8 * bubble["1f1b"]
    assert bubble["dualpipe"] < 0.6 * bubble["1f1b"]
    assert found["gpipe"].memory_parts["activations"] > 7 * found["1f1b"].memory_parts["activations"]
    weights = {name: one.memory_parts["weights"] for name, one in found.items()}
    assert 1.6 * weights["1f1b"] < weights["dualpipe"] < 2.2 * weights["1f1b"]


def test_all_to_all_hides_in_a_dualpipe():
    """32 micro-batches a stage: nearly all passes run in pairs."""
    layout = {"model": "mixtral-8x7b", "pipeline": 4, "expert": 8, "batch": "16777216 tokens"}
    apart, beside = run(**layout), run(**layout, schedule="dualpipe")
    assert beside.step_parts["expert"] < 0.2 * apart.step_parts["expert"]


def test_every_stage_is_told_and_the_fullest_is_the_memory():
    one = run(tensor=2, pipeline=4)
    totals = np.sum(list(one.memory_stages.values()), axis=0)
    assert totals.shape == (4,)
    assert totals.max() == pytest.approx(one.memory)
    assert list(one.memory_stages["activations"]) == sorted(one.memory_stages["activations"], reverse=True)
    assert one.memory_stages["loss"][:3] == (0.0, 0.0, 0.0)
    assert one.memory_stages["loss"][3] > 0


def test_fewer_layers_beside_the_head_shorten_the_slowest_stage():
    even, uneven = run(tensor=2, pipeline=4), run(tensor=2, pipeline=4, first_layers=8, last_layers=6)
    assert uneven.step_parts["imbalance"] < even.step_parts["imbalance"]
    assert sum(uneven.memory_stages["weights"]) == pytest.approx(sum(even.memory_stages["weights"]), rel=1e-6)


def test_uneven_layers_add_up():
    """126 layers over 16 stages: 8 each but 7 beside embedding and head (Llama 3 paper, section 3.3.2)."""
    work = Training.model_validate({"train": "llama-3.1-405b", "tokens": "1T", "batch": "16M tokens"})
    asked = training.Run(work, models.find("llama-3.1-405b"), SYSTEM, CHIP, HOST, 2048, wire, a())
    given = TrainingLayout(tensor=8, pipeline=16), TrainingLayout(pipeline=16, first_layers=6, last_layers=8)
    case = training.case_of(asked, Layouts.of(given))
    assert [case.first_layers[0], case.middle_layers[0], case.last_layers[0]] == [7, 8, 7]
    assert [case.first_layers[1], case.middle_layers[1], case.last_layers[1]] == [6, 8, 8]


def test_kinds_of_context_parallelism_move_different_bytes():
    """Llama 3's 8 key and value heads of 32: all-gather sees all of them, ulysses moves queries and outputs as well."""
    long = {"sequence": 131072, "context": 8}
    found = {kind: run(context_kind=kind, **long).step_parts["context"] for kind in ("ring", "all-gather", "ulysses")}
    keys = 131072 * 8 * 2 * 128 * 2 / 50e9 + 20e-6
    passes = 32 * 4  # layers; one micro-batch on each of 8 ranks, 4 sequences a rank
    assert found["all-gather"] == pytest.approx(3 * keys * passes)
    own = 131072 / 8 * (32 + 8) * 2 * 128 * 2 / 50e9 + 20e-6
    assert found["ulysses"] == pytest.approx(2 * own * passes)
    assert found["ring"] <= found["all-gather"]


def test_expert_tensor_parallelism_splits_experts_and_gathers_their_tokens():
    whole, split = (run("mixtral-8x7b", expert=8, expert_tensor=ranks) for ranks in (1, 2))
    assert split.memory_parts["weights"] < 0.65 * whole.memory_parts["weights"]
    assert split.step_parts["expert"] > 1.5 * whole.step_parts["expert"]


def test_tokens_that_travel_in_fp8_move_three_quarters_of_the_bytes():
    wide, narrow = (run("mixtral-8x7b", expert=8, dispatch=kind) for kind in ("bf16", "fp8"))
    assert narrow.step_parts["expert"] == pytest.approx(0.75 * wide.step_parts["expert"], rel=0.01)
    assert narrow.memory_parts["communication"] < wide.memory_parts["communication"]


def test_narrow_states_save_their_bytes():
    """8.03 B parameters on one rank each: 2 B a gradient less, 2 x 3 B of moments."""
    wide, narrow = run(zero=0), run(zero=0, gradients="bf16", moments="fp8")
    parameters = wide.memory_parts["weights"] / 2
    assert wide.memory_parts["gradients"] - narrow.memory_parts["gradients"] == pytest.approx(2 * parameters)
    assert wide.memory_parts["optimizer"] - narrow.memory_parts["optimizer"] == pytest.approx(6 * parameters)
    assert narrow.step_parts["optimizer"] < wide.step_parts["optimizer"]
    assert narrow.step_parts["data"] < wide.step_parts["data"]


def test_what_is_offloaded_leaves_the_accelerator_for_the_host():
    here = run(tensor=8)
    for what in ("optimizer", "activations", "weights"):
        there = run(tensor=8, offload=[what])
        assert there.memory < here.memory
        assert there.host_memory > 0
        assert there.step_time.p50 >= here.step_time.p50
    assert run(tensor=8, offload=["optimizer"]).host_memory == pytest.approx(here.memory_parts["optimizer"])
    assert here.host_memory == 0.0
    assert here.host_memory_available == pytest.approx(2 * HOST.memory / 8)


def test_offload_waits_for_a_slow_link_only():
    slow = CHIP.model_copy(update={"host_link": 1e9})
    layer_inputs = {"offload": ["activations"], "recompute": "full"}
    quick, waits = run(**layer_inputs), run(**layer_inputs, chip=slow)
    assert "offload" not in quick.step_parts
    assert run(offload=["activations"]).step_parts["offload"] > 0  # 36 GB a micro-batch are too much for 50 GB/s
    assert waits.step_parts["offload"] > waits.step_parts["gemm"]
    with pytest.raises(UsageError, match="how fast"):
        run(offload=["activations"], chip=CHIP.model_copy(update={"host_link": None}))


def test_an_optimizer_on_the_host_takes_the_time_of_its_memory():
    """ZeRO-1 over 64 ranks: 8.03 B / 64 parameters of 36.4 B at 40 % of an eighth of two sockets."""
    one = run(offload=["optimizer"])
    rate = 0.4 * 2 * HOST.memory_bandwidth / 8
    assert one.step_parts["offload"] == pytest.approx(one.parameters / 64 * 36.4 / rate, rel=0.02)
    assert one.step_parts.get("optimizer", 0.0) == 0.0


def test_sites_that_exchange_seldom_hardly_wait():
    """2 (s - 1) / s x 4 B x 8.03 B over 12.5 GB/s between two sites, every step, every 100th, and behind the steps."""
    far = {"sites": 2, "site_link": "100 Gb/s", "over": {"data_exposed": 0}}
    every, seldom = run(**far), run(**far, synchronise=100)
    streamed = run(**far, synchronise=100, fragments=8)
    once = every.parameters * 4 / 12.5e9 + 2 * 0.01
    assert once - 1.0 < every.step_parts["sites"] < once
    assert seldom.step_parts["sites"] == pytest.approx(once / 100)
    assert streamed.step_parts.get("sites", 0.0) < seldom.step_parts["sites"]
    assert "sites" not in run().step_parts
    assert seldom.memory_parts["outer"] == pytest.approx(8 * seldom.parameters / 32, rel=1e-3)
    assert every.memory_parts["outer"] == 0.0


@given(st.integers(1, 6).map(lambda power: 2**power), st.integers(2, 1000), st.floats(1e9, 1e12))
def test_a_rarer_exchange_never_takes_longer(sites, steps, link):
    work = Training.model_validate({"train": "llama-3-8b", "tokens": "1T", "batch": "4194304 tokens"})
    layouts = Layouts(
        *np.ones((9, 3), np.int64), sites=np.array(sites), site_link=np.array(link),
        synchronise=np.array([1, steps, steps + 1]),
    )  # fmt: skip
    case = training.case_of(training.Run(work, models.find("llama-3-8b"), SYSTEM, CHIP, HOST, 512, wire, a()), layouts)
    seen = seen_between_sites(case, np.zeros(3), np.ones(3))
    assert seen[0] > seen[1] > seen[2] > 0


@given(
    st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4]), st.sampled_from(["1f1b", "gpipe", "zero-bubble"]),
    st.sampled_from(["none", "selective", "full"]), st.sampled_from([0, 1, 3]),
)  # fmt: skip
def test_parts_add_up_and_are_not_negative(tensor, pipeline, schedule, recompute, zero):
    schedule = schedule if pipeline > 1 else "1f1b"
    one = run(tensor=tensor, pipeline=pipeline, schedule=schedule, recompute=recompute, zero=zero)
    assert sum(one.step_parts.values()) == pytest.approx(one.step_time.p50)
    assert sum(one.memory_parts.values()) == pytest.approx(one.memory)
    assert min(one.memory_parts.values()) >= 0
    assert min(one.step_parts.values()) > 0

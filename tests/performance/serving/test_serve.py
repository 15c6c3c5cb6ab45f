"""One served model: sums, limits and directions."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import InfeasibleError, UsageError
from firstlight.performance import serving
from firstlight.performance.machine import machine
from firstlight.performance.serving.batching import at_rate, flow, front_end, prompt_cost
from firstlight.performance.serving.events import engine
from firstlight.performance.serving.layer import active_experts
from firstlight.performance.serving.memory import mean_cache, slots, weight_bytes
from firstlight.performance.serving.step import decode_parts, prefill_time
from firstlight.performance.serving.values import fitted, own_values
from firstlight.spec import assumptions, catalog
from firstlight.spec.design import ServingLayout
from firstlight.spec.huggingface import read
from firstlight.spec.model import Block, FeedForward, Model, StateSpace, Tower
from firstlight.spec.parameters import parameters
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Scheduler, Serving

PARTS = catalog.shipped()
DENSE = read(
    {
        "model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
        "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
    },
    "llama-70b", "test",
)  # fmt: skip
ROUTED = read(
    {
        "model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432, "num_hidden_layers": 61,
        "num_attention_heads": 128, "num_key_value_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 256,
        "num_experts_per_tok": 8, "n_shared_experts": 1, "moe_intermediate_size": 2048, "first_k_dense_replace": 3,
        "moe_layer_freq": 1, "vocab_size": 129280, "max_position_embeddings": 163840,
    },
    "deepseek", "test",
)  # fmt: skip
SCAN = StateSpace(heads=64, head_dim=64, state=128, groups=8, kernel=4)
STATES = Model(
    "mamba", "mamba", "language", (Tower("text", 2048, (Block(48, SCAN, FeedForward(8192)),), 50000, 50000),), 8192
)


def a(**overrides):
    return assumptions.with_overrides(
        assumptions.shipped(), {f"performance.{name}": value for name, value in overrides.items()}
    )


def wire(operation, size, group):
    """100 GB/s inside a domain, 50 GB/s and 20 us beyond, whatever the collective."""
    inner, outer = (np.asarray(level, float) for level in group)
    time = np.where(outer > 1, 20e-6 + np.asarray(size, float) / 50e9, 5e-6 + np.asarray(size, float) / 100e9)
    return np.where(inner * outer > 1, time, 0.0)


def machinery(name: str = "hgx-h200"):
    system = PARTS.part(System, name)
    return system, PARTS.part(Accelerator, system.accelerator), PARTS.part(Host, system.host)


def work(**fields) -> Serving:
    return Serving.model_validate(
        {"serve": "test", "requests": "4 /s", "prompt": 2000, "answer": 500, "precision": "fp8", **fields}
    )


def serve(model=DENSE, layout=None, accelerators=8, system="hgx-h200", **fields):
    layout = layout or ServingLayout(tensor=4, batch=64)
    return serving.serve(work(**fields), model, *machinery(system), accelerators, layout, wire, a())


def best(model=DENSE, system="hgx-h200", **fields):
    return serving.best(work(**fields), model, *machinery(system), wire, a())


def case(*layouts: ServingLayout, model=DENSE, prompt=2000.0, answer=500.0, precision="fp8"):
    system, chip, host = machinery()
    own = fitted(a(), chip)
    made = machine(chip, host, system, precision, own)
    return serving.Case(model, prompt, answer, made, serving.Layouts.of(layouts), wire, own)


def test_parts_add_up():
    result = serve()
    assert sum(result.memory_parts.values()) == pytest.approx(result.memory)
    assert result.memory <= result.memory_available
    assert set(result.memory_parts) == {"weights", "cache", "activations", "framework"}
    assert sum(result.step_parts.values()) <= result.per_token.p50 < 1.5 * sum(result.step_parts.values())
    assert result.replicas == 2
    assert result.tokens_per_s.p50 == pytest.approx(4 * 500)
    assert result.first_token.p10 < result.first_token.p50 < result.first_token.p90
    assert 0 < result.utilisation < 1


def test_littles_law_holds_in_every_flow():
    one = case(ServingLayout(tensor=4), ServingLayout(tensor=8), ServingLayout(tensor=2, pipeline=2))
    found = flow(one, np.asarray([[1.0], [8.0], [64.0]]))
    assert found.rate.shape == (3, 3)
    stay = one.further * found.per_token + prompt_cost(one)
    assert found.rate[1:] * stay[1:] == pytest.approx(found.batch[1:] * np.ones(3), rel=0.03)
    alone = one.further * found.per_token[0] + prefill_time(one, 1.0)
    assert found.rate[0] * alone == pytest.approx(1.0, rel=0.02)
    assert (np.diff(found.rate, axis=0) > 0).all()
    assert (np.diff(found.per_token, axis=0) > 0).all()


def test_engine_time_is_conserved():
    """Steps and prefill together fill the engine's time exactly when it decodes a full batch."""
    one = case(ServingLayout(tensor=4))
    found = flow(one, np.asarray([32.0]))
    steps = found.rate * one.further / found.batch
    assert steps * found.step + found.filling == pytest.approx(1.0, rel=0.01)


def test_the_batch_carries_the_asked_rate():
    one = case(ServingLayout(tensor=4))
    for rate in (0.01, 0.5, 2.0):
        batch = at_rate(partial(flow, one), rate, 500.0)
        assert flow(one, np.asarray([batch]), rate).rate[0] == pytest.approx(rate, rel=1e-9)
        assert flow(one, np.asarray([0.99 * batch]), rate).rate[0] < rate
        assert rate <= flow(one, np.asarray([batch])).rate[0] < 1.1 * rate  # in a closed loop nobody comes by chance
    assert at_rate(partial(flow, one), 1e6, 500.0) == 500.0


def test_little_load_is_a_lone_request():
    lone = serve(requests="0.001 /s")
    assert lone.per_token.p50 == pytest.approx(sum(lone.step_parts.values()), rel=1e-3)
    assert lone.utilisation < 0.05
    assert lone.first_token.p50 < serve().first_token.p50


def test_a_single_token_is_all_prefill():
    result = serve(answer=1, requests="1 /s")
    one = case(ServingLayout(tensor=4), answer=1.0)
    load = a()["performance.serving_load"]
    assert result.capacity.p50 == pytest.approx(2 * load / prompt_cost(one)[0], rel=0.01)
    assert result.utilisation < serve(answer=1, requests="10 /s").utilisation


def test_the_first_token_of_one_waits_for_no_step():
    """Nothing is decoded: the first token is there when the prompt is read."""
    one = case(ServingLayout(tensor=4), answer=1.0)
    lone = serve(answer=1, requests="0.001 /s")
    assert lone.first_token.p50 == pytest.approx(float(front_end(one)) + prefill_time(one, 1.0)[0], rel=1e-3)


@pytest.mark.parametrize("think", ["0 s", "2 s", "60 s"])
@pytest.mark.parametrize("users", [4, 60])
def test_users_ask_at_the_rate_that_littles_law_leaves_them(users, think):
    traffic = {"questions": {"kind": "users", "users": users, "think": think}}
    few, many = (serve(requests=rate, traffic=traffic) for rate in ("0.1 /s", "100 /s"))
    assert few.first_token.p50 == many.first_token.p50  # whatever is written
    stay = few.first_token.p50 + 499 * few.per_token.p50
    assert few.requests * (stay + float(think.split()[0])) == pytest.approx(users, rel=1e-3)
    assert few.tokens_per_s.p50 == pytest.approx(500 * few.requests)
    assert (
        few.power.mean
        < serve(requests="1 /s", traffic={"questions": {**traffic["questions"], "users": 100}}).power.mean
    )


def test_an_asked_rate_is_told_to_the_last_digit():
    assert serve(requests="200 /s", accelerators=4 * 97).requests == 200.0


def test_users_beyond_the_batch_wait_for_each_other():
    full, more = (serve(traffic={"questions": {"kind": "users", "users": n}}) for n in (200, 400))
    assert more.requests == pytest.approx(full.requests)
    assert more.first_token.p50 - full.first_token.p50 == pytest.approx(200 / full.requests, rel=1e-6)
    assert more.first_token_at["p99"].p50 == pytest.approx(more.first_token.p50)


def test_too_few_accelerators_leave_requests_above_capacity():
    result = serve(requests="10_000 /s")
    assert result.capacity.p50 < result.requests
    assert np.isfinite(result.first_token.p50)
    assert np.isfinite(result.per_token.p50)
    assert result.tokens_per_s.p50 == pytest.approx(result.capacity.p50 * 500)


def test_watts_by_phase_add_up_to_the_mean_and_to_the_joules_of_a_token():
    busy = serve(requests="4 /s")
    power = busy.power
    assert power.idle < power.decode < power.prefill
    idle = 1.0 - power.prefill_share - power.decode_share
    mean = power.prefill * power.prefill_share + power.decode * power.decode_share + power.idle * idle
    assert power.mean == pytest.approx(mean, rel=1e-9)
    assert power.joules_per_token == pytest.approx(8 * power.mean / (4 * 500), rel=1e-9)
    assert serve(requests="1 /s").power.joules_per_token > power.joules_per_token
    over = serve(requests="10_000 /s")
    assert over.power.joules_per_token < power.joules_per_token
    assert serve(answer=1, requests="1 /s").power.decode == 0.0


def test_limits_lower_the_capacity():
    free = serve()
    token, first = free.curve.per_token[-1], free.curve.first_token[-1]
    tight = serve(per_token=f"{900 * token} ms").capacity.p50
    early = serve(first_token=f"{900 * first} ms").capacity.p50
    assert tight < free.capacity.p50
    assert early < free.capacity.p50


def test_fitted_values_stand_in_for_shipped_ones_but_not_for_the_plans():
    chip = machinery()[1]
    name = "performance.serving_step"
    base = assumptions.with_overrides(assumptions.shipped(), {})
    mine = assumptions.with_overrides(assumptions.shipped(), {name: "1 ms"})
    assert fitted(mine, chip)[name] == pytest.approx(1e-3)
    now = fitted(base, chip)
    assert now[name] == pytest.approx(own_values("vllm")[name])
    assert (
        now["performance.serving_experts_launch_fp8"] == own_values("hopper")["performance.serving_experts_launch_fp8"]
    )
    assert {one.name: one.value for one in base.used()}[name] == now[name]


def test_curve_trades_latency_for_throughput():
    curve = serve().curve
    assert curve.batch == (1, 2, 4, 8, 16, 32, 64)
    assert list(curve.per_token) == sorted(curve.per_token)
    assert list(curve.first_token) == sorted(curve.first_token)
    assert list(curve.tokens_per_s_each) == sorted(curve.tokens_per_s_each)
    assert curve.tokens_per_s_user[0] == pytest.approx(1 / curve.per_token[0])


def test_decode_of_one_request_reads_all_weights_once():
    """The roofline's floor: no step is faster than its bytes through the memory of the tensor ranks."""
    one = case(ServingLayout(tensor=8))
    step = sum(decode_parts(one, 1.0).values())[0]
    floor = weight_bytes(one)[0] / one.work.bandwidth
    assert floor < step < 5 * floor  # eight ranks wait for 160 all-reduces and small kernels


def test_prefill_does_its_flops():
    one = case(ServingLayout(tensor=4), prompt=8000.0)
    flops = 2.0 * parameters(DENSE) * 8000
    floor = flops / (4 * one.work.peak)
    assert floor < prefill_time(one, 1.0)[0] < 4 * floor


def test_long_prompts_are_read_in_chunks():
    short, long = (case(ServingLayout(tensor=4), prompt=length) for length in (8192.0, 65536.0))
    assert prefill_time(long, 1.0)[0] > 8 * prefill_time(short, 1.0)[0]  # attention grows with the square


def test_weights_are_the_models():
    one = case(ServingLayout(tensor=1), precision="bf16")
    assert weight_bytes(one)[0] == pytest.approx(2.0 * parameters(DENSE), rel=0.001)
    spread = case(ServingLayout(data=8, expert=8), ServingLayout(tensor=8, expert=8), model=ROUTED)
    data, tensor = weight_bytes(spread)
    assert tensor == pytest.approx(parameters(ROUTED) / 8, rel=0.01)
    assert data > tensor  # attention is not cut by attention data parallelism


def test_published_cache_sizes():
    """DeepSeek-V3: 70 KB a token in bf16; Llama 3.1 70B: 320 KiB a token (8 heads of 128 in 80 layers)."""
    latent = case(ServingLayout(), model=ROUTED, prompt=1.0, answer=0.0, precision="bf16")
    assert mean_cache(latent)[0] == pytest.approx(70272)
    grouped = case(
        ServingLayout(), ServingLayout(tensor=8), ServingLayout(tensor=16), prompt=1.0, answer=0.0, precision="bf16"
    )
    whole = 2 * 8 * 128 * 80 * 2
    assert mean_cache(grouped) == pytest.approx([whole, whole / 8, whole / 8])


def test_states_do_not_grow_with_the_context():
    short, long = (case(ServingLayout(), model=STATES, prompt=length) for length in (100.0, 100_000.0))
    assert mean_cache(short)[0] == mean_cache(long)[0]
    assert sum(decode_parts(short, 8.0).values())[0] == sum(decode_parts(long, 8.0).values())[0]
    assert serve(STATES, ServingLayout(batch=8), 1).first_token.calibrated is False


@given(tokens=st.floats(1, 1e5), count=st.integers(1, 512), share=st.floats(0.001, 1.0))
def test_active_experts_are_between_one_tokens_and_all(tokens, count, share):
    active = active_experts(np.asarray(float(count)), share, np.asarray(tokens))
    assert count * share * (1 - 1e-6) <= active <= count * (1 + 1e-9)


def test_a_few_tokens_read_few_experts():
    one = case(ServingLayout(tensor=8, expert=8), model=ROUTED)
    few, many = (decode_parts(one, batch)["experts"][0] for batch in (1.0, 256.0))
    assert few < 0.25 * many


def test_int4_weights_are_small_and_their_products_are_in_16_bits():
    wide, narrow, small = (case(ServingLayout(tensor=2), precision=kind) for kind in ("bf16", "fp8", "int4"))
    assert weight_bytes(small)[0] < 0.6 * weight_bytes(narrow)[0]
    assert mean_cache(small)[0] == mean_cache(wide)[0] == 2 * mean_cache(narrow)[0]
    one, many = ([sum(decode_parts(each, batch).values())[0] for each in (wide, small)] for batch in (1.0, 4096.0))
    assert one[1] < 0.6 * one[0]
    assert many[1] == pytest.approx(many[0], rel=0.05)  # bound by products
    assert prefill_time(small, 4.0) == pytest.approx(prefill_time(wide, 4.0), rel=0.02)
    assert "no int4 hardware" not in serve(precision="int4").per_token.basis


def test_experts_of_int4_models_leave_the_rest_in_16_bits():
    routed = case(ServingLayout(tensor=8, expert=8), model=ROUTED, precision="int4")
    assert routed.dense_type == "bf16"


def test_the_type_of_the_cache_can_be_chosen():
    """Half of the bytes leave room for twice the requests, and a decode step reads them faster."""
    caches = ("bf16", "fp8", "fp4")
    few = ServingLayout(tensor=4, batch=16)
    found = [serve(layout=few, prompt=50_000, cache=kind, requests="0.2 /s") for kind in caches]
    assert serve(layout=few, prompt=50_000, requests="0.2 /s").memory_parts == found[1].memory_parts
    sizes = [each.memory_parts["cache"] for each in found]
    assert sizes == pytest.approx([sizes[0], sizes[0] / 2, sizes[0] * 0.5625 / 2])
    parts = [each.step_parts["cache"] for each in found]
    assert parts[0] > parts[1] > parts[2]


def test_fewer_bits_are_faster():
    times = [serve(precision=kind, requests="0.1 /s").per_token.p50 for kind in ("bf16", "fp8")]
    assert times[1] < times[0]


@pytest.mark.parametrize(
    ("layout", "model", "says"),
    [
        (ServingLayout(tensor=3), DENSE, "nearest that does is 2"),
        (ServingLayout(tensor=16), DENSE, "lower one of them"),
        (ServingLayout(expert=2), DENSE, "write expert: 1"),
        (ServingLayout(data=2), DENSE, "write data: 1"),
        (ServingLayout(tensor=8, expert=3), ROUTED, "write expert: 8"),
        (ServingLayout(tensor=7, expert=7), ROUTED, "nearest that does is 4"),
    ],
)
def test_wrong_layouts_say_what_would_do(layout, model, says):
    with pytest.raises(UsageError, match=says):
        serve(model, layout)


def test_pipeline_beyond_the_layers_is_refused():
    with pytest.raises(UsageError, match="at most 80"):
        serve(layout=ServingLayout(pipeline=81), accelerators=128)


def test_beyond_the_memory_says_by_how_much():
    with pytest.raises(InfeasibleError, match=r"memory: needs .* GB an accelerator, has 150 GB") as raised:
        serve(ROUTED, ServingLayout(tensor=2, expert=2), 2)
    assert raised.value.limits[0].name == "memory"
    with pytest.raises(InfeasibleError, match="batch of at most") as raised:
        serve(layout=ServingLayout(tensor=1, batch=2000))
    assert raised.value.limits[0].name == "batch"


def test_a_batch_that_the_scheduler_does_not_take_is_not_told_as_memory():
    with pytest.raises(InfeasibleError, match=r"has 64\. Write a batch of at most 64, or .*sequences: 100") as raised:
        serve(layout=ServingLayout(tensor=4, batch=100), scheduler={"sequences": 64})
    assert raised.value.limits[0].name == "scheduler.sequences"


def test_the_greatest_batch_fits_and_one_more_does_not():
    most = int(slots(case(ServingLayout(tensor=2), prompt=20000.0))[0])
    result = serve(layout=ServingLayout(tensor=2, batch=most), prompt=20000, requests="0.1 /s")
    assert result.memory <= result.memory_available
    with pytest.raises(InfeasibleError, match=f"at most {most:,}"):
        serve(layout=ServingLayout(tensor=2, batch=most + 1), prompt=20000, requests="0.1 /s")


def test_best_meets_what_it_was_asked_for():
    for model, fields in (
        (DENSE, {"requests": "20 /s", "first_token": "1 s", "per_token": "30 ms"}),
        (ROUTED, {"requests": "50 /s", "first_token": "2 s", "per_token": "40 ms"}),
        (STATES, {"requests": "1 /s"}),
    ):
        layout, each, replicas = best(model, **fields)
        result = serve(model, layout, each * replicas, **fields)
        wanted = work(**fields)
        assert result.capacity.p50 >= result.requests * (1 - 1e-6)
        assert result.first_token.p50 <= (wanted.first_token or np.inf)
        assert result.per_token.p50 <= (wanted.per_token or np.inf)
        assert result.replicas == replicas


def test_best_takes_the_fewest():
    layout, each, replicas = best(requests="20 /s", per_token="30 ms")
    found = serving.space(DENSE, a())
    for index in range(len(found)):
        other = found.one(index)
        size = other.tensor * other.pipeline * other.data
        count = (each * replicas - 1) // size * size
        if not count:
            continue
        try:
            most = int(slots(case(other))[0])
            result = serve(layout=other.model_copy(update={"batch": max(most, 1)}), accelerators=count,
                           requests="20 /s", per_token="30 ms")  # fmt: skip
        except InfeasibleError:
            continue
        enough = result.capacity.p50 >= 20 * 1.01 and result.per_token.p50 <= 30e-3
        assert not enough, f"{other} serves on {count} accelerators, fewer than {layout} on {each * replicas}"


def test_best_takes_replicas_beyond_one_node():
    """DeepSeek in 8 bits does not fit a node of eight H100 with its cache."""
    layout, each, _ = best(ROUTED, "hgx-h100", requests="1 /s")
    assert each > 8
    assert layout.tensor * layout.pipeline * layout.data == each


@given(
    prompt=st.integers(1, 100_000),
    answer=st.integers(1, 20_000),
    requests=st.floats(1e-3, 1e4),
    per_token=st.sampled_from([None, "5 ms", "50 ms", "1 s"]),
)
@settings(max_examples=25, deadline=None)
def test_best_is_served_or_refused(prompt, answer, requests, per_token):
    fields = {"prompt": prompt, "answer": answer, "requests": f"{requests} /s", "per_token": per_token}
    try:
        layout, each, replicas = best(**fields)
    except InfeasibleError:
        assert per_token == "5 ms"
        return
    result = serve(layout=layout, accelerators=each * replicas, **fields)
    assert result.capacity.p50 >= requests * (1 - 1e-6)
    assert all(np.isfinite(value) and value > 0 for value in (result.first_token.p50, result.per_token.p50))
    assert 0 <= result.utilisation <= 1


def test_impossible_limits_say_how_near_it_comes():
    with pytest.raises(InfeasibleError, match=r"per_token: needs .* at best") as raised:
        best(per_token="1 us")
    assert [limit.name for limit in raised.value.limits] == ["per_token"]
    with pytest.raises(InfeasibleError) as raised:
        best(first_token="1 ms", per_token="1 us")
    assert [limit.name for limit in raised.value.limits] == ["first_token", "per_token"]


def test_nothing_fits_says_what_it_takes():
    with pytest.raises(InfeasibleError, match=r"memory: needs .* an accelerator on a replica of 2") as raised:
        serving.best(work(), ROUTED, *machinery(), wire, a(serving_replica=2))
    assert raised.value.limits[0].available == "150 GB"  # 139.81 GiB


def test_space_is_valid():
    for model in (DENSE, ROUTED, STATES):
        found = serving.space(model, a())
        for index in range(len(found)):
            layout = found.one(index)
            serving.check(model, layout, 256)


def test_a_workload_sets_its_engine():
    few = serve(layout=ServingLayout(tensor=4, batch=16), prompt=30_000, scheduler={"token_budget": 2048})
    usual = serve(layout=ServingLayout(tensor=4, batch=16), prompt=30_000)
    assert few.first_token.p50 > usual.first_token.p50  # more passes
    assert few.memory_parts["activations"] < 0.3 * usual.memory_parts["activations"]
    with pytest.raises(InfeasibleError, match="sequences: needs 16 requests at once, has 8"):
        serve(layout=ServingLayout(tensor=4, batch=16), scheduler={"sequences": 8})
    less = serve(scheduler={"memory": "70 %"})
    assert less.memory_parts["framework"] == pytest.approx(0.3 * less.memory_available)
    policy = engine("trtllm").of(Scheduler(token_budget=512, mixed=False, block=64))
    assert (policy.budget, policy.mixed, policy.reserve, policy.block) == (512, False, True, 64)
    assert engine("sglang").of(Scheduler()) == engine("sglang")

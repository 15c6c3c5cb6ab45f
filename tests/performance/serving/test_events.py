"""The event simulation: what must hold of every request, replica and router."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance.serving.events import Policy, Requests, StepCosts, engine, engines, simulate
from firstlight.performance.serving.events.tables import POINTS, look
from firstlight.performance.serving.traffic import Lengths, agents, closed_loop, poisson


def costs(*, slots: int = 64, room: float = 1e7, stages: int = 1, ranks: int = 1) -> StepCosts:
    """5 ms and more by requests and context; 2 ms and 20 us a token of a prompt."""
    decode = 5e-3 + 2e-5 * POINTS[:41, None] * (1 + POINTS[None, :61] / 4096)
    prefill = 2e-3 + 2e-5 * POINTS[:53, None] + 0 * POINTS[None, :65]
    return StepCosts(decode, prefill, stages, ranks, slots, room, 0.01)


def test_one_request_alone():
    served = simulate(Requests.of([1.0], 1024, 11), costs(), Policy())
    assert served.first_token[0] == pytest.approx(0.01 + 2e-3 + 2e-5 * 1024)
    mean = 1024 + 1 + 4.5
    assert served.per_token[0] == pytest.approx(5e-3 + 2e-5 * (1 + mean / 4096))
    assert served.sent[0] == 1.0


def test_a_long_prompt_is_read_in_passes():
    served = simulate(Requests.of([0.0], 20_000, 2), costs(), Policy(budget=8192))
    assert served.first_token[0] == pytest.approx(0.01 + 3 * 2e-3 + 2e-5 * 20_000, rel=1e-3)


def test_a_cached_prefix_is_not_read():
    served = simulate(Requests.of([0.0], 8000, 2, cached=7000), costs(), Policy())
    assert served.first_token[0] == pytest.approx(0.01 + 2e-3 + 2e-5 * 1000, rel=1e-3)


def test_attention_ranks_read_side_by_side_and_stages_one_behind_the_other():
    both = Requests.of([0.0, 0.0], 4096, 2)
    one, two, deep = (simulate(both, c, Policy(budget=4096)) for c in (costs(), costs(ranks=2), costs(stages=4)))
    each = 2e-3 + 2e-5 * 4096
    assert one.first_token == pytest.approx([0.01 + each, 0.01 + 2 * each], rel=0.1)
    assert two.first_token == pytest.approx([0.01 + each] * 2, rel=1e-3)
    assert deep.first_token[0] == pytest.approx(0.01 + 4 * each)


def test_an_answer_of_one_token_has_no_time_per_token():
    served = simulate(Requests.of([0.0], 100, 1), costs(), Policy())
    assert np.isnan(served.per_token[0])
    assert served.refused == 0


def test_what_no_cache_holds_is_refused_and_the_rest_goes_on():
    served = simulate(Requests.of([0.0, 0.0, 0.1], [100, 5000, 100], 5), costs(room=2000), Policy())
    assert np.isnan(served.first_token).tolist() == [False, True, False]
    assert served.refused == 1


def test_what_waits_for_a_refused_one_never_comes():
    served = simulate(Requests.of([0.0, 0.0], [5000, 100], 5, after=[(0, 1)]), costs(room=2000), Policy())
    assert served.refused == 2


def test_a_full_cache_throws_out_the_youngest():
    requests = Requests.of([0.0, 0.0, 0.0], 300, 400)
    served = simulate(requests, costs(room=1500), Policy())
    assert served.thrown.tolist()[0] == 0
    assert served.thrown.sum() > 0
    kept = simulate(requests, costs(room=1500), Policy(reserve=True))
    assert kept.thrown.sum() == 0
    assert not np.isnan(served.finish).any()


def test_agents_come_back_after_their_tool():
    requests = agents(np.zeros(1), 3, Lengths(500), Lengths(50), Lengths(100), 2.0, np.random.default_rng(0))
    served = simulate(requests, costs(), Policy())
    assert served.sent[1:] == pytest.approx(served.finish[:-1] - 0.01 + 2.0)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 9), st.sampled_from(["round-robin", "least-loaded", "power-of-two"]),
    st.sampled_from([Policy(), Policy(mixed=False), Policy(reserve=True), Policy(poll=5)]), st.floats(1.0, 200.0),
)  # fmt: skip
def test_of_every_stream(seed, replicas, router, policy, rate):
    random = np.random.default_rng(seed)
    requests = poisson(rate, 300, Lengths(700, spread=1.0), Lengths(80, spread=1.0), random)
    policy = Policy(policy.budget, policy.mixed, policy.reserve, policy.poll, policy.block, router)
    served = simulate(requests, costs(slots=16), policy, replicas=replicas, seed=seed)
    assert not np.isnan(served.finish).any()
    assert np.all(served.first_token > 0.012)
    assert np.all(served.finish >= served.sent + served.first_token - 1e-9)
    assert np.nanmin(served.per_token, initial=1.0) >= 5e-3
    assert served.sent == pytest.approx(requests.arrival)
    assert np.all((served.replica >= 0) & (served.replica < replicas))
    assert served.busy == pytest.approx(served.decoding + served.reading)
    order = np.argsort(served.sent)
    changes = np.concatenate([np.ones(300), -np.ones(300)])
    at = np.concatenate([served.sent, served.finish - 0.01])
    for r in range(replicas):
        mine = np.concatenate([served.replica == r] * 2)
        under_way = np.cumsum(changes[mine][np.argsort(at[mine], kind="stable")])
        assert under_way.min(initial=0) >= 0
    again = simulate(requests, costs(slots=16), policy, replicas=replicas, seed=seed)
    assert np.array_equal(again.finish, served.finish)
    assert len(order) == 300


def test_least_loaded_waits_less_than_round_robin():
    requests = poisson(70.0, 4000, Lengths(1000, spread=1.0), Lengths(200, spread=1.5), np.random.default_rng(3))
    waits = {
        router: simulate(requests, costs(slots=8), Policy(router=router), replicas=12).percentile("first_token", 90)
        for router in ("round-robin", "power-of-two", "least-loaded")
    }
    assert waits["least-loaded"] < waits["power-of-two"] < waits["round-robin"]


def test_sessions_stay_where_their_prefix_is():
    requests = Requests.of(np.arange(400) * 0.05, 500, 20, affinity=np.arange(400) % 10)
    served = simulate(requests, costs(), Policy(router="prefix-affinity"), replicas=10)
    homes = [set(served.replica[requests.affinity == s].tolist()) for s in range(10)]
    assert sum(len(home) == 1 for home in homes) >= 9


def test_throughput_of_a_closed_loop_is_littles_law():
    requests = closed_loop(16, 3000, Lengths(500, spread=0.5), Lengths(100, spread=0.5), np.random.default_rng(0))
    served = simulate(requests, costs(), Policy())
    stay = np.mean(served.finish[500:2500] - 0.01 - served.sent[500:2500])
    ends = np.sort(served.finish)
    assert 2000 / (ends[2500] - ends[500]) == pytest.approx(16 / stay, rel=0.02)


def test_tables_are_linear_between_their_points():
    table = 3.0 + 2.0 * POINTS[:30, None] + 0.5 * POINTS[None, :20]
    for x, y in ((1.0, 1.0), (7.3, 2.2), (100.0, 20.0)):
        assert look(table, x, y) == pytest.approx(3 + 2 * x + 0.5 * y)
    assert look(table, 0.0, 1.0) == table[0, 0]
    assert look(table, 1e9, 1e9) == table[-1, -1]


def test_engines_have_a_source_and_unknown_ones_are_refused():
    assert set(engines()) == {"vllm", "sglang", "trtllm"}
    assert all(known["source"] for known in engines().values())
    assert engine("trtllm").reserve
    with pytest.raises(UsageError, match="choose one of vllm, sglang, trtllm"):
        engine("vlm")
    with pytest.raises(UsageError, match="there is no router"):
        engine("vllm", "random")
    with pytest.raises(UsageError, match="a replica"):
        simulate(Requests.of([0.0], 1, 1), costs(), Policy(), replicas=0)

"""A fleet over hours: its fluid course, and requests on samples of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance import serving
from firstlight.performance.serving.events import engine
from firstlight.performance.serving.fleet import Hours, Member, course, play, play_fleet, served_model
from firstlight.spec import models
from firstlight.spec.design import PrefillPool, ServingLayout
from firstlight.spec.workload import Scaling, Serving

from .simple import MACHINE, A, wire

WINDOW = 30.0


@pytest.fixture
def few(monkeypatch):
    """Fewer requests are played."""
    monkeypatch.setattr(play, "MOST", 200_000)


def member(rate, *, replicas=10, scaling=None, failures=0.0, each=8, name="one", cold=60.0) -> Member:
    return Member(name, np.asarray(rate, float), 10.0, each, replicas, cold, failures, 30.0, scaling)


def scaling(target="70 %", interval="30 s", **fields) -> Scaling:
    return Scaling.model_validate({"target": target, "interval": interval, **fields})


def run(*members, seed=0):
    return course(members, WINDOW, np.random.default_rng(seed))


def test_without_scaling_all_run_and_what_they_cannot_take_waits():
    (found,) = run(member([90.0] * 4 + [120.0] * 4 + [50.0] * 8))
    assert (found.up == 10).all()
    assert found.used[0] == pytest.approx(0.9)
    assert found.waiting[7] == pytest.approx(4 * 20.0 * WINDOW)
    assert found.waiting[-1] == 0.0
    assert (found.used[4:9] == 1.0).all()


def test_an_autoscaler_keeps_its_target_and_starts_after_the_cold_start():
    rate = [20.0] * 10 + [70.0] * 40
    (found,) = run(member(rate, scaling=scaling()))
    assert found.up[0] == 3  # 20 / (0.7 x 10)
    began = int(np.argmax(found.up > 3))
    assert began == 13  # one window to see it, two of cold start
    assert found.starting[11:13].tolist() == [7, 7]
    assert found.up[-1] == 10
    assert found.used[-1] == pytest.approx(0.7)


def test_it_stops_only_after_its_patience():
    rate = [70.0] * 10 + [20.0] * 30
    (found,) = run(member(rate, scaling=scaling(patience="5 min")))
    assert int(np.argmax(found.up < 10)) == 20
    assert found.up[-1] == 3


def test_a_higher_priority_takes_replicas_of_a_lower_but_its_least():
    calm, loud = [30.0] * 20, [30.0] * 5 + [150.0] * 15
    low = member([60.0] * 20, scaling=scaling(least=2), name="low")
    high = member(loud, scaling=scaling(priority=5), name="high")
    for members in ((low, high), (high, low)):
        found = {one.member.name: one for one in run(*members)}
        assert found["low"].up.min() == 2
        assert found["high"].up[-1] == 18
    even = {one.member.name: one for one in run(low, member(calm, scaling=scaling(priority=5), name="high"))}
    assert even["low"].up.min() > 2


@given(
    seed=st.integers(0, 99),
    rates=st.lists(st.floats(0, 400), min_size=12, max_size=12),
    failures=st.sampled_from([0.0, 1e-4]),
    least=st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_no_more_runs_than_there_is(seed, rates, failures, least):
    one = member(rates, scaling=scaling(patience="1 min", least=least), failures=failures)
    slow = scaling(interval="1 min", patience="1 min", priority=1)
    two = member(rates[::-1], scaling=slow, failures=failures, each=4, name="two")
    three = member(rates, failures=failures, name="three")
    found = run(one, two, three, seed=seed)
    held = sum((each.up + each.starting) * each.member.each for each in found[:2])
    assert (held <= 10 * 8 + 10 * 4).all()
    assert (found[2].up + found[2].starting == 10).all()
    for each in found:
        assert (each.up >= 0).all()
        assert (each.waiting >= 0).all()
        assert ((each.used >= 0) & (each.used <= 1)).all()


def test_failed_replicas_come_again():
    (found,) = run(member([50.0] * 4000, failures=1e-4))
    assert found.failed.sum() == pytest.approx(10 * 4000 * WINDOW * 1e-4, rel=0.2)
    down = 10 * 1e-4 * (30.0 + 60.0)  # until it is seen and started anew
    assert 10 - found.up.mean() == pytest.approx(down, rel=0.2)


def replicated(accelerators=32, layout=None, **fields):
    asked = {"serve": "qwen3-32b", "requests": "24 /s", "prompt": 1000, "answer": 200, "precision": "fp8", **fields}
    workload, model = Serving.model_validate(asked), models.find("qwen3-32b")
    layout = layout or ServingLayout(tensor=2, batch=64)
    result = serving.serve(workload, model, *MACHINE, accelerators, layout, wire, A)
    return served_model(workload, result, model, *MACHINE, wire, A)


def hours(count=1.0, failures=0.0, seed=0) -> Hours:
    return Hours(count, engine("vllm", "least-loaded"), failures, seed)


def test_a_steady_fleet_sees_what_the_steady_state_says():
    one = replicated()
    (found,) = play_fleet([one], hours())
    assert found.requests == pytest.approx(24 * 3600)
    assert found.played == pytest.approx(4 * 24 * 3600, rel=0.02)
    assert found.time_share == 1.0
    assert found.replicas_each == one.result.replicas
    assert found.per_token["p50"].p50 == pytest.approx(one.result.per_token.p50, rel=0.1)
    assert found.first_token["p50"].p50 == pytest.approx(one.result.first_token.p50, rel=0.15)
    assert found.share_of_hours == pytest.approx(1.0)
    assert found.refused == found.lost == 0
    assert 0 < found.sampling["first_token"] < 0.05


def test_a_day_that_swings_has_its_busiest_hour_where_it_is_said(few):
    one = replicated(traffic={"swing": "80 %", "peak_hour": 6}, scaling={"target": "70 %"})
    (found,) = play_fleet([one], hours(24.0))
    assert found.begin == pytest.approx(18 * 3600)
    middle = len(found.rate) // 2
    assert found.rate[middle] == pytest.approx(24.0, rel=0.01)
    assert found.rate.min() == pytest.approx(0.2 * 24.0, rel=0.02)
    assert found.up[0] < found.up[middle]
    assert found.share_of_hours < 0.9
    assert len(found.first_token_hourly) == 24


def test_failures_cost_some_their_answers_time():
    (found,) = play_fleet([replicated()], hours(failures=2e-4))
    assert found.failures > 5
    assert 0 < found.lost < 0.1
    assert found.refused < 0.001


def test_two_pools_fail_and_scale_too(few):
    layout = ServingLayout(tensor=2, batch=64, prefill=PrefillPool(tensor=2))
    one = replicated(layout=layout, scaling={"target": "20 %"}, traffic={"swing": "80 %"})
    (found,) = play_fleet([one], hours(12.0, failures=1e-6))
    assert found.refused < 0.001
    assert found.per_token["p50"].p50 < 1.2 * one.result.per_token.p50
    assert found.up.min() < found.up.max()


def test_the_same_seed_gives_the_same_fleet_and_another_another():
    (one,), (same,), (other,) = (play_fleet([replicated()], hours(0.2, seed=seed)) for seed in (1, 1, 2))
    assert one.to_dict() == same.to_dict()
    assert one.first_token != other.first_token


def test_a_large_fleet_is_played_in_parts(few):
    many = replicated(accelerators=20_000, requests="10_000 /s", answer=20)
    (found,) = play_fleet([many], hours(24.0))
    assert found.requests == pytest.approx(10_000 * 24 * 3600)
    assert found.time_share < 1.0
    assert found.played < 4_000_000
    assert found.per_token["p50"].p50 == pytest.approx(many.result.per_token.p50, rel=0.15)


@pytest.mark.parametrize("count", [0.0, -1.0, 169.0])
def test_hours_that_cannot_be(count):
    with pytest.raises(UsageError, match="at most 168"):
        hours(count)


def test_a_model_that_is_crowded_out_is_told_and_does_not_stop_the_rest(few):
    high = replicated(requests="60 /s", scaling={"target": "20 %", "priority": 2})
    low = replicated(accelerators=8, requests="30 /s", scaling={})
    first, second = play_fleet([high, low], hours(1.0))
    assert first.refused == 0
    assert second.up.max() == 1  # its least
    assert second.used.max() == 1.0
    assert second.first_token["p90"].p50 > 60.0 > first.first_token["p90"].p50


def test_a_model_without_room_for_a_replica_answers_nobody(few):
    one = replicated(accelerators=2, requests="1 /s")
    big = replicated(accelerators=30, requests="60 /s", scaling={"target": "20 %", "least": 16, "priority": 1})
    (_, nobody) = play_fleet(
        [big, replace(one, workload=one.workload.model_copy(update={"scaling": scaling()}))], hours()
    )
    assert nobody.up.max() == 0
    assert nobody.refused == 1.0
    assert nobody.first_token == {}
    assert nobody.within is None

import dataclasses
import math

import pytest

from firstlight.errors import InfeasibleError, UsageError
from firstlight.reliability.assess import assess, fabric_spares, node_failures
from firstlight.reliability.facts import RunFacts
from firstlight.reliability.rates import NEVER, interruption_rates, mean_time
from firstlight.twin.result import Prediction

DAY = 86400.0


def run(accelerators: int = 16384, **changes) -> RunFacts:
    duration = Prediction.within(54 * DAY, 0.1, calibrated=True, basis="fitted")
    return RunFacts("llama-3.1-405b", accelerators, duration, **({"checkpoint_bytes": 5.7e12} | changes))


def result(factory, assumptions, llama, *runs, n=16384, **overrides):
    return assess(factory(n), runs, llama(n), assumptions(**overrides))


def test_rates_add_up_and_scale_with_size(factory, assumptions, llama):
    small, large = (interruption_rates(factory(n), llama(n), assumptions()) for n in (1024, 8192))
    assert set(small) == {"accelerator", "memory", "software", "host", "nic", "link", "switch"}
    assert mean_time(small) == pytest.approx(8 * mean_time(large))
    assert mean_time({}) == NEVER


def test_older_memory_fails_less(factory, assumptions, llama):
    new, old = (interruption_rates(factory(64, memory=m), llama(64), assumptions()) for m in ("HBM3e", "HBM2e"))
    assert new["memory"] / old["memory"] == pytest.approx(3.2)
    assert new["accelerator"] == old["accelerator"]


def test_losses_and_goodput_add_up(factory, assumptions, llama):
    (one,) = result(factory, assumptions, llama, run()).runs
    assert sum(one.losses.values()) + one.goodput.p50 == pytest.approx(1, abs=1e-9)
    assert one.duration.p50 == pytest.approx(54 * DAY / one.goodput.p50)
    assert one.interruptions == pytest.approx(one.duration.p50 / one.mtti.p50)
    assert one.goodput.p10 < one.goodput.p50 < one.goodput.p90
    assert one.duration.p10 < one.duration.p50 < one.duration.p90
    assert one.duration.p90 / one.duration.p50 > math.exp(0.1)


def test_a_run_on_half_the_factory_is_interrupted_half_as_often(factory, assumptions, llama):
    whole, half = result(factory, assumptions, llama, run(), run(8192)).runs
    assert half.mtti.p50 == pytest.approx(2 * whole.mtti.p50)
    assert half.goodput.p50 > whole.goodput.p50


@pytest.mark.parametrize(
    ("worse", "value"),
    [
        ("checkpoint_blocking", "100 %"),
        ("snapshot_pause", "60 s"),
        ("snapshot_bandwidth", "1 MB/s"),
        ("detection", "30 min"),
        ("replacement", "30 min"),
        ("warm_up", "30 min"),
        ("unattended", "50 %"),
        ("storage_bandwidth", "1 MB/s"),
        ("accelerator_faults", "1e-4 /h"),
        ("memory_faults", "1e-4 /h"),
        ("software_faults", "1e-4 /h"),
        ("host_faults", "1e-3 /h"),
        ("nic_faults", "1e-4 /h"),
        ("link_faults", "1e-4 /h"),
        ("switch_faults", "1 /month"),
    ],
)
def test_each_assumption_bites(factory, assumptions, llama, worse, value):
    base, changed = (result(factory, assumptions, llama, run(), **o).runs[0].goodput.p50 for o in ({}, {worse: value}))
    assert changed < base


def test_by_hand_restart_takes_its_time(factory, assumptions, llama):
    short, long = (
        result(factory, assumptions, llama, run(), unattended="0 %", manual_restart=t).runs[0].restart
        for t in ("1 h", "2 h")
    )
    assert long - short == pytest.approx(3600)


def test_without_hot_spares_a_run_waits_for_repairs(factory, assumptions, llama):
    enough, none = result(factory, assumptions, llama, run(), run(hot_spares=0)).runs
    assert enough.hot_spares > 0
    assert none.hot_spares == 0
    assert none.restart - enough.restart == pytest.approx(0.63 * DAY, rel=0.01)
    assert none.goodput.p50 < enough.goodput.p50


def test_own_storage_replaces_the_assumption(factory, assumptions, llama):
    slow, fast = result(factory, assumptions, llama, run(storage_bandwidth=1e10), run(storage_bandwidth=1e13)).runs
    assert slow.losses["checkpoint load"] > fast.losses["checkpoint load"]


def test_availability_falls_with_repair_time(factory, assumptions, llama):
    day, week = (result(factory, assumptions, llama, repair_time=t).availability for t in ("1 days", "7 days"))
    assert 0.99 < day < 1
    assert 1 / week - 1 == pytest.approx(7 * (1 / day - 1))


def test_spares_cover_every_kind(factory, assumptions, llama):
    spares = {s.part: s for s in result(factory, assumptions, llama).spares}
    assert set(spares) == {"acc", "host", "nic", "switch", "optic", "cable"}
    assert spares["acc"].failures_a_year == pytest.approx(16384 * 1.2622e-5 * 0.63 * 8760, rel=1e-3)
    assert all(0 < s.keep < s.installed for s in spares.values())
    strict = {s.part: s.keep for s in result(factory, assumptions, llama, spares_service="99.9 %").spares}
    assert all(strict[p] > s.keep for p, s in spares.items() if s.failures_a_year > 10)


def test_calibrated_only_where_fleets_were_measured(factory, assumptions, llama):
    assert result(factory, assumptions, llama).mtti.calibrated
    assert not result(factory, assumptions, llama, n=131072).mtti.calibrated
    rubin = assess(factory(16384, year=2026), (), llama(16384), assumptions())
    assert not rubin.mtti.calibrated


def test_runs_beyond_the_factory_are_refused(factory, assumptions, llama):
    with pytest.raises(UsageError, match=r"takes 20,000 accelerators; the factory has 16,384"):
        result(factory, assumptions, llama, run(20000))


def test_without_failures_nothing_is_lost_but_checkpoints(factory, assumptions, llama):
    never = dict.fromkeys(("accelerator_faults", "memory_faults", "software_faults", "host_faults"), "0 /h")
    never |= dict.fromkeys(("nic_faults", "link_faults", "switch_faults"), "0 /h")
    (one,) = result(factory, assumptions, llama, run(), **never).runs
    assert one.goodput.p50 > 0.9999


def test_a_run_that_hardly_advances_is_infeasible(factory, assumptions, llama):
    with pytest.raises(InfeasibleError, match=r"Runs of at most \d+ accelerators restart in time"):
        result(factory, assumptions, llama, run(), warm_up="90 days")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"storage_bandwidth": "0 GB/s"}, "must be more than zero"),
        ({"snapshot_bandwidth": "0 GB/s"}, "must be more than zero"),
        ({"fleet_spread": 900}, "write a number up to"),
        ({"spares_service": "100 %"}, "service level"),
    ],
)
def test_absurd_assumptions_are_refused(factory, assumptions, llama, overrides, message):
    with pytest.raises(UsageError, match=message):
        result(factory, assumptions, llama, run(), **overrides)


def test_nodes_of_many_small_parts_fail_less_each(factory, assumptions):
    eight, four = (node_failures(factory(7200, each=e, nodes=n), assumptions()) for e, n in ((8, 1), (72, 18)))
    assert four < eight < 2 * four


def test_million_accelerators_still_answer(factory, assumptions, llama):
    (one,) = result(factory, assumptions, llama, run(1_000_000), n=1_000_000).runs
    assert 0 < one.goodput.p50 < 0.5
    assert dataclasses.asdict(one)["mtti"]["p50"] < 300


def test_spares_of_the_fabric_are_kept_part_by_part(assumptions):
    a = assumptions()
    pieces = [("sw", "switch", 1000), ("sr4", "optic", 60_000), ("dac, 3 m", "cable", 500), ("none", "cable", 0)]
    found = {s.part: s for s in fabric_spares(pieces, a)}
    assert list(found) == ["sw", "sr4", "dac, 3 m"]
    assert found["sr4"].failures_a_year == pytest.approx(60_000 * 5e-7 * 8760)
    assert found["sr4"].keep > 60_000 * 5e-7 * 24 * 28 > found["dac, 3 m"].keep

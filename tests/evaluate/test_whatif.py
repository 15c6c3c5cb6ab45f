"""Failures and placements, seen by the jobs of a plan."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firstlight import design
from firstlight.errors import UsageError
from firstlight.evaluate import build
from firstlight.evaluate.collective import Question
from firstlight.evaluate.congested import carried, congestion, units_of
from firstlight.evaluate.effects import WhatIf, WhatIfResult
from firstlight.network.jobs import Fabric
from firstlight.network.routing import fail
from firstlight.spec import load

PLAN = """
name: two jobs
site: {place: "Memphis, Tennessee", power: 3 MW, floor: 3000 m2, existing: [shell, utility]}
demand:
  - {train: llama-3-8b, tokens: 100B, batch: 1M, sequence: 4096}
  - {train: mixtral-8x7b, tokens: 100B, batch: 1M, sequence: 4096}
design:
  system: hgx-h100
  accelerators: 320
  fabric: {kind: clos, link: 400 Gb/s, switch: nvidia-sn5600, groups: [32], taper: 1}
  placements:
    - {accelerators: 128, training: {tensor: 2, pipeline: 2, zero: 1}}
    - {accelerators: 128, training: {tensor: 2, expert: 8, zero: 1}}
start: 2030-01-01
"""

Ask = Callable[..., WhatIfResult]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whatif") / "plan.yaml"
    path.write_text(PLAN, "utf-8")
    return path


@pytest.fixture(scope="module")
def ask(plan: Path) -> Ask:
    """`ask(("leaf#0",), place="spread", sets={...})`."""

    def one(fails: tuple[str, ...] = (), sets: dict[str, str] | None = None, **asked: object) -> WhatIfResult:
        return design.whatif(plan, WhatIf(fails, **asked), sets=sets)  # type: ignore[arg-type]

    return one


def test_nothing_asked_changes_nothing(ask):
    found = ask()
    assert (found.down, found.slow) == (0, 0)
    for job in found.jobs:
        assert job.change.p10 <= 1 <= job.change.p90
        assert job.step == job.healthy_step
        assert not job.stands_still
        for one in job.collectives:
            assert one.asked == one.healthy
            assert one.time == one.healthy_time


def test_each_axis_that_leaves_a_domain_is_told(ask):
    dense, routed = ask().jobs
    assert {one.axis for one in dense.collectives} == {"data", "pipeline"}
    assert {"data", "experts", "expert data"} >= {one.axis for one in routed.collectives} >= {"data"}
    assert {one.operation for one in dense.collectives} == {"all_gather", "reduce_scatter", "send_receive"}


def test_the_step_is_the_plans(ask, plan):
    planned = design.train(plan)
    assert [job.healthy_step for job in ask().jobs] == [run.result.step_time for run in planned.runs]


def test_hashed_paths_hurt_spread_jobs_more_than_packed_ones(ask):
    packed, spread = (ask(place=place, routing="ecmp").jobs[0] for place in ("packed", "spread"))
    assert spread.leaves > packed.leaves
    assert spread.change.p50 > packed.change.p50 >= 1
    assert spread.change.p90 > spread.change.p10


def test_queue_pairs_help(ask):
    one, many = (ask(place="spread", routing="ecmp", queue_pairs=pairs).jobs[0].change.p50 for pairs in (1, 16))
    assert many < one


def test_a_lost_leaf_without_a_second_rail_stops_the_jobs_on_it(ask):
    first, second = ask(("leaf#0",)).jobs
    assert first.stands_still
    assert first.cut == (0, 1, 2, 3)
    assert first.step is None
    assert not second.stands_still
    assert second.change.p50 == pytest.approx(1.0, abs=0.01)


def test_with_rails_it_only_slows_them(ask):
    rails = {"design.fabric.kind": "rail-optimised", "design.fabric.groups": "null"}
    for job in ask(("leaf#0",), rails).jobs:
        assert not job.stands_still
    assert ask(("leaf#0",), rails).jobs[0].change.p50 > 1


def test_a_topology_aware_placement_goes_around_it(ask):
    for job in ask(("leaf#0",), place="topology-aware").jobs:
        assert not job.stands_still
        assert job.change.p50 == pytest.approx(1.0, abs=0.01)


def test_all_spines_gone_cuts_leaves_from_each_other(ask):
    found = ask(("spine:100%",))
    assert all(job.stands_still for job in found.jobs)


def test_lost_spines_slow_what_crosses_leaves(ask):
    spread = [ask(fails, place="spread").jobs[0] for fails in ((), ("spine:1",), ("spine:2",))]
    steps = [job.change.p50 for job in spread]
    assert steps[0] == pytest.approx(1, abs=0.01)
    assert steps[0] < steps[1] < steps[2]
    (data,) = (one for one in spread[1].collectives if (one.axis, one.operation) == ("data", "all_gather"))
    assert "leaf-spine" in data.binding[0].name
    assert data.bandwidth < data.healthy_bandwidth


def test_the_seed_decides_what_breaks(ask):
    one, same, other = (ask(("leaf:2",), seed=seed).to_dict() for seed in (1, 1, 2))
    assert one == same
    assert one["jobs"] != other["jobs"]


def test_the_answer_goes_through_json(ask):
    found = ask(("spine:1",), place="spread").to_dict()
    again = json.loads(json.dumps(found))
    assert again["jobs"][0]["collectives"][0]["binding"][0].keys() == {"name", "busy"}
    assert again["jobs"][0]["change"].keys() >= {"p10", "p50", "p90"}
    assert again == json.loads(json.dumps(again))


def test_a_placement_without_rails_is_refused(ask):
    with pytest.raises(UsageError, match="a clos fabric has no rails"):
        ask(place="rail-aligned")


@pytest.mark.parametrize(
    ("operation", "sent"),
    [("send_receive", 800.0), ("all_to_all", 800 * 3 / 4), ("all_gather", 800 / 8 * 3 / 4), ("all_reduce", 75.0)],
)
def test_bytes_over_a_nic(operation, sent):
    assert carried(operation, 800.0, 8, 4) == sent
    assert carried(operation, 800.0, 8, 1) == 0


def test_the_table_of_a_fabric(plan):
    loaded = load.load_plan(plan, today=dt.date(2026, 6, 1))
    resolved = design.propose(loaded.plan, loaded.catalog, loaded.assumptions, loaded.base).plan
    made_of = build.parts(resolved.design, loaded.catalog)
    net, _ = build.fabric(resolved.design.fabric, made_of, 320, loaded.assumptions)
    late = build.latencies(net, loaded.catalog, loaded.assumptions)
    whole, less, cut = (
        congestion(Fabric(net, found, late), units_of(net, found, made_of.system), 5e10)
        for found in (fail(net, []), fail(net, ["spine:50%"]), fail(net, ["leaf#0"]))
    )
    assert whole.domains.tolist() == [2, 4, 8, 16, 32]
    assert set(whole.excess) == {"ring", "tree", "all_to_all"}
    assert all(np.all(table >= 0) for table in whole.excess.values())
    largest = whole.sizes[-1:]
    two = np.array([2.0])
    assert cut.slowdown("ring", two, largest) == pytest.approx(whole.slowdown("ring", two, largest), rel=0.05)
    for pattern in whole.excess:
        assert less.slowdown(pattern, np.array([32.0]), largest) >= whole.slowdown(pattern, np.array([32.0]), largest)
    assert less.slowdown("all_to_all", np.array([32.0]), largest) > 1.5


def test_a_collective_is_told_what_its_fabric_costs(plan):
    asked = [Question("all_to_all", 1e9, (8, 32), routing="spray", fails=fails) for fails in ((), ("spine:50%",))]
    whole, less = (design.collective(plan, one).time for one in asked)
    assert less.p50 > 1.5 * whole.p50
    assert "simulated" in less.basis
    with pytest.raises(UsageError, match="queue-pairs has no effect on spray"):
        design.collective(plan, Question("all_to_all", 1e9, (8, 32), queue_pairs=4, routing="spray"))


TORUS = """
name: slices
site: {place: "Memphis, Tennessee", power: 4 MW, floor: 4000 m2, existing: [shell, utility]}
demand:
  - {train: llama-3-8b, tokens: 100B, batch: 1M, sequence: 4096}
  - {train: llama-3-8b, tokens: 100B, batch: 1M, sequence: 4096}
design:
  system: tpu-v5p-cube
  accelerators: 512
  placements:
    - {accelerators: 256, training: {tensor: 4, zero: 1}}
    - {accelerators: 256, training: {tensor: 4, zero: 1}}
start: 2030-01-01
"""


@pytest.fixture(scope="module")
def on_torus(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    path = tmp_path_factory.mktemp("torus") / "plan.yaml"
    path.write_text(TORUS, "utf-8")
    return lambda fails=(), **asked: design.whatif(path, WhatIf(fails, **asked))


def test_a_lost_link_of_a_torus_slows_the_job_whose_ring_it_is(on_torus):
    healthy, found = on_torus(), on_torus(("torus#0",))
    assert all(job.change.p50 == pytest.approx(1.0) for job in healthy.jobs)
    one, other = found.jobs
    assert 1.0 < one.change.p10 <= one.change.p50 <= one.change.p90 < 2.0
    assert other.change.p50 == pytest.approx(1.0)
    assert {effect.operation for effect in one.collectives} >= {"all_gather", "reduce_scatter"}
    for effect in one.collectives:
        assert effect.bandwidth == pytest.approx(0.75 * effect.healthy_bandwidth)  # one of three dimensions takes twice
        assert effect.healthy_time < effect.time < effect.healthy_time / 0.75 * (1 + 1e-9)
        assert effect.binding[0].name == "torus#0"


def test_a_slow_link_of_a_torus_costs_less_than_a_lost_one(on_torus):
    lost, slow = (on_torus((name,)).jobs[0].change.p50 for name in ("torus#0", "torus#0@50%"))
    assert 1.0 < slow < lost


def test_an_accelerator_without_links_stops_its_job(on_torus):
    stands = on_torus(("torus:80%",)).jobs
    assert all(job.stands_still and job.cut and job.step is None for job in stands)
    json.dumps(on_torus(("torus#0",)).to_dict())


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"place": "spread"}, "leave --place out"), ({"routing": "ecmp"}, "leave --routing"),
     ({"fails": ("spine#0",)}, "has no spine")],
)  # fmt: skip
def test_what_a_torus_does_not_have_is_refused(on_torus, asked, told):
    with pytest.raises(UsageError, match=told):
        on_torus(**asked)

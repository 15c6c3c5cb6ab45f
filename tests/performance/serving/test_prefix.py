"""Prompts that replicas keep: tiers beside an ordered dictionary, routing, and what failures lose."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.performance.machine import machine
from firstlight.performance.serving.events import FAILS, Changes, Policy, Requests, Tiers, simulate
from firstlight.performance.serving.events.costs import StepCosts
from firstlight.performance.serving.events.prefix import empty, find, forget
from firstlight.performance.serving.events.tables import POINTS
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.memory import request_bytes
from firstlight.performance.serving.prefix import beside, tiers
from firstlight.performance.serving.values import fitted
from firstlight.spec import models
from firstlight.spec.design import PrefillPool, ServingLayout
from firstlight.spec.workload import PrefixCache

from .simple import CHIP, HOST, SYSTEM, A, wire

BLOCK = 10
SECONDS = 0.0, 1e-3, 5e-3


def asked(prompts, gap=1.0) -> Requests:
    n = len(prompts)
    return Requests.of(np.arange(n) * gap, [BLOCK * len(p) for p in prompts], 5, blocks=prompts, block=BLOCK)


def looked_up(prompts, rooms) -> list[tuple[int, int, int]]:
    """The same by an ordered dictionary, the last used at its end: tokens found in each tier."""
    kept: OrderedDict[int, None] = OrderedDict()
    found = []
    for prompt in prompts:
        order, tokens = [*reversed(kept)], [0] * 3
        for block in prompt:
            if block not in kept:
                break
            place = order.index(block)
            tokens[next(t for t in range(len(rooms)) if place < sum(rooms[: t + 1]))] += BLOCK
        for block in reversed(prompt):
            kept[block] = None
            kept.move_to_end(block)
            while len(kept) > sum(rooms):
                kept.popitem(last=False)
        found.append(tuple(tokens))
    return found


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True), min_size=1, max_size=30),
    st.lists(st.integers(0, 6), min_size=1, max_size=3),
)
def test_tiers_keep_what_was_used_last(prompts, rooms):
    requests = asked(prompts)
    kept = empty(requests, 1, Tiers(tuple(float(BLOCK * room) for room in rooms), SECONDS[: len(rooms)]))
    for q, expected in enumerate(looked_up(prompts, rooms)):
        before = kept.found.copy()
        tokens, seconds = find(kept, 0, q, int(requests.prompt[q]))
        each = kept.found - before
        assert (*each, *(0.0,) * (3 - len(rooms))) == expected
        assert tokens == sum(expected)
        assert seconds == pytest.approx(sum(t * s for t, s in zip(each, SECONDS, strict=False)))
    assert kept.count.sum() <= sum(rooms)
    forget(kept, 0)
    assert kept.count.sum() == 0
    assert kept.tier.max(initial=-1) == -1


def costs() -> StepCosts:
    """A millisecond a step, and 10 us for a token that is read."""
    size = len(POINTS)
    reading = np.broadcast_to(1e-5 * POINTS[:, None], (size, size)).copy()
    return StepCosts(np.full((size, size), 1e-3), reading, 1, 1, 64, 1e6, 0.0)


def test_what_is_kept_is_not_read_and_what_is_far_is_brought_first():
    prompts = [range(100), range(100), range(100)]
    requests = asked(prompts, gap=10.0)
    near = simulate(requests, costs(), Policy(), tiers=Tiers((1e4,), (0.0,)))
    far = simulate(requests, costs(), Policy(), tiers=Tiers((0.0, 1e4), (0.0, 1e-4)))
    alone = simulate(requests, costs(), Policy())
    assert alone.cached.tolist() == [0, 0, 0]
    assert near.cached.tolist() == far.cached.tolist() == [0, 1000, 1000]
    assert near.first_token[0] == far.first_token[0] == alone.first_token[0] == pytest.approx(10e-3)
    assert near.first_token[1] < 1e-4
    assert far.first_token[1] == pytest.approx(near.first_token[1] + 0.1)
    assert far.tiers.tolist() == [0, 2000]


def test_prompts_share_the_link_of_a_replica():
    requests = asked([range(100)] * 3, gap=0.0)
    served = simulate(requests, costs(), Policy(), tiers=Tiers((0.0, 1e4), (0.0, 1e-4)))
    assert np.sort(served.first_token)[1:] == pytest.approx([0.1, 0.2], abs=0.02)


def test_requests_go_where_their_prompt_is_kept():
    random = np.random.default_rng(3)
    talks = [[[100 * talk + turn for turn in range(turns + 1)] for turns in range(8)] for talk in range(12)]
    order = random.permutation(np.repeat(np.arange(12), 8))
    turn = [int((order[:i] == talk).sum()) for i, talk in enumerate(order)]
    requests = asked([talks[talk][t] for talk, t in zip(order, turn, strict=True)], gap=0.05)
    kept = Tiers((1e5,), (0.0,))
    found = {
        router: simulate(requests, costs(), Policy(router=router), replicas=4, tiers=kept).cached.sum()
        for router in ("round-robin", "least-loaded", "prefix-affinity")
    }
    whole = sum(BLOCK * t for t in turn)
    assert found["prefix-affinity"] > 0.95 * whole
    assert found["prefix-affinity"] > 1.3 * max(found["round-robin"], found["least-loaded"])


def test_requests_on_their_way_are_spread_over_the_replicas():
    """Those that wait for what is kept of their prompt count as load: none is sent where all others are."""
    first = asked([range(50)] * 24, gap=0.0)
    requests = replace(first, arrival=np.repeat([0.0, 5.0], [4, 20]))
    kept = Tiers((0.0, 1e5), (0.0, 1e-5))
    served = simulate(requests, costs(), Policy(router="least-loaded"), replicas=4, tiers=kept)
    assert np.bincount(served.replica[4:], minlength=4).tolist() == [5, 5, 5, 5]


def test_a_failed_replica_has_lost_what_it_kept_and_what_is_on_its_way():
    requests = asked([range(100)] * 3, gap=1.0)
    kept = Tiers((0.0, 1e4), (0.0, 1e-4))
    fails = Changes(np.array([1.05]), np.array([0]), np.array([FAILS]))
    served = simulate(requests, costs(), Policy(router="round-robin"), replicas=2, changes=fails, tiers=kept)
    assert not np.isnan(served.finish).any()
    again = Changes(np.array([2.05, 2.06]), np.array([0, 0]), np.array([FAILS, 1]))
    served = simulate(requests, costs(), Policy(), replicas=1, changes=again, tiers=kept)
    assert served.lost.tolist() == [0, 0, 1]
    assert served.cached.tolist() == [0, 1000, 0]
    assert served.first_token[2] == pytest.approx(0.11, abs=0.012)  # until what was on its way is missed


def test_tiers_of_a_layout_hold_its_bytes():
    own = fitted(A, CHIP)
    work = machine(CHIP, HOST, SYSTEM, "fp8", own)
    layout = ServingLayout(tensor=4, prefill=PrefillPool(tensor=4, engines=2))
    case = Case(models.find("llama-3.1-70b"), 4000.0, 500.0, work, Layouts.of([layout]), wire, own)
    found = tiers(
        case, layout, PrefixCache.model_validate({"accelerator": "1000 tokens", "host": "1 TB", "storage": "2 TB"})
    )
    token = 2 * 8 * 128 * 80  # bytes of keys and values in 8 bits
    assert found.rooms == pytest.approx((500.0, 1e12 / 2 / token, 2e12 / 2 / token))
    assert float(request_bytes(case, 1.0)[0]) == pytest.approx(token / 4)
    assert found.seconds == pytest.approx((0.0, token / 4 / (0.85 * CHIP.host_link), token / 4 / 6e9))
    broken = own.over(
        {"performance.serving_host_fetch": replace(own.entry("performance.serving_host_fetch"), value=0.0)}
    )
    with pytest.raises(UsageError, match="serving_host_fetch"):
        tiers(replace(case, a=broken), layout, PrefixCache.model_validate({"host": "1 TB"}))
    with pytest.raises(UsageError, match="the hosts of a replica have"):
        tiers(case, layout, PrefixCache.model_validate({"host": "1 PB"}))


def test_what_is_kept_on_the_accelerators_takes_room_of_their_requests():
    kept = Tiers((9e5, 1e9), (0.0, 1e-4))
    assert beside(costs(), kept, 5e4).room == 1e5
    assert beside(costs(), Tiers((0.0, 1e9), (0.0, 1e-4)), 5e6).room == 1e6
    with pytest.raises(UsageError, match="keep at most 1,600,000 tokens there, not 1,800,000"):
        beside(costs(), kept, 2e5, engines=2)

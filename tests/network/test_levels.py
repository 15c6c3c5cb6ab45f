"""Collectives over any levels: limits by hand, what never helps, and what changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network.collectives import Congestion, FabricTime, Tier, Tokens, bus_bandwidth
from firstlight.network.collectives.algorithms import constants
from firstlight.network.collectives.congestion import lottery
from firstlight.network.collectives.levels import Levels
from firstlight.network.collectives.tiers import place
from firstlight.spec.assumptions import shipped, with_overrides

A = with_overrides(shipped(), {})
C = constants("hopper", A)
LEAF, POD, SITE = Tier("leaf", 32), Tier("pod", 512), Tier("site", 4096, taper=8.0, latency=5e-3)
FLAT = FabricTime(8, Levels(450e9, 50e9, (LEAF, POD), False, C))
FAR = FabricTime(8, Levels(450e9, 50e9, (LEAF, POD, SITE), False, C))
RINGS = ["all_reduce", "all_gather", "reduce_scatter"]
EVERY = [*RINGS, "all_to_all", "broadcast", "send_receive"]
SIZE = st.floats(1, 1e12)


@given(st.sampled_from(EVERY), SIZE, st.integers(1, 8), st.integers(1, 32), st.integers(1, 16))
def test_levels_of_one_change_nothing(operation, size, n, m, pods):
    for short, long in [((n,), (n, 1, 1)), ((n, m), (n, m, 1)), ((n, m, pods), (n, m, pods, 1))]:
        assert FAR(operation, size, short) == FAR(operation, size, long)


@given(st.sampled_from(EVERY), SIZE, st.integers(1, 8), st.integers(1, 32), st.integers(1, 16))
def test_a_level_between_tells_only_who_shares_a_leaf(operation, size, n, m, pods):
    """Without taper and latency it does not matter, but that a hierarchical ring is there to choose."""
    two, three = FLAT(operation, size, (n, m * pods)), FLAT(operation, size, (n, m, pods))
    assert three <= two * (1 + 1e-12)
    if operation not in RINGS:
        assert three == pytest.approx(two)


@given(st.sampled_from(RINGS), SIZE, st.integers(1, 8), st.integers(1, 4000), st.integers(1, 4000))
def test_more_domains_never_help(operation, size, n, one, other):
    few, many = sorted((one, other))
    assert FLAT(operation, size, (n, many)) >= FLAT(operation, size, (n, few)) * (1 - 1e-9)


@given(st.sampled_from(EVERY), SIZE, st.integers(1, 8), st.integers(1, 8))
def test_more_members_of_a_domain_never_help_inside_it(operation, size, one, other):
    """But for an all-reduce from five on: the switches add up, and a member's part of the sum is the less."""
    few, many = sorted((one, other))
    if operation != "all_reduce" or many < 5:
        assert FLAT(operation, size, (many, 1)) >= FLAT(operation, size, (few, 1)) * (1 - 1e-9)


@given(st.sampled_from(EVERY), SIZE, st.integers(1, 8), st.integers(1, 5000))
def test_never_faster_than_the_links(operation, size, n, m):
    time = float(FLAT(operation, size, (n, m)))
    if n * m == 1:
        return
    if m > 1:
        across = {"all_reduce": 2 * (m - 1) / m / n, "all_to_all": (m - 1) / m, "send_receive": 1, "broadcast": 1 / n}
        assert time >= size * across.get(operation, (m - 1) / m / n) / 50e9 * (1 - 1e-9)
    elif operation in ("all_gather", "reduce_scatter", "all_to_all"):
        assert time >= size * (n - 1) / n / 450e9
    else:
        assert time >= size / 450e9


@given(st.sampled_from(EVERY), SIZE, st.integers(1, 8), st.integers(1, 32), st.integers(1, 16), st.integers(1, 4))
def test_long_links_never_help(operation, size, n, m, pods, sites):
    group = (n, m, pods, 1, sites)
    near = FabricTime(8, replace(FAR.model, tiers=(LEAF, POD, replace(SITE, taper=1.0, latency=0.0))))
    assert FAR(operation, size, group) >= near(operation, size, group) * (1 - 1e-12)


def test_a_long_link_is_waited_for_once_in_each_direction():
    """Two sites 1,000 km apart: a message waits 5 ms, an all-reduce twice that."""
    one, two = (float(FAR("all_reduce", 8, (8, 32, 8, 1, sites))) for sites in (1, 2))
    assert two - one == pytest.approx(2 * 5e-3, rel=0.02)
    assert FAR("send_receive", 8, (1, 1, 1, 1, 2)) == pytest.approx(5e-3, rel=0.01)


def test_level_by_level_a_tapered_site_is_crossed_with_what_is_left():
    """Of 1 TB over 8 x 32 x 16 x 1 x 2 each rank sends 1 / (8 x 32 x 16) x 1/2 twice over an eighth of its NIC."""
    group = FAR.place((8, 32, 16, 1, 2))
    one = FAR.model.candidates("all_reduce", group)["hierarchical Simple"](np.asarray(1e12), group)
    nic = 50e9 * C.nic_efficiency / (1 + C.congestion * np.log2(1024))
    below = 1e12 / 8 * (1 - 1 / 512)
    across = 1e12 / 8 / 512 / 2 * 8
    latency = C.sync * (8.4e-6 + 2 * (7 * 3.4e-6 + (31 + 15 + 1) * 14e-6)) + 2 * 5e-3
    assert float(one) == pytest.approx(latency + 2 * (below + across) / nic)


def test_latency_of_each_algorithm_by_hand():
    """An empty all-reduce over 8 x 64: NCCL's constants and steps."""
    found = {name: float(t) for name, t in FLAT.options("all_reduce", 0.0, (8, 64)).items()}
    assert found["rail ring LL"] == pytest.approx(6.6e-6 + 2 * (7 * 0.6e-6 + 63 * 2.7e-6))
    assert found["ring LL"] == pytest.approx(6.6e-6 + 2 * (64 * 7 * 0.6e-6 + 63 * 2.7e-6))
    assert found["double tree LL"] == pytest.approx(6.8e-6 + 2 * (7 * 0.6e-6 + 6 * 5e-6))
    assert found["NVLS tree"] == pytest.approx(25e-6 + 12 * 20.9e-6)


def test_bandwidth_of_each_algorithm_by_hand():
    """A huge all-reduce over 1 x 64 NICs: rings at 95 % less congestion, trees at 92 % of that, one tree at half."""
    found = {name: float(t) for name, t in FLAT.options("all_reduce", 1e15, (1, 64)).items()}
    bus = {name: float(bus_bandwidth("all_reduce", 1e15, 64, t)) for name, t in found.items() if np.isfinite(t)}
    ring = 50e9 * 0.95 / (1 + 6 * 0.03)
    assert bus["rail ring Simple"] == pytest.approx(ring, rel=1e-3)
    assert bus["double tree Simple"] == pytest.approx(0.92 * ring, rel=1e-3)
    assert bus["tree Simple"] == pytest.approx(0.46 * ring, rel=1e-3)


def test_switches_that_add_up_send_each_byte_once():
    sharp = FabricTime(8, replace(FLAT.model, reduces=True))
    group = (8, 512)
    assert sharp("all_reduce", 1e10, group) == pytest.approx(1e10 * 9 / 8 / (450e9 * C.nvls_efficiency), rel=0.01) or (
        sharp("all_reduce", 1e10, group) == pytest.approx(1e10 / 8 / 47.5e9, rel=0.01)
    )
    assert sharp("all_reduce", 1e10, group) < FLAT("all_reduce", 1e10, group)
    assert sharp("all_reduce", 1e10, (8, 1)) == FLAT("all_reduce", 1e10, (8, 1))
    assert sharp("all_reduce", 1e10, (1, 64)) == pytest.approx(1e10 / 47.5e9, rel=0.01)


def test_simulated_congestion_takes_the_place_of_the_constant():
    domains, sizes = np.array([2.0, 512.0]), np.array([1e6, 1e9])
    excess = {name: np.array([[0.0, 0.0], [1.0, 3.0]]) for name in ("ring", "tree", "all_to_all")}
    crowded = FabricTime(8, replace(FLAT.model, congestion=Congestion(domains, sizes, excess)))
    bus = bus_bandwidth("reduce_scatter", 1e16, 512, crowded("reduce_scatter", 1e16, (1, 512)))
    assert bus == pytest.approx(50e9 * 0.95 / 4, rel=1e-3)
    middle = Congestion(domains, sizes, excess).slowdown("ring", np.array([32.0]), np.array([1e9 * 1e-1]))
    assert middle == pytest.approx(1 + (1 + 2 * 2 / 3) / 2)


@given(st.integers(1, 128), st.integers(2, 1_000_000), st.sampled_from([2, 3]))
def test_more_queue_pairs_help_and_more_endpoints_do_not(pairs, endpoints, tiers):
    share = lottery(tiers, pairs, np.array([endpoints, endpoints * 2.0]))
    assert 0 < share[1] <= share[0] <= 0.81
    assert np.all(lottery(tiers, pairs + 1, np.array([float(endpoints)])) >= share[0] - 1e-12)


def test_hashed_paths_cost_only_what_leaves_a_leaf():
    hashed = FabricTime(8, replace(FLAT.model, queue_pairs=1))
    assert hashed("all_reduce", 1e10, (8, 64)) > 2 * FLAT("all_reduce", 1e10, (8, 64))
    assert hashed("all_to_all", 1e10, (8, 64)) > 2 * FLAT("all_to_all", 1e10, (8, 64))
    assert hashed("all_gather", 1e10, (1, 32)) < 1.2 * FLAT("all_gather", 1e10, (1, 32))


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ((), "from one to 4 levels"),
        ((8, 2, 2, 2, 2), "in one domain, in one leaf, in one pod, across them"),
        ((9, 2), "a scale-up domain has 8"),
        ((8, 33, 2), "a leaf joins 32 scale-up domains"),
        ((8, 16, 40, 2), "a pod joins 512 scale-up domains"),
        ((8, 0.5), "each level is at least 1"),
        ((8, float("nan")), "each level is at least 1"),
    ],
)
def test_impossible_groups_say_what_fits(group, words):
    with pytest.raises(UsageError, match=words):
        FLAT("all_reduce", 1e6, group)


def test_everything_broadcasts_over_three_levels():
    size, n, m, pods = np.ones((3, 1, 1, 1)) * 1e8, np.arange(1, 9)[:, None, None], np.arange(1, 5)[:, None], [1, 2, 16]
    for operation in EVERY:
        time = FAR(operation, size, (n, m, pods))
        assert time.shape == (3, 8, 4, 3)
        assert time[1, 4, 2, 1] == FAR(operation, 1e8, (5, 3, 2))


@given(st.integers(1, 8), st.integers(1, 64), st.integers(1, 16))
def test_copies_of_tokens(n, m, active):
    """No more than one for each expert, each rank, each domain; nothing is sent to oneself."""
    group = place((n, m), 8, (LEAF, POD))
    sent = {once: Tokens(1.0, 1.0, active, once).sent(group) for once in ("expert", "rank", "domain")}
    for inside, across in sent.values():
        assert 0 <= across <= active * (m - 1) / m + 1e-9
        assert inside >= 0
    assert sent["rank"][1] <= sent["expert"][1] + 1e-9
    assert sent["domain"][1] <= sent["rank"][1] + 1e-9
    if m == 1:
        assert sent["domain"] == sent["rank"]
    if n == m == 1:
        assert sum(map(sum, sent.values())) == 0


def test_a_dispatch_that_crosses_once_for_each_domain_is_faster():
    times = [float(FLAT.exchange(Tokens(4096, 7400, 8, once), (8, 4))) for once in ("domain", "rank", "expert")]
    assert times == sorted(times)
    assert FLAT.exchange(Tokens(4096, 7400, 8), (1, 1)) == 0

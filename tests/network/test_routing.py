"""Failures by name, the choice among what is left, rails, sprayed trunks, and the lottery of hashed paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network.flows import patterns
from firstlight.network.routing import aligned, degraded, fail, handed_over, hashes, lottery, route, spray
from firstlight.network.routing.detour import detours
from firstlight.network.routing.failures import merge
from firstlight.network.routing.spray import trunk_capacity
from firstlight.twin.protocols import Topology

from .graph import arcs, assert_walks, lengths
from .test_routes import some_pairs
from .test_topology import LINK, build, fabrics
from .test_torus import tori
from .topology import kinds


def some_down(fabric: Topology, seed: int, part: float) -> np.ndarray:
    """Some links that are not a NIC's."""
    first = fabric.bundles[0].count if fabric.tiers else 0
    rng = np.random.default_rng(seed)
    return first + np.flatnonzero(rng.random(fabric.links - first) < part)


@settings(max_examples=50)
@given(fabrics(), st.integers(0, 1000), st.floats(0.0, 0.3))
def test_a_failed_link_never_carries_traffic(fabric, seed, part):
    """Paths stay shortest walks; those that did not meet a failure stay as they were."""
    sources, targets = some_pairs(fabric, seed)
    hashed, failures = hashes(np.arange(len(sources)), seed), degraded(fabric, some_down(fabric, seed, part))
    healthy = fabric.routes(sources, targets, hashed)
    try:
        paths = route(fabric, sources, targets, hashed, failures)
    except UsageError as cut:
        if "no way is left" in str(cut):
            return
        raise
    assert not np.any(np.isin(paths, failures.down))
    assert_walks(fabric, sources, targets, paths)
    assert np.array_equal(lengths(paths), lengths(healthy))
    whole = ~np.any(np.isin(healthy, failures.down), axis=1)
    assert np.array_equal(paths[whole], healthy[whole])


@settings(max_examples=50)
@given(fabrics(), st.integers(0, 1000), st.floats(0.0, 0.6))
def test_a_way_is_found_wherever_there_is_one(fabric, seed, part):
    """Against a search of the whole graph: the same pairs have a shortest way left."""
    sources, targets = some_pairs(fabric, seed)
    apart = sources != targets
    sources, targets = sources[apart], targets[apart]
    down = np.zeros(2 * fabric.links, bool)
    down[degraded(fabric, some_down(fabric, seed, part)).down] = True
    hashed = hashes(np.arange(len(sources)), seed)
    left = fabric.routes_left(sources, targets, hashed, down)
    searched = detours(fabric, sources, targets, hashed, down)
    shortest = lengths(searched) == fabric.distance(sources, targets) + 1
    assert np.array_equal(left[:, 0] >= 0, shortest)
    assert not np.any(down[searched] & (searched >= 0))
    assert_walks(fabric, sources[shortest], targets[shortest], searched[shortest])


@settings(max_examples=50)
@given(tori(), st.integers(0, 1000), st.floats(0.0, 0.15))
def test_a_torus_is_routed_around_its_failures(fabric, seed, part):
    sources, targets = some_pairs(fabric, seed)
    failures = degraded(fabric, some_down(fabric, seed, part))
    try:
        paths = route(fabric, sources, targets, hashes(np.arange(len(sources)), seed), failures)
    except UsageError as cut:
        if "no way is left" in str(cut):
            return
        raise
    assert not np.any(np.isin(paths, failures.down))
    assert_walks(fabric, sources, targets, paths)
    assert np.all(lengths(paths) >= fabric.distance(sources, targets))


def test_what_is_left_is_drawn_evenly():
    """A spine that has lost its link to the target's leaf is no next hop, and all others are equally likely."""
    fabric, draws = build("clos", 128, 1, ports=16), 40_000
    target, dead_spine = 127, 3
    _, leaf = fabric.ends(0, np.array([target]))
    lower, upper = fabric.ends(1, np.arange(fabric.bundles[1].count))
    lost = fabric.offsets[1] + np.flatnonzero((lower == leaf[0]) & (upper == dead_spine))
    paths = route(fabric, np.zeros(draws, int), np.full(draws, target), hashes(np.arange(draws), 1),
                  degraded(fabric, lost))  # fmt: skip
    _, heads = arcs(fabric)
    spine, counts = np.unique(heads[paths[:, 1]] - 128 - fabric.tiers[0].switches, return_counts=True)
    assert spine.tolist() == [s for s in range(8) if s != dead_spine]
    assert np.ptp(counts) < 10 * np.sqrt(counts.mean())


def test_a_lost_plane_leaves_the_others():
    fabric = build("clos", 256, 1, ports=16, planes=4)
    failures = fail(fabric, ["plane#1"])
    sources, targets = some_pairs(fabric, 2, 1000)
    paths = route(fabric, sources, targets, hashes(np.arange(len(sources)), 2), failures)
    used = np.unique(paths[paths[:, 0] >= 0, 0] // 256)
    assert used.tolist() == [0, 2, 3]
    _, capacity = spray(fabric, sources, targets, failures, adaptive=False)
    assert capacity[:256] == pytest.approx(0.75 * LINK)


def test_a_cut_pair_is_named():
    fabric = build("clos", 96, 1, ports=64)
    failures = degraded(fabric, np.array([5]))
    with pytest.raises(UsageError, match=r"no way is left from endpoint 0 to 5 .1 such"):
        route(fabric, np.array([0, 1]), np.array([5, 2]), hashes(np.arange(2), 0), failures)
    with pytest.raises(UsageError, match=r"no way is left from endpoint 0 to 5 .1 such"):
        spray(fabric, np.array([0, 1]), np.array([5, 2]), failures, adaptive=True)


@pytest.mark.parametrize(
    ("names", "links"),
    [
        (["spine#3"], 8 * 2), (["leaf#0"], 8 + 8), (["leaf-spine#17"], 1), (["spine#3", "spine#3"], 16),
        (["node-leaf#5", "leaf-spine#5"], 2), (["leaf-spine:7"], 7), (["leaf-spine:12.5%"], 16), (["rail#1"], 16 + 16),
    ],
)  # fmt: skip
def test_failures_by_name(names, links):
    fabric = build("rail-optimised", 128, 8, ports=16)
    assert (fabric.tiers[0].switches, fabric.tiers[1].switches, fabric.bundles[1].count) == (16, 8, 128)
    failures = fail(fabric, names, seed=1)
    assert len(failures.down) == 2 * links
    assert np.array_equal(failures.down[:links] + fabric.links, failures.down[links:])
    assert np.count_nonzero(failures.shares(fabric) == 0) == 2 * links


def test_links_of_each_dimension_fail_by_name():
    fabric = kinds.build("hyperx", 48, 1, 16, hyperx={"dimensions": [4, 3], "p": 4})
    first, one = fail(fabric, ["dimension-1#0"]), fail(fabric, ["dimension-2:3@50%"], 1)
    assert first.down.tolist() == [fabric.offsets[1], fabric.offsets[1] + fabric.links]
    assert np.all((one.links % fabric.links >= fabric.offsets[2]) & (one.share == 0.5))
    assert len(one.links) == 6
    assert not fail(fabric, ["dimension-1:0"]).links.size


def test_draws_follow_the_seed():
    fabric = build("clos", 1024, 1, ports=16)
    one, same, other = (fail(fabric, ["leaf-spine:9"], seed).links for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_worse_of_two_failures_counts():
    fabric = build("clos", 128, 1, ports=16)
    both = merge(fail(fabric, ["spine#0@25%"]), fail(fabric, ["leaf-spine:5"], 3))
    assert np.count_nonzero(both.share == 0) == 10
    assert np.unique(both.share).tolist() == [0.0, 0.25]


def test_slow_links_hold_back_packets_that_do_not_know_of_them():
    """One of 8 spines at a quarter: adaptive packets lose 9 %, blind ones run at the pace of the slow link."""
    fabric = build("clos", 128, 1, ports=16)
    failures = fail(fabric, ["spine#2@25%"])
    blind, aware = (trunk_capacity(fabric, failures, adaptive) for adaptive in (False, True))
    assert aware[128] == pytest.approx(7.25 * LINK)
    assert blind[128] == pytest.approx(8 * 0.25 * LINK)
    down = trunk_capacity(fabric, fail(fabric, ["spine#2"]), adaptive=False)
    assert down[128] == pytest.approx(7 * LINK)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("spine 3", r'"spine 3" is no failure; write one like "spine#3"'),
        ("spin#3", "has no spin.*spine"),
        ("spine#8", "there are the numbers 0 to 7"),
        ("spine:9", "there are 8 of it, not 9"),
        ("spine", 'does not say which of 8; write "spine#0"'),
        ("spine#0@100%", "a share of 1 of the capacity is no loss"),
        ("rail#0", "has no rail"),
        ("leaf-spine:0.1%", 'of 128 are 0.13, which rounds to none; write "leaf-spine:1"'),
    ],
)
def test_failures_that_make_no_sense_are_refused(name, message):
    with pytest.raises(UsageError, match=message):
        fail(build("clos", 128, 1, ports=16), [name])


@given(st.integers(0, 1000))
def test_rail_aligned_traffic_stays_on_its_rail(seed):
    fabric = build("rail-only", 512, 8, ports=16)
    sources, targets = np.random.default_rng(seed).integers(0, 512, (2, 64))
    entry = aligned(sources, targets, 8, 8)
    assert np.array_equal(entry // 8, np.where(sources // 8 == targets // 8, targets // 8, sources // 8))
    assert np.array_equal(entry % 8, targets % 8)
    paths = fabric.routes(entry, targets, hashes(np.arange(64), seed))
    assert np.array_equal(lengths(paths) == 0, sources // 8 == targets // 8)
    with pytest.raises(UsageError, match="not whole rows"):
        aligned(sources, targets, 8, 12)


def test_a_chain_keeps_its_path():
    chain = np.array([0, 1, 0, 1])
    assert hashes(chain, 1)[:2].tolist() == hashes(chain, 1)[2:].tolist()
    assert hashes(chain, 1)[0] != hashes(chain, 2)[0]


@pytest.mark.parametrize(("endpoints", "ports", "taper", "pairs"), [(1024, 16, 1.0, 1), (384, 48, 2.0, 4)])
def test_the_lottery_against_draws(endpoints, ports, taper, pairs):
    """Every probability within 0.08 of 300 draws of real paths."""
    fabric, draws = build("clos", endpoints, 1, ports=ports, taper=taper), 300
    rng = np.random.default_rng(5)
    sources = np.arange(endpoints)
    targets = rng.permutation(endpoints)
    odds, fullest = lottery(fabric, sources, targets, pairs), np.empty(draws)
    many, all_targets = np.repeat(sources, pairs), np.repeat(targets, pairs)
    for i in range(draws):
        paths = fabric.routes(many, all_targets, hashes(np.arange(len(many)), i))
        fullest[i] = np.bincount(paths[paths >= 0]).max()
    drawn = (fullest[None, :] <= odds.flows[:, None]).mean(axis=1)
    assert np.abs(drawn - odds.chance).max() < 0.08


def test_effective_bandwidth_by_queue_pairs():
    """The figures of a 1,024-host fat tree: a fifth with one queue pair, 0.59 with 32 (draws of real paths)."""
    fabric = build("clos", 1024, 1, ports=16)
    sources, targets = np.arange(1024), np.random.default_rng(0).permutation(1024)
    found = [lottery(fabric, sources, targets, q).effective[1] for q in (1, 2, 4, 8, 16, 32, 64, 128)]
    assert found == pytest.approx([0.20, 0.25, 0.33, 0.42, 0.52, 0.62, 0.70, 0.77], abs=0.04)
    wide = lottery(build("clos", 1024, 1, ports=16, planes=2), sources, targets, 8).effective
    assert wide[0] <= wide[1] <= wide[2] <= 1


def test_a_lost_rail_is_lost_on_every_plane():
    fabric = build("rail-optimised", 128, 8, ports=16, planes=2)
    down = fail(fabric, ["rail#1"]).down
    nics = down[down < fabric.bundles[0].count]
    assert np.array_equal(nics, np.flatnonzero(np.arange(256) % 128 % 8 == 1))


def test_traffic_is_handed_over_on_isolated_rails_only():
    flows = patterns.permutation(512, 1e6, 2)
    isolated, joined = build("rail-only", 512, 8, ports=16), build("rail-optimised", 512, 8, ports=16)
    assert handed_over(joined, flows, 8) is flows
    sent = handed_over(isolated, flows, 8)
    assert np.array_equal(sent.target, flows.target)
    assert np.array_equal(
        sent.source // 8, np.where(flows.source // 8 == flows.target // 8, sent.target // 8, flows.source // 8)
    )
    assert np.array_equal(sent.source % 8, sent.target % 8)
    hashed = hashes(np.arange(512), 0)
    isolated.routes(*isolated.pairs(sent.source, sent.target), hashed)
    with pytest.raises(UsageError, match=r"hand it over inside the scale-up domains first .*handed_over"):
        isolated.routes(*isolated.pairs(flows.source, flows.target), hashed)

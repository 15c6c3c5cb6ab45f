"""Pods: which systems share leaves, and where switches stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.spec import catalog as shelves
from firstlight.spec.assumptions import Assumptions, shipped, with_overrides
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Switch, System
from firstlight.twin import pods as room
from firstlight.twin.pods import endpoints_each, leaf_pods, pods, upper_halls

CATALOG = shelves.shipped()


def net(kind: str, endpoints: int, rails: int = 8, switch: str = "nvidia-qm9700", **fabric: object):
    design = FabricDesign.model_validate({"kind": kind, "link": "400 Gb/s", **fabric})
    return topology.build(design, endpoints, rails, CATALOG.part(Switch, switch) if kind != "torus" else None)


def least(count: int) -> Assumptions:
    return with_overrides(shipped(), {"twin.pod_accelerators": count})


def bounds(name: str, systems: int, fabric, holds: int = 1, target: int = 256) -> list[int]:
    return pods(fabric, CATALOG.part(System, name), systems, holds, least(target)).tolist()


def test_scalable_units_of_a_superpod():
    """127 nodes on four units of rails: 32, 32, 32 and 31."""
    found = bounds("hgx-h100", 127, net("rail-optimised", 1016))
    assert np.diff(found).tolist() == [32, 32, 32, 31]


def test_small_leaf_groups_share_a_pod():
    """Leaves of a Clos hold four nodes of eight NICs: eight of them are a pod of 256 accelerators."""
    fabric = net("clos", 64 * 8)
    assert fabric.tiers[0].switches == 16
    assert bounds("hgx-h100", 64, fabric) == [0, 32, 64]
    assert bounds("hgx-h100", 64, fabric, target=8) == list(range(0, 65, 4))


def test_a_pod_is_no_less_than_a_rack():
    """A cabinet of Frontier holds 128 nodes: two units of 64 share a pod, though each has its 256 accelerators."""
    fabric = net("rail-optimised", 512 * 4, 4, "nvidia-sn5600")
    assert bounds("frontier-node", 512, fabric) == [0, 64, 128, 192, 256, 320, 384, 448, 512]
    assert bounds("frontier-node", 512, fabric, holds=128) == [0, 128, 256, 384, 512]


def test_a_pod_of_a_torus_is_so_many_accelerators_in_whole_racks():
    cubes, hosts = net("torus", 64 * 64, 4), net("torus", 64 * 8, 8)
    assert bounds("tpu-v5p-cube", 64, cubes) == list(range(0, 65, 4))
    assert bounds("tpu-v5e-8", 64, hosts, holds=12) == [0, 36, 64]
    assert leaf_pods(cubes, np.array([0, 64])).tolist() == []
    assert upper_halls(cubes, np.zeros(0, np.int64)) == []


def test_a_fabric_for_another_number_of_systems():
    with pytest.raises(UsageError, match="a fabric of 1,016 endpoints does not join 100 whole systems"):
        endpoints_each(net("rail-optimised", 1016), 100)
    with pytest.raises(UsageError, match="pod_accelerators is 0; it must be more than zero"):
        bounds("hgx-h100", 127, net("rail-optimised", 1016), target=0)


@st.composite
def joined(draw: st.DrawFn):
    """A fabric and its systems."""
    kind, rails = draw(st.sampled_from(["clos", "rail-optimised", "rail-only"])), draw(st.sampled_from([2, 4, 8]))
    systems, nodes = draw(st.integers(1, 300)), draw(st.sampled_from([1, 3]))
    taper, planes = draw(st.sampled_from([1.0, 2.0, 3.0])), draw(st.sampled_from([1, 2]))
    try:
        fabric = net(
            kind, systems * nodes * rails, rails, "mellanox-sb7800", link="100 Gb/s", taper=taper, planes=planes
        )
    except UsageError:
        assume(False)
        raise
    return fabric, systems


@given(joined(), st.integers(1, 400), st.integers(1, 5))
def test_pods_are_whole_leaf_groups(case, target, holds):
    fabric, systems = case
    found = np.array(bounds("hgx-h100", systems, fabric, holds, target))
    assert (found[0], found[-1]) == (0, systems)
    assert np.all(np.diff(found) > 0)
    leaf = fabric.ends(0, np.arange(systems) * endpoints_each(fabric, systems))[1]
    assert np.all(leaf[found[1:-1]] != leaf[found[1:-1] - 1])


@given(joined(), st.integers(1, 400))
def test_a_leaf_stands_with_its_first_endpoint(case, target):
    fabric, systems = case
    found = np.array(bounds("hgx-h100", systems, fabric, target=target))
    endpoint, leaf = fabric.ends(0, np.arange(fabric.bundles[0].count))
    pod = np.searchsorted(found, endpoint // endpoints_each(fabric, systems), side="right") - 1
    first = [pod[leaf == number].min() for number in range(fabric.tiers[0].switches)]
    assert leaf_pods(fabric, found).tolist() == first


@given(joined(), st.integers(1, 6))
def test_upper_switches_stand_among_the_halls_they_join(case, halls):
    fabric, _ = case
    count = fabric.tiers[0].switches
    networks = fabric.planes * fabric.rails
    leaves = np.tile(np.arange(count // networks) * halls // (count // networks), networks)
    below = leaves
    for index, above in enumerate(upper_halls(fabric, leaves), 1):
        lower, upper = fabric.ends(index, np.arange(fabric.bundles[index].count))
        for switch in range(fabric.tiers[index].switches):
            joins = below[lower[upper == switch]]
            assert joins.min() <= above[switch] <= joins.max()
        below = above


def test_spines_that_join_halls_are_shared_out_as_their_leaves_are():
    """16 leaves, 12 of them in hall 0: so are 6 of the 8 spines."""
    fabric = net("clos", 512)
    assert [tier.switches for tier in fabric.tiers] == [16, 8]
    assert np.bincount(upper_halls(fabric, np.repeat([0, 1], [12, 4]))[0]).tolist() == [6, 2]


def test_spines_of_one_hall_stand_in_it():
    """Of three tiers, a pod's spines stay with its leaves, and the cores are shared out."""
    fabric = net("rail-optimised", 8192)
    assert [tier.switches for tier in fabric.tiers] == [256, 256, 128]
    leaves = np.arange(256) // 64
    spines, cores = upper_halls(fabric, leaves)
    assert np.array_equal(spines, leaves)
    assert np.bincount(cores).tolist() == [32, 32, 32, 32]


def test_chunks_change_nothing(monkeypatch):
    fabric = net("rail-optimised", 4096)
    whole = leaf_pods(fabric, np.array([0, 256, 512])), *upper_halls(fabric, np.arange(128) // 50)
    monkeypatch.setattr(room, "CHUNK", 97)
    parts = leaf_pods(fabric, np.array([0, 256, 512])), *upper_halls(fabric, np.arange(128) // 50)
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))

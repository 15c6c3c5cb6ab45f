"""Times of collectives: limits, shapes and what does not go together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.network.collectives import FabricTime, bus_bandwidth, fabric_time
from firstlight.network.collectives.algorithms import constants
from firstlight.network.collectives.levels import Levels
from firstlight.network.collectives.mesh import mesh
from firstlight.network.collectives.tiers import Tier
from firstlight.spec.assumptions import shipped, with_overrides
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Nic

A = with_overrides(shipped(), {})
OPERATIONS = ["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "send_receive"]
SIZE, MEMBERS, DOMAINS = st.floats(1, 1e12), st.integers(1, 8), st.integers(1, 20_000)


def levels(architecture: str = "hopper", *, taper: float = 1.0, leaf_domains: float = 32.0, forwards: bool = False):
    leaf = Tier("leaf", leaf_domains, taper)
    return FabricTime(8, Levels(450e9, 50e9, (leaf,), forwards, constants(architecture, A)))


TORUS = FabricTime(20_000, mesh(300e9, A))
HOPPER, OTHER, TAPERED, RAIL_ONLY = levels(), levels("cdna3"), levels(taper=4.0), levels(forwards=True)
MODELS = st.sampled_from([HOPPER, OTHER, TAPERED, RAIL_ONLY, TORUS])


@given(MODELS, st.sampled_from(OPERATIONS), SIZE, SIZE, MEMBERS, DOMAINS)
def test_time_grows_with_size(model, operation, one, other, members, domains):
    small, large = model(operation, np.sort([one, other]), (members, domains))
    assert 0 <= small <= large * (1 + 1e-12)
    assert np.isfinite(large)


@given(MODELS, st.sampled_from(OPERATIONS), SIZE)
def test_a_group_of_one_takes_no_time(model, operation, size):
    assert model(operation, size, (1, 1)) == 0


@given(st.sampled_from([HOPPER, OTHER, TAPERED]), st.sampled_from(OPERATIONS), MEMBERS, DOMAINS)
def test_an_empty_message_takes_latency(model, operation, members, domains):
    time = float(model(operation, 0.0, (members, domains)))
    assert (time > 0) == (members * domains > 1)


@given(SIZE, MEMBERS, DOMAINS)
def test_taper_and_isolated_rails_never_help(size, members, domains):
    for operation in OPERATIONS:
        base = HOPPER(operation, size, (members, domains))
        assert TAPERED(operation, size, (members, domains)) >= base * (1 - 1e-12)
        assert RAIL_ONLY(operation, size, (members, domains)) >= base * (1 - 1e-12)


@given(st.integers(1, 8), st.integers(2, 1000))
def test_all_reduce_is_reduce_scatter_and_all_gather_in_the_bandwidth_limit(members, domains):
    """Between domains; the scale-up switches' own reduction needs five members, so that inside rings are compared."""
    group, size = (min(members, 4), domains), 1e16
    parts = HOPPER("reduce_scatter", size, group) + HOPPER("all_gather", size, group)
    assert HOPPER("all_reduce", size, group) == pytest.approx(parts, rel=1e-3)


@pytest.mark.parametrize("operation", ["all_reduce", "all_gather", "reduce_scatter"])
def test_bandwidth_limit_of_a_domain(operation):
    """size -> infinity on 4 ranks: rings at 363 of 450 GB/s."""
    bus = bus_bandwidth(operation, 1e15, 4, HOPPER(operation, 1e15, (4, 1)))
    assert bus == pytest.approx(A["network.ring_efficiency_hopper"] * 450e9, rel=1e-3)


def test_bandwidth_limit_between_domains():
    """One accelerator a domain: the NIC, less what rings reach and what congestion takes."""
    bus = bus_bandwidth("all_reduce", 1e15, 16, HOPPER("all_reduce", 1e15, (1, 16)))
    assert bus == pytest.approx(50e9 * 0.95 / (1 + 4 * 0.03), rel=1e-3)


def test_latency_limit():
    """The least of NCCL's constants: LL ring inside, 6.6 us and 14 hops of 0.6 us for an all-reduce on 8."""
    assert HOPPER("all_reduce", 0.0, (8, 1)) == pytest.approx(6.6e-6 + 14 * 0.6e-6)


def test_hierarchy_uses_all_nics_of_a_domain():
    one, eight = (HOPPER("all_reduce", 1e12, (n, 128)) for n in (1, 8))
    assert one / eight == pytest.approx(8, rel=0.01)


def test_arguments_broadcast():
    size, members, domains = np.ones((5, 1, 1)) * 1e6, np.arange(1, 9)[:, None], np.array([1, 16, 1000])
    for model in (HOPPER, TORUS):
        for operation in OPERATIONS:
            time = model(operation, size, (members, domains))
            assert time.shape == (5, 8, 3)
            assert time[2, 7, 1] == model(operation, 1e6, (8, 16))


@pytest.mark.parametrize("group", [(9, 1), (0, 1), (8, 0), (), (8, 33, 2), (8, 2, 2, 2)])
def test_impossible_groups_are_refused(group):
    with pytest.raises(UsageError, match="group"):
        HOPPER("all_reduce", 1e6, group)


def test_a_million_times_at_once():
    size = np.geomspace(1, 1e12, 1_000_000)
    assert np.all(np.diff(HOPPER("all_reduce", size, (8, 512))) >= 0)


@pytest.fixture
def timed(factory):
    def build(name: str, systems: int, **fabric: object) -> FabricTime:
        made = factory(name, systems, **fabric)
        link = made.topology.bundles[0].bandwidth * made.topology.planes
        return fabric_time(made.topology, made.system, made.accelerator, made.nic, link, A)

    return build


@pytest.mark.parametrize("kind", ["clos", "rail-optimised", "rail-only"])
@pytest.mark.parametrize(("system", "domain"), [("hgx-h100", 8), ("gb200-nvl72", 72)])
def test_domains_of_8_and_72(timed, kind, system, domain):
    time = timed(system, 144, kind=kind, link="400 Gb/s", switch="nvidia-qm9700")
    assert time.domain == domain
    assert time("all_to_all", 1e9, (domain, 1)) < time("all_to_all", 1e9, (8, domain // 8 * 2))


def test_torus(timed):
    time = timed("tpu-v5p-cube", 1, kind="torus", link="50 GB/s")
    assert 0 < time("all_reduce", 1e9, (1, 64)) == time("all_reduce", 1e9, (64, 1))


def test_a_link_faster_than_the_nic_is_refused(timed):
    with pytest.raises(UsageError, match=r"faster than .*design\.fabric\.link"):
        timed("hgx-h100", 16, kind="clos", link="800 Gb/s", switch="nvidia-sn5600")


def test_parts_that_do_not_go_together(factory):
    made = factory("hgx-h100", 16, kind="clos", link="400 Gb/s", switch="nvidia-qm9700")
    with pytest.raises(UsageError, match="no NIC for a fabric of switches"):
        fabric_time(made.topology, made.system, made.accelerator, None, 50e9, A)
    mute = made.accelerator.model_copy(update={"scale_up_bandwidth": None})
    with pytest.raises(UsageError, match="states no scale_up_bandwidth"):
        fabric_time(made.topology, made.system, mute, made.nic, 50e9, A)
    rails = factory("hgx-h100", 16, kind="rail-only", link="400 Gb/s", switch="nvidia-qm9700").topology
    alone = made.system.model_copy(update={"scale_up_domain": 1})
    assert isinstance(made.nic, Nic)
    with pytest.raises(UsageError, match="choose fabric kind: rail-optimised"):
        fabric_time(rails, alone, made.accelerator, made.nic, 50e9, A)


@pytest.mark.parametrize("name", ["nic_efficiency", "ring_efficiency_hopper", "ll_ceiling", "tree_efficiency"])
def test_a_share_of_nothing_is_refused(name):
    with pytest.raises(UsageError, match=f"assumptions.network.{name} is 0 %; it must be more than zero"):
        constants("hopper", with_overrides(shipped(), {f"network.{name}": "0 %"}))


def test_switches_that_cannot_reduce():
    without = constants("hopper", with_overrides(shipped(), {"network.nvls_efficiency_hopper": "0 %"}))
    rings = FabricTime(8, Levels(450e9, 50e9, (Tier("leaf", 32.0),), False, without))
    assert rings("all_reduce", 1e9, (8, 1)) > HOPPER("all_reduce", 1e9, (8, 1))


def test_one_accelerator_alone_on_a_torus(factory):
    made = factory("tpu-v5p-cube", 1, kind="torus", link="800 Gb/s")
    alone = topology.build(FabricDesign(kind="torus", link="800 Gb/s"), 1, 1, None)
    time = fabric_time(alone, made.system, made.accelerator, None, 100e9, A)
    assert time("all_reduce", 1e9, (1, 1)) == 0

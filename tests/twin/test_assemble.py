"""Assembled factories: published ones by number, limits, and what every field of site and design changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firstlight.errors import InfeasibleError, UsageError
from firstlight.spec import catalog as shelves
from firstlight.spec.parts import System
from firstlight.twin.assemble import assemble
from firstlight.twin.factory import RackKind

NDR = {"kind": "rail-optimised", "link": "400 Gb/s", "switch": "nvidia-qm9700"}
SYSTEMS = [part.id for part in shelves.shipped().parts(System)]
MILLIONS = [
    ("gb300-nvl72", 1_000_000, {"kind": "rail-optimised", "link": "800 Gb/s", "switch": "nvidia-q3400-ra"}),
    ("hgx-h100", 1_000_000, {"kind": "rail-optimised", "link": "400 Gb/s", "switch": "nvidia-sn5600"}),
    ("hgx-b300", 1_000_000, {"kind": "clos", "link": "800 Gb/s", "switch": "nvidia-sn5600", "planes": 4}),
    ("tpu-v5p-cube", 1_000_000, {"kind": "torus", "link": "800 Gb/s"}),
]


def test_a_superpod_of_127_nodes(make, sound):
    """DGX SuperPOD H100 of four units: 32 racks of four nodes, eight leaves with each unit, 16 spines in the middle."""
    case = make("dgx-h100", 1016, fabric=NDR, site={"cooling": ["air"]})
    made = case.factory
    sound(case)
    assert (made.systems, made.accelerators) == (127, 1016)
    assert case.racks.tolist() == [32, 5, 5]
    assert [tier.switches for tier in made.topology.tiers] == [32, 16]
    pods = [np.bincount(case.pod[home], minlength=5).tolist() for home in made.switch_rack]
    assert pods == [[8, 8, 0, 8, 8], [0, 0, 16, 0, 0]]
    assert np.diff(made.racks.systems)[case.pod == 4].sum() == 31
    assert not made.racks.liquid.any()
    assert (len(made.loop_power), set(made.racks.loop)) == (0, {-1})


def test_racks_of_nvl72(make, sound):
    """A rack is a system, and bears its power, its heat to liquid and its mass; switches give theirs to air."""
    case = make("gb300-nvl72", 576)
    made, own = case.factory, case.factory.racks.kind == RackKind.COMPUTE
    sound(case)
    assert (made.systems, own.sum()) == (8, 8)
    assert np.diff(made.racks.systems)[own].tolist() == [1] * 8
    assert made.racks.power[own].tolist() == [made.system.power] * 8
    assert made.racks.liquid[own] == pytest.approx([made.system.liquid * made.system.power] * 8)
    assert made.racks.mass[own].tolist() == [made.system.mass] * 8
    assert not made.racks.liquid[~own].any()


def test_a_torus_has_no_switches(make, sound):
    """A pod of 64 cubes: a rack each, no network racks, 5 % of 2.88 MW for storage."""
    case = make("tpu-v5p-cube", 4096)
    sound(case)
    assert case.racks.tolist() == [64, 0, 10]
    assert (case.factory.switch_rack, case.factory.nic) == ((), None)


@pytest.mark.parametrize(
    ("name", "each"), [("cloudmatrix-384", 16), ("rubin-ultra-nvl576", 2), ("trn2-ultraserver", 2)]
)
def test_systems_of_several_racks(make, sound, name, each):
    case = make(name, 5 * shelves.shipped().part(System, name).accelerators)
    made, own = case.factory, case.factory.racks.kind == RackKind.COMPUTE
    sound(case)
    assert own.sum() == 5 * each
    assert made.racks.power[own] == pytest.approx([made.system.power / each] * 5 * each)
    assert np.all(np.diff(case.pod[own].reshape(5, each)) == 0)
    assert np.all(np.diff(np.flatnonzero(own).reshape(5, each)) == 1)


def test_one_accelerator_takes_a_whole_system(make, sound):
    case = make("hgx-h100", 1)
    sound(case)
    assert (case.factory.systems, case.factory.accelerators, case.racks.tolist()) == (1, 8, [1, 1, 1])


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("count", [1, 13, 700])
def test_every_system_of_the_catalogue(make, sound, name, count):
    accelerators = count * shelves.shipped().part(System, name).accelerators
    try:
        case = make(name, accelerators)
    except UsageError as error:  # some counts make no torus
        pytest.skip(str(error))
    sound(case)


@st.composite
def factories(draw: st.DrawFn) -> tuple[str, int, dict[str, object]]:
    name = draw(st.sampled_from(["hgx-h100", "dgx-h100", "gb200-nvl72", "hgx-b300", "cloudmatrix-384", "inf2-48xl"]))
    fabric = {
        "kind": draw(st.sampled_from(["clos", "rail-optimised", "rail-only"])) if name != "inf2-48xl" else "clos",
        "link": "400 Gb/s",
        "switch": draw(st.sampled_from(["nvidia-qm9700", "nvidia-sn5600", "nvidia-q3400-ra"])),
        "planes": draw(st.sampled_from([1, 2])),
        "taper": draw(st.sampled_from([1.0, 2.0])),
    }
    site = {"halls": draw(st.none() | st.integers(1, 9))}
    site |= {"buildings": draw(st.integers(1, site["halls"] or 4))}
    assumptions = {
        "twin.hall_power": f"{draw(st.floats(1, 40))} MW",
        "twin.hall_racks": draw(st.integers(30, 1000)),
        "twin.pod_accelerators": draw(st.integers(1, 1000)),
        "twin.row_racks": draw(st.integers(1, 30)),
        "twin.service_power": f"{draw(st.floats(0, 10))} %",
    }
    ups = draw(st.sampled_from(["none", "ups-1500kw"]))
    return name, draw(st.integers(1, 12_000)), {"fabric": fabric, "site": site, "assumptions": assumptions, "ups": ups}


@given(factories())
@settings(max_examples=60)
def test_what_holds_of_every_factory(make, sound, case):
    name, accelerators, more = case
    try:
        made = make(name, accelerators, **more)
    except UsageError:  # some fabrics cannot be
        assume(False)
        raise
    sound(made)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 127, 128, 129, 4096])
def test_halls_of_the_assumptions_hold_what_they_say(make, count):
    """Whatever rounds, no hall is over its power or its racks."""
    case = make("hgx-h100", 8 * 32 * count, assumptions={"twin.hall_power": "10 MW", "twin.hall_racks": 250})
    assert np.bincount(case.hall, case.factory.racks.power).max() <= 10e6
    assert np.bincount(case.hall).max() <= 250


def test_halls_and_buildings_of_the_site(make, sound):
    """Of 16 pods: one hall or three in 1, 2 or 3 buildings; a site of 40 halls leaves the rest of them empty."""
    for halls, buildings in ((1, 1), (3, 1), (3, 2), (3, 3), (40, 7)):
        case = make("hgx-h100", 4096, fabric=NDR, site={"halls": halls, "buildings": buildings})
        sound(case)
        assert len(case.factory.halls) == min(halls, 16)
        assert case.factory.halls.building[-1] + 1 == buildings
    assert make("hgx-h100", 4096, site={"buildings": 3}).factory.halls.building.tolist() == [0, 1, 2]
    assert make("hgx-h100", 8, site={"buildings": 3}).factory.halls.building.tolist() == [0]


def test_each_kind_of_cooling(make, sound):
    """A site without air takes the heat of network and storage racks too, by doors; one without liquid none."""
    both, wet = (make("vera-rubin-nvl72", 720, site={"cooling": kinds}) for kinds in (["liquid", "air"], ["liquid"]))
    for case in (both, wet):
        sound(case)
    others = both.factory.racks.kind != RackKind.COMPUTE
    assert not both.factory.racks.liquid[others].any()
    assert np.array_equal(wet.factory.racks.liquid, wet.factory.racks.power)
    assert np.all(wet.factory.racks.loop >= 0)
    with pytest.raises(InfeasibleError, match="the site cannot cool NVIDIA Vera Rubin NVL72"):
        make("vera-rubin-nvl72", 720, site={"cooling": ["air"]})


def test_ups_and_cdu(make):
    one, other = (make("gb200-nvl72", 7200, ups=ups).factory for ups in ("ups-500kw", "ups-2500kw"))
    assert len(one.feed_power) > len(other.feed_power) > 1
    assert make("gb200-nvl72", 7200, ups="none").factory.feed_power.tolist() == pytest.approx([one.it_power])
    one, other = (make("gb200-nvl72", 7200, cdu=cdu).factory for cdu in ("cdu-in-rack-250kw", "cdu-row-2000kw"))
    assert (len(one.loop_power), len(other.loop_power)) == (100, 6)  # one inside each rack, seventeen racks to 2 MW


def test_accelerators_are_rounded_up(make):
    assert make("gb200-nvl72", 73).factory.accelerators == 144
    with_one_less = make("gb200-nvl72", 72).factory
    assert (with_one_less.accelerators, with_one_less.systems) == (72, 1)


@pytest.mark.parametrize("missing", ["system", "accelerators"])
def test_an_open_design_is_refused(make, missing):
    case = make("hgx-h100", 8)
    open_ = case.design.model_copy(update={missing: None})
    with pytest.raises(UsageError, match=f"design.{missing} is open; write it, or let `firstlight plan` propose it"):
        assemble("x", open_, case.site, case.catalog, case.factory.topology, case.a)


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        (
            "gb300-nvl72",
            {"cdu": "cdu-in-rack-100kw"},
            "cdu-in-rack-100kw: takes 100 kW, and one rack gives to liquid 1.. kW",
        ),
        ("gb300-nvl72", {"cdu": None}, "design.cooling.cdu is open; write a CDU id"),
        (
            "hgx-h100",
            {"cdu": "cdu-row-2000kw"},
            "design.cooling.cdu has no effect: no rack gives heat to liquid; remove",
        ),
        ("hgx-h100", {"ups": None}, 'design.power.ups is open; write a UPS id of the catalogue, or "none"'),
        ("hgx-h100", {"ups": "ups-2501kw"}, 'unknown ups "ups-2501kw"; did you mean ups-2500kw'),
        ("hgx-h100", {"assumptions": {"twin.air_rack_power": "5 kW"}}, "a rack of hgx-h100 gives 10.2 kW to air"),
        ("hgx-h100", {"assumptions": {"twin.service_rack_power": "50 MW"}}, "a rack of storage gives 50 MW to air"),
    ],
)
def test_what_does_not_go_together(make, name, more, message):
    with pytest.raises(UsageError, match=message):
        make(name, 384, **more)


def test_a_rack_that_is_more_than_the_ups(make, catalog):
    heavy = catalog.part(System, "gb300-nvl72").model_copy(update={"id": "heavy", "power": 600e3, "liquid": 1.0})
    parts = shelves.Catalog([*catalog.parts(shelves.Part), heavy])
    with pytest.raises(UsageError, match="ups-500kw: takes 500 kW, and one rack draws 600 kW; choose a larger UPS"):
        make("heavy", 72, catalog=parts, ups="ups-500kw")


def test_a_fabric_of_another_number_of_systems(make):
    case = make("hgx-h100", 1016)
    more = case.design.model_copy(update={"accelerators": 1024})
    with pytest.raises(UsageError, match="a fabric of 1,016 endpoints does not join 128 whole systems"):
        assemble("x", more, case.site, case.catalog, case.factory.topology, case.a)


def test_the_same_again(make):
    """Assembling is a function: the same arrays, bit for bit."""
    one, other = (make("gb200-nvl72", 9000).factory for _ in range(2))
    for part in ("racks", "halls"):
        for name, values in vars(getattr(one, part)).items():
            assert np.array_equal(values, getattr(getattr(other, part), name)), name
    assert all(np.array_equal(*pair) for pair in zip(one.switch_rack, other.switch_rack, strict=True))


def test_arrays_are_small(make):
    """Nothing is stored for a system, an accelerator or a link."""
    made = make("hgx-h100", 100_000).factory
    arrays = [*vars(made.racks).values(), *vars(made.halls).values(), made.pods, *made.switch_rack]
    assert sum(array.nbytes for array in arrays) < 100 * len(made.racks)


@pytest.mark.parametrize(("name", "accelerators", "fabric"), MILLIONS, ids=[m[0] for m in MILLIONS])
def test_a_million_accelerators(make, sound, name, accelerators, fabric):
    """How long it takes and what memory is measured by benchmarks/test_twin.py."""
    case = make(name, accelerators, fabric=fabric)
    assert case.factory.accelerators >= accelerators
    sound(case)

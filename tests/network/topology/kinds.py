"""Fabrics of every kind and many sizes, for properties that all must have."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Topology

LINK = "400 Gb/s"


def switch(ports: int = 64, speed: str = LINK, breakouts: tuple[int, ...] = (1, 2, 4, 8)) -> Switch:
    return Switch.model_validate(
        {"id": "s", "name": "the switch", "vendor": "v", "source": "test", "standing": "estimate"}
        | {"protocol": "ethernet", "ports": ports, "port_bandwidth": speed, "breakouts": breakouts}
        | {"latency": "1 us", "rack_units": 1, "power": "1 kW"}
    )


def build(
    kind: str, endpoints: int, rails: int = 1, ports: int = 64, spine: int | None = None, **more: Any
) -> Topology:
    """A fabric; `spine` are the ports of a switch above the leaves."""
    design = FabricDesign.model_validate({"kind": kind, "link": LINK, **more})
    part = None if kind == "torus" else switch(ports)
    return topology.build(design, endpoints, rails, part, switch(spine) if spine else None)


@st.composite
def dragonflies(draw: st.DrawFn) -> Topology:
    a, h = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    g, p = draw(st.integers(1, min(a * h + 1, 12))), draw(st.integers(1, 4))
    endpoints = draw(st.integers(g * a, g * a * p))
    return build("dragonfly", endpoints, dragonfly={"p": p, "a": a, "h": h, "g": g}, planes=draw(st.integers(1, 2)))


@st.composite
def slim_flies(draw: st.DrawFn) -> Topology:
    q, p = draw(st.sampled_from([3, 4, 5, 7, 8, 9])), draw(st.integers(1, 3))
    endpoints = draw(st.integers(2 * q * q, 2 * q * q * p))
    return build("slim-fly", endpoints, slim_fly={"q": q, "p": p}, planes=draw(st.integers(1, 2)))


@st.composite
def hyperxs(draw: st.DrawFn) -> Topology:
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4).filter(lambda s: max(s) > 1))
    widths = draw(st.lists(st.integers(1, 3), min_size=len(sizes), max_size=len(sizes)))
    count, p = 1, draw(st.integers(1, 3))
    for size in sizes:
        count *= size
    endpoints = draw(st.integers(count, count * p))
    shape = {"dimensions": sizes, "widths": widths, "p": p}
    return build("hyperx", endpoints, hyperx=shape, planes=draw(st.integers(1, 2)))


@st.composite
def tori(draw: st.DrawFn) -> Topology:
    k = draw(st.integers(3, 6))
    plain = st.tuples(*[st.integers(1, 7)] * 3).filter(lambda d: max(d) > 1).map(lambda d: (d, False))
    twisted = st.permutations([k, k, 2 * k]) | st.permutations([k, 2 * k, 2 * k])
    sizes, twist = draw(plain | twisted.map(lambda d: (tuple(d), True)))
    return build("torus", sizes[0] * sizes[1] * sizes[2], torus={"dimensions": sizes, "twisted": twist})


@st.composite
def pods_of_slices(draw: st.DrawFn) -> Topology:
    shapes = draw(st.lists(st.sampled_from([(4, 4, 4), (4, 4, 8), (4, 8, 8)]), min_size=1, max_size=3))
    cubes = [a * b * c // 64 for a, b, c in shapes]
    order = draw(st.permutations(range(sum(cubes))))
    wishes, start = [], 0
    for shape, count in zip(shapes, cubes, strict=True):
        twist = len(set(shape)) > 1 and draw(st.booleans())
        wishes.append({"dimensions": shape, "cubes": order[start : start + count], "twisted": twist})
        start += count
    return build("torus", 64 * sum(cubes), torus={"slices": wishes})


@st.composite
def folded(draw: st.DrawFn) -> Topology:
    """With a taper in every tier, pods of a given size, other spines, dual-ToR, and several sites."""
    kind = draw(st.sampled_from(["clos", "rail-optimised", "rail-only", "dual-tor"]))
    rails, ports = draw(st.sampled_from([2, 4])), draw(st.sampled_from([8, 12, 16, 32]))
    tapers = draw(st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]), min_size=1, max_size=3))
    more: dict[str, Any] = {"taper": tapers, "planes": draw(st.sampled_from([1, 2]))}
    if draw(st.booleans()):
        more["groups"] = [rails * draw(st.integers(1, 8)), rails * draw(st.integers(8, 64))][: draw(st.integers(1, 2))]
    if draw(st.booleans()):
        more["trunk"] = draw(st.integers(1, 3))
    sites = 1
    if draw(st.booleans()):
        sites = draw(st.integers(2, 4))
        more["sites"] = {"count": sites, "taper": draw(st.sampled_from([1.0, 2.0])), "length": "10 km"}
    try:
        return build(
            kind, sites * rails * draw(st.integers(1, 150)), rails, ports, draw(st.sampled_from([None, 24])), **more
        )
    except UsageError:
        assume(False)
        raise


def any_kind() -> st.SearchStrategy[Topology]:
    return st.one_of(dragonflies(), slim_flies(), hyperxs(), tori(), pods_of_slices(), folded(), domains())


@st.composite
def domains(draw: st.DrawFn) -> Topology:
    """Scale-up domains, alone or under a fabric of their NICs."""
    size, count = draw(st.sampled_from([2, 4, 8, 24])), draw(st.integers(1, 6))
    inside = topology.scale_up(size * count, size, 4 * 50e9, switch(draw(st.sampled_from([8, 16])), "50 GB/s", (1,)))
    if draw(st.booleans()):
        return inside
    return topology.joined(inside, build("clos", count * size * draw(st.sampled_from([1, 2])), 1, 32))

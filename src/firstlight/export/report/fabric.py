"""The fabric: its tiers, its links, and how fast collectives run over it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from firstlight.evaluate import Evaluation
from firstlight.export.report import words
from firstlight.export.report.blocks import Chart, Code, Fact, Facts, Section, Table, rows
from firstlight.export.report.charts.curve import Axis, Curve, Point, Series
from firstlight.export.report.charts.lattice import Lattice
from firstlight.export.report.charts.wiring import Row, Wiring, joints
from firstlight.network.result import CollectivePoint


@dataclass(frozen=True)
class Layer:
    """One floor of the diagram: switches of a tier (or the accelerators), with the links down to the next floor.

    Attributes:
        name: what stands here; text: how many of what.
        link: the links below it; rate: their bandwidth together.
        share: width of the links' bar, the widest is 1.
        tone: "switch", "end" or "inside".
    """

    name: str
    text: str
    link: str = ""
    rate: str = ""
    share: float = 0.0
    tone: str = "switch"


@dataclass(frozen=True)
class Tiers:
    """The diagram, from the top tier down."""

    template: ClassVar[str] = "tiers.html"
    layers: tuple[Layer, ...]


def section(evaluation: Evaluation) -> Section:
    """How the accelerators are joined."""
    blocks = (
        *wiring(evaluation),
        tiers(evaluation),
        _facts(evaluation),
        *_collectives(evaluation),
        _cables(evaluation),
    )
    return Section("fabric", "How it is joined", _lead(evaluation), blocks, "Fabric")


def _lead(evaluation: Evaluation) -> str:
    net = evaluation.network
    cables = words.plural(sum(line.count for line in net.cables), "cable")
    rate = words.show(net.link, "bandwidth")
    if not net.tiers:
        long = " × ".join(map(str, dimensions(evaluation)))
        joined = f"{words.count(net.endpoints)} accelerators with {cables} of {rate}"
        return f"A torus of {long} joins {joined}, without switches."
    names = {"clos": "A Clos fabric", "hyperx": "A HyperX", "slim-fly": "A slim fly", "dragonfly": "A dragonfly"}
    kind = names.get(net.kind, f"A {net.kind} fabric")
    switches = words.plural(sum(number for _, _, number in net.tiers), "switch", "switches")
    joined = f"{words.count(net.endpoints)} ports of {rate}"
    return f"{kind} of {words.plural(net.planes, 'plane')} joins {joined} with {switches} and {cables}."


def dimensions(evaluation: Evaluation) -> tuple[int, int, int]:
    """Accelerators along each dimension of a torus; a ring has one."""
    topology = evaluation.twin.topology
    return getattr(topology, "dimensions", (topology.endpoints, 1, 1))


def wiring(evaluation: Evaluation) -> tuple[Chart, ...]:
    """The tiers and what joins them, from the planned links; of a torus, which has no tiers, a corner."""
    topology, plan, system = evaluation.twin.topology, evaluation.cable_plan, evaluation.twin.system
    if not topology.tiers:
        return (_torus(dimensions(evaluation)),)
    sizes = {-1: topology.endpoints} | {index: tier.switches for index, tier in enumerate(topology.tiers)}
    edges = np.searchsorted(plan.bundle, np.arange(len(topology.bundles) + 1))
    rows = [Row("ports", f"{words.count(topology.endpoints)} of {system.id}", topology.endpoints)]
    rows += [Row(tier.name, f"{words.count(tier.switches)} × {tier.switch}", tier.switches) for tier in topology.tiers]
    links = []
    for index, bundle in enumerate(topology.bundles):
        if bundle.lower == bundle.upper:
            continue  # between switches of one tier: told below
        part = slice(edges[index], edges[index + 1])
        links.append(joints(plan.lower[part], plan.upper[part], sizes[bundle.lower], sizes[bundle.upper]))
        up = f"{words.count(bundle.count)} links", words.show(bundle.count * bundle.bandwidth, "bandwidth")
        rows[index] = replace(rows[index], up=up)
    label = f"The fabric's {words.plural(len(topology.tiers), 'tier')} of switches above the ports, and their links"
    grouped = any(row.devices > row.boxes for row in rows)
    note = "A box stands for neighbours where there are more than fit; a line is drawn where links join two boxes."
    beside = [f"{words.count(b.count)} {b.name} links" for b in topology.bundles if b.lower == b.upper]
    if beside:
        note, grouped = f"{note} Not drawn: {' and '.join(beside)} from switch to switch.", True
    chart = Wiring(tuple(rows), tuple(links))
    return (Chart.of("The fabric as it is wired", label, chart, wide=True, note=note if grouped else ""),)


def _torus(long: tuple[int, int, int]) -> Chart:
    label = f"A corner of the torus of {' × '.join(map(str, long))} accelerators, each joined to its neighbours"
    note = "In each dimension the last accelerator is joined to the first."
    return Chart.of("A corner of the torus", label, Lattice(long), wide=True, note=note)


def tiers(evaluation: Evaluation) -> Tiers:
    """The diagram of a fabric."""
    topology, system, factory = evaluation.twin.topology, evaluation.twin.system, evaluation.factory
    totals = [bundle.count * bundle.bandwidth for bundle in topology.bundles]
    domains = factory.accelerators // factory.scale_up_domain
    up = evaluation.twin.accelerator.scale_up_bandwidth or 0.0
    inside = factory.accelerators * up if factory.scale_up_domain > 1 else 0.0
    widest = max([*totals, inside if topology.tiers else 0.0, 1.0])
    below = {
        bundle.upper: (bundle, total)
        for bundle, total in zip(topology.bundles, totals, strict=True)
        if bundle.upper < 0 or bundle.lower != bundle.upper
    }
    layers: list[Layer] = []
    for index in reversed(range(len(topology.tiers))):
        tier = topology.tiers[index]
        link, rate, share = "", "", 0.0
        if index in below:
            bundle, total = below[index]
            link = f"{words.count(bundle.count)} links of {words.show(bundle.bandwidth, 'bandwidth')}"
            rate, share = f"{words.show(total, 'bandwidth')} each way", total / widest
        layers.append(Layer(tier.name, f"{words.count(tier.switches)} × {tier.switch}", link, rate, share))
    torus = below.get(-1)
    ports = f"{words.count(topology.endpoints)} {'ports' if evaluation.twin.nic else 'accelerators'}"
    text = f"{words.count(factory.systems)} × {system.name}, {ports}"
    each = f"{factory.scale_up_domain} accelerators, each {words.show(up, 'bandwidth')}"
    link = f"{words.plural(domains, 'scale-up domain')} of {each}"
    rate, share = f"{words.show(inside, 'bandwidth')} each way", inside / widest
    if torus:
        link = (
            f"{words.count(torus[0].count)} links of {words.show(torus[0].bandwidth, 'bandwidth')} between neighbours"
        )
        rate, share = f"{words.show(torus[1], 'bandwidth')} each way", torus[1] / widest
    elif not inside:
        link, rate = "", ""
    return Tiers((*layers, Layer("systems", text, link, rate, share, "end")))


def _facts(evaluation: Evaluation) -> Facts:
    net = evaluation.network
    path = words.plural(net.hops, "hop")
    switches = (Fact("Switches", words.show(net.switch_power, "power"), words.money(net.switch_cost)),)
    return Facts((
        Fact("Bisection", words.show(net.bisection, "bandwidth"), "one direction"),
        Fact("Longest path", path, f"{words.show(net.latency, 'time')} unloaded"),
        *(switches if net.tiers else ()),
        Fact("Optics and active cables", words.show(net.optics_power, "power"), words.money(net.cable_cost)),
    ))  # fmt: skip


def _collectives(evaluation: Evaluation) -> tuple[Chart, ...]:
    points = evaluation.network.collectives
    if not points:
        return ()
    series = tuple(
        Series(kind.replace("_", "-"), tuple(_point(point) for point in points if point.operation == kind))
        for kind in dict.fromkeys(point.operation for point in points)
    )
    members = points[0].group[0] * points[0].group[1]
    title = f"Collectives over {words.count(members)} accelerators"
    label = f"{title}: bus bandwidth against message size"
    curve = Curve(Axis("Message", "bytes", log=True), Axis("Bus bandwidth", "bandwidth"), series)
    return (Chart.of(title, label, curve, wide=True),)


def _point(point: CollectivePoint) -> Point:
    rate, time = words.show(point.bus_bandwidth, "bandwidth"), words.show(point.time, "time")
    return Point(point.size, point.bus_bandwidth, f"{words.show(point.size, 'bytes')}: {rate}, {time}")


def _cables(evaluation: Evaluation) -> Table:
    lines = (
        (line.bundle, Code(line.part), words.show(line.length, "length"), words.count(line.count),
         ", ".join(f"{words.count(count)} × {module}" for module, count in line.modules) or "none",
         words.show(line.power, "power"), words.money(line.cost))
        for line in evaluation.network.cables if line.count
    )  # fmt: skip
    columns = ("Joins", "Cable", "Length", "Cables", "Transceivers", "Power", "Cost")
    note = "Every single cable with both ends, ports and label is in the cables file."
    return Table("Cables by kind and stock length", columns, "llrrlrr", rows(lines), folded=True, note=note)

"""The floor plan, drawn to scale as SVG from the assembled halls and racks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from firstlight.evaluate import Evaluation
from firstlight.export import names
from firstlight.export.report import words
from firstlight.export.report.blocks import Fact, Facts, Section, Table, rows
from firstlight.twin.factory import Factory, RackKind
from firstlight.twin.protocols import Floats, Ints

MARKS = 12_000
"""The most shapes that a page draws smoothly; a larger factory is drawn by rows, the largest by pods."""
CLASSES = 4
"""Shades of rack power."""


@dataclass(frozen=True)
class Hall:
    """A hall's outline [m], its label, and the largest type [m] in which that fits."""

    x: float
    y: float
    width: float
    depth: float
    label: str
    size: float


@dataclass(frozen=True)
class Mark:
    """Racks of one row that look the same: an SVG path, its colour class and what it says when pointed at."""

    path: str
    tone: str
    title: str


@dataclass(frozen=True)
class Plan:
    """The drawing; y runs down the page, so north is up.

    Attributes:
        box: SVG view box [m].
        top: northern edge [m]; the marks are mirrored about it.
        ruler: length of the scale bar [m]; ruler_text: its label.
    """

    template: ClassVar[str] = "floor.html"
    label: str
    box: tuple[float, float, float, float]
    top: float
    halls: tuple[Hall, ...]
    marks: tuple[Mark, ...]
    key: tuple[tuple[str, str], ...]
    grain: str
    ruler: float
    ruler_text: str


def section(evaluation: Evaluation) -> Section:
    """Where everything stands."""
    made, factory = evaluation.factory, evaluation.twin
    lead = (
        f"{words.plural(len(factory.racks), 'rack')} in {words.plural(made.halls, 'hall')} and "
        f"{words.plural(made.buildings, 'building')}, {words.show(evaluation.facility.floor_used, 'area')} of "
        f"{words.show(evaluation.facility.floor_available, 'area')} of floor."
    )
    return Section("floor", "Where it stands", lead, (plan(factory), _facts(evaluation), _halls(factory)), "Floor")


def _facts(evaluation: Evaluation) -> Facts:
    made, racks = evaluation.factory, evaluation.twin.racks
    return Facts((
        Fact("Compute racks", words.count(made.compute_racks), f"{words.plural(made.systems, 'system')}"),
        Fact("Network racks", words.count(made.network_racks)),
        Fact("Service racks", words.count(made.service_racks)),
        Fact("Pods", words.count(made.pods)),
        Fact("Heaviest load", words.show(float(racks.power.max()), "power"), "one rack, greatest"),
        Fact("Heat to liquid", words.share(float(racks.liquid.sum() / racks.power.sum()))),
        Fact("Heaviest rack", words.show(float(racks.mass.max()), "mass")),
    ))  # fmt: skip


def _halls(factory: Factory) -> Table:
    hall = names.rack_halls(factory)
    racks = np.bincount(hall, minlength=len(factory.halls))
    power = np.bincount(hall, factory.racks.power, minlength=len(factory.halls))
    area = factory.halls.width * factory.halls.depth
    lines = (
        (f"Hall {i + 1}", f"Building {factory.halls.building[i] + 1}", words.count(racks[i]),
         words.show(float(power[i]), "power"), words.show(float(area[i]), "area"),
         words.show(float(power[i] / area[i]), "power density"))
        for i in range(len(factory.halls))
    )  # fmt: skip
    columns = ("Hall", "Building", "Racks", "Greatest IT power", "Floor", "Density")
    return Table("Halls", columns, "llrrrr", rows(lines), folded=len(factory.halls) > 8)


def plan(factory: Factory) -> Plan:
    """The drawing of a factory."""
    tones, key = _tones(factory)
    groups = _groups(factory, tones)
    grain = _grain(len(factory.racks), len(np.unique(groups)))
    if grain == "pod":
        groups = _ids(names.rack_pods(factory), tones)
    marks = _marks(factory, groups, tones, single=grain == "rack")
    x, y = float(factory.halls.x.min()), float(factory.halls.y.min())
    width = max(factory.site_width, float((factory.halls.x + factory.halls.width).max())) - x
    depth = max(factory.site_depth, float((factory.halls.y + factory.halls.depth).max())) - y
    edge = 0.025 * max(width, depth) + 2.0
    halls = _outlines(factory, y + depth, x)
    ruler = _ruler(width)
    said = {"rack": "Each mark is one rack.", "row": "Each bar is a row of racks.", "pod": "Each block is a pod."}
    label = f"Floor plan of {words.plural(len(halls), 'hall')} with {words.plural(len(factory.racks), 'rack')}"
    edge = round(edge, 1)
    box = (-edge, -edge, round(width + 2 * edge, 3), round(depth + 2 * edge, 3))
    return Plan(label, box, y + depth, halls, marks, key, said[grain], ruler, words.show(ruler, "length"))


def _grain(racks: int, groups: int) -> str:
    """How finely to draw."""
    return "rack" if racks <= MARKS else "row" if groups <= MARKS else "pod"


def _tones(factory: Factory) -> tuple[Ints, tuple[tuple[str, str], ...]]:
    """Colour class of each rack, and the key: compute racks by power, then network and service racks."""
    racks = factory.racks
    compute = racks.kind == RackKind.COMPUTE
    power = racks.power[compute]
    edges = _edges(power)
    tones = np.where(racks.kind == RackKind.NETWORK, CLASSES, CLASSES + 1)
    shade = np.digitize(power, edges[1:-1])
    tones[compute] = shade + (1 if len(edges) == 2 else 0) * (CLASSES // 2)
    key = [(f"t{tone}", f"Compute, {_span(power[tones[compute] == tone])}") for tone in np.unique(tones[compute])]
    for kind, tone, word in ((RackKind.NETWORK, CLASSES, "Network"), (RackKind.SERVICE, CLASSES + 1, "Service")):
        if (found := racks.power[racks.kind == kind]).size:
            key.append((f"t{tone}", f"{word}, {_span(found)}"))
    return tones.astype(np.int64), tuple(key)


def _edges(power: Floats) -> Floats:
    """Borders of the shades: one shade where all racks are within 2 %, else equal steps."""
    if not power.size or float(np.ptp(power)) <= 0.02 * float(power.max()):
        return np.array([0.0, np.inf])
    return np.linspace(float(power.min()), float(power.max()), CLASSES + 1)


def _span(power: Floats) -> str:
    low, high = words.show(float(power.min()), "power"), words.show(float(power.max()), "power")
    return low if low == high else f"{low} to {high}"


def _ids(*keys: names.Whole) -> Ints:
    """A number for each distinct combination of keys, like the keys."""
    stacked = np.stack([np.asarray(key, np.int64) for key in keys], axis=1)
    return np.unique(stacked, axis=0, return_inverse=True)[1].ravel()


def _groups(factory: Factory, tones: Ints) -> Ints:
    """Racks of one pod, row and colour."""
    return _ids(names.rack_pods(factory), factory.racks.row, tones)


def _marks(factory: Factory, groups: Ints, tones: Ints, *, single: bool) -> tuple[Mark, ...]:
    """A mark for each group; network and service racks come last and so lie on top."""
    racks, size = factory.racks, np.array([factory.system.rack_width, factory.system.rack_depth])
    corner = np.stack([racks.x - float(factory.halls.x.min()), racks.y], axis=1) - size / 2
    hall, pod = names.rack_halls(factory), names.rack_pods(factory)
    order = np.lexsort((groups, tones))
    found: list[Mark] = []
    for members in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        first, low = members[0], corner[members]
        if not single:
            low, extent = low.min(axis=0)[None], np.ptp(low, axis=0) + size
        else:
            extent = size
        where = f"Hall {hall[first] + 1}, pod {pod[first] + 1}, row {racks.row[first] + 1}"
        kind = RackKind(int(racks.kind[first])).name.lower()
        load = words.show(float(racks.power[members].sum()), "power")
        title = f"{where}: {words.plural(len(members), kind + ' rack')}, {load}"
        found.append(Mark(_path(low, extent), f"t{tones[first]}", title))
    return tuple(found)


def _path(corners: Floats, extent: Floats) -> str:
    """Rectangles of one extent [m] as an SVG path."""
    width, depth = (f"{side:.4g}" for side in extent)
    return "".join(f"M{x:.6g} {y:.6g}h{width}v{depth}h-{width}z" for x, y in corners.tolist())


def _outlines(factory: Factory, top: float, left: float) -> tuple[Hall, ...]:
    halls = factory.halls
    size = np.minimum(halls.width / 5, halls.depth / 3)
    return tuple(
        Hall(float(x) - left, float(top - y - depth), float(width), float(depth), f"Hall {i + 1}", round(float(s), 2))
        for i, (x, y, width, depth, s) in enumerate(zip(halls.x, halls.y, halls.width, halls.depth, size, strict=True))
    )


def _ruler(width: float) -> float:
    """A round length of about a sixth of the width [m]."""
    power = 10.0 ** math.floor(math.log10(width / 6))
    return max(step * power for step in (1, 2, 5) if step * power <= width / 6)

"""The floor plan, drawn to scale as SVG from the assembled halls and racks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from firstlight.evaluate import Evaluation
from firstlight.export import names
from firstlight.export.report import svg, words
from firstlight.export.report.blocks import Fact, Facts, Section, Table, rows
from firstlight.twin.factory import Factory, RackKind
from firstlight.twin.protocols import Floats, Ints

MARKS = 12_000
"""The most shapes that a page draws smoothly; of a larger factory neighbouring racks are one shape."""
NAMED = 12
"""The most halls that are called by name; more have their number only."""
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
    order = np.lexsort((factory.racks.x, factory.racks.row, names.rack_halls(factory), tones))
    grain = _grain(factory, tones, order)
    marks = _marks(factory, tones, order, _APART[grain] * factory.system.rack_width)
    x, y = float(factory.halls.x.min()), float(factory.halls.y.min())
    width = max(factory.site_width, float((factory.halls.x + factory.halls.width).max())) - x
    depth = max(factory.site_depth, float((factory.halls.y + factory.halls.depth).max())) - y
    edge = round(0.025 * max(width, depth) + 2.0, 1)
    halls = _outlines(factory, y + depth, x)
    ruler = _ruler(width)
    label = f"Floor plan of {words.plural(len(halls), 'hall')} with {words.plural(len(factory.racks), 'rack')}"
    box = (-edge, -edge, round(width + 2 * edge, 3), round(depth + 2 * edge, 3))
    said = _SAID[grain] + (" The numbers are halls." if len(halls) > NAMED else "")
    return Plan(label, box, y + depth, halls, marks, key, said, ruler, words.show(ruler, "length"))


_SAID = {
    "rack": "Each mark is one rack.",
    "run": "Neighbouring racks of a kind are one mark.",
    "row": "Racks of a kind are one bar in each row.",
}
_APART = {"rack": 0.0, "run": 1.01, "row": math.inf}
"""Racks of a kind are drawn apart from this distance on [rack widths]."""


def _grain(factory: Factory, tones: Ints, order: Ints) -> str:
    """How finely to draw."""
    if len(order) <= MARKS:
        return "rack"
    cuts = _cuts(factory, tones, order, _APART["run"] * factory.system.rack_width)
    return "run" if len(cuts) < MARKS else "row"


def _cuts(factory: Factory, tones: Ints, order: Ints, apart: float) -> Ints:
    """Where one mark ends and the next begins among the racks in their order."""
    gap = np.diff(factory.racks.x[order]) > apart
    return np.flatnonzero(gap | _other_row(factory, tones, order)) + 1


def _other_row(factory: Factory, tones: Ints, order: Ints) -> NDArray[np.bool_]:
    """Whether each rack but the first differs from the one before it in hall, row or colour [racks - 1]."""
    keys = (names.rack_halls(factory), factory.racks.row, tones)
    return np.any([np.diff(key[order]) != 0 for key in keys], axis=0)


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


def _marks(factory: Factory, tones: Ints, order: Ints, apart: float) -> tuple[Mark, ...]:
    """A path for each row and colour; network and service racks come last and so lie on top."""
    racks, width, depth = factory.racks, factory.system.rack_width, factory.system.rack_depth
    left, low = racks.x - float(factory.halls.x.min()) - width / 2, racks.y - depth / 2
    hall = names.rack_halls(factory)
    found: list[Mark] = []
    for members in np.split(order, np.flatnonzero(_other_row(factory, tones, order)) + 1):
        runs = np.split(members, np.flatnonzero(np.diff(racks.x[members]) > apart) + 1)
        ends = ((float(left[run[0]]), float(left[run[-1]]), float(low[run[0]])) for run in runs)
        path = "".join(_rectangle(begin, y, end + width - begin, depth) for begin, end, y in ends)
        first = members[0]
        kind = RackKind(int(racks.kind[first])).name.lower()
        load = words.show(float(racks.power[members].sum()), "power")
        number = words.plural(len(members), kind + " rack")
        found.append(
            Mark(path, f"t{tones[first]}", f"Hall {hall[first] + 1}, row {racks.row[first] + 1}: {number}, {load}")
        )
    return tuple(found)


def _rectangle(x: float, y: float, width: float, depth: float) -> str:
    """A rectangle [m] as an SVG path."""
    wide = svg.num(width)
    return f"M{svg.num(x)} {svg.num(y)}h{wide}v{svg.num(depth)}h-{wide}z"


def _outlines(factory: Factory, top: float, left: float) -> tuple[Hall, ...]:
    halls = factory.halls
    size = np.minimum(halls.width / (3 if len(halls) > NAMED else 5), halls.depth / 3)
    word = "" if len(halls) > NAMED else "Hall "
    return tuple(
        Hall(float(x) - left, float(top - y - depth), float(width), float(depth), f"{word}{i + 1}", round(float(s), 2))
        for i, (x, y, width, depth, s) in enumerate(zip(halls.x, halls.y, halls.width, halls.depth, size, strict=True))
    )


def _ruler(width: float) -> float:
    """A round length of about a sixth of the width [m]."""
    power = 10.0 ** math.floor(math.log10(width / 6))
    return max(step * power for step in (1, 2, 5) if step * power <= width / 6)

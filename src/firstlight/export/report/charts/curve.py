"""Lines through points: collectives by message size, latency against throughput."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from firstlight.export.report import svg, words
from firstlight.export.report.svg import Scale
from firstlight.twin.result import Prediction

HEIGHT = 300
COLOURS = 4
_PLANNED = "as planned, P10–P90"
_LABELLED = 2  # series that are named at their ends; more have a key
_APART = 30.0  # least distance of two labels of points [px]


@dataclass(frozen=True)
class Axis:
    """One axis: its title, the dimension that prints its ticks (a key of `units.DIMENSIONS`), and its kind of scale."""

    title: str
    dimension: str
    log: bool = False


@dataclass(frozen=True)
class Point:
    """One point in SI units, what it says when pointed at, and what stands beside it ("" for nothing)."""

    x: float
    y: float
    tip: str
    text: str = ""


@dataclass(frozen=True)
class Series:
    """Points joined by straight lines; nothing is smoothed."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Mark:
    """A prediction on both axes, drawn with its error bars from P10 to P90."""

    x: Prediction
    y: Prediction
    text: str


@dataclass(frozen=True)
class Curve:
    """The chart; `limit` is a vertical line: where, and what it says."""

    x: Axis
    y: Axis
    series: tuple[Series, ...]
    limit: tuple[float, str] | None = None
    mark: Mark | None = None

    def draw(self, width: float, label: str) -> Markup:
        """As SVG of a width [px]."""
        across, up = self._scales(width)
        parts = [*_grid(self.x, self.y, across, up), *self._limit(across, up)]
        several = len(self.series) > _LABELLED
        for index, series in enumerate(self.series):
            parts += _series(series, index, 1 < len(self.series) <= _LABELLED, across, up)
        parts += _key(self.series, across.end) if several else []
        return svg.drawing(width, HEIGHT, label, [*parts, *self._mark(across, up)])

    def _scales(self, width: float) -> tuple[Scale, Scale]:
        xs = [point.x for series in self.series for point in series.points]
        ys = [point.y for series in self.series for point in series.points]
        if self.mark:
            xs, ys = [*xs, self.mark.x.p10, self.mark.x.p90], [*ys, self.mark.y.p10, self.mark.y.p90]
        if self.limit:
            xs.append(self.limit[0])
        xs, ys = ([value for value in values if math.isfinite(value)] or [1.0] for values in (xs, ys))
        low, high = (min(xs), max(xs)) if self.x.log else svg.covering(0.0, max(xs))
        bottom, top = (min(ys), max(ys)) if self.y.log else svg.covering(0.0, max(ys))
        upward = Scale(bottom, top, HEIGHT - 48.0, 46.0, self.y.log)
        widest = max(len(_tick(value, self.y)) for value in upward.ticks(5) or [top])
        return Scale(low, high, 12.0 + 7.2 * widest, width - 20.0, self.x.log), upward

    def _limit(self, across: Scale, up: Scale) -> Iterator[Markup]:
        if not self.limit:
            return
        at = across(self.limit[0])
        yield svg.line(at, up.start, at, up.end - 18, "limit")
        late = at > (across.start + across.end) / 2
        yield svg.text(at - 6 if late else at + 6, up.end - 8, self.limit[1], "bad", "end" if late else "start")

    def _mark(self, across: Scale, up: Scale) -> Iterator[Markup]:
        if not self.mark or not (math.isfinite(self.mark.x.p90) and math.isfinite(self.mark.y.p90)):
            return
        x, y = self.mark.x, self.mark.y
        at, height = across(x.p50), up(y.p50)
        yield svg.line(across(x.p10), height, across(x.p90), height, "error")
        yield svg.line(at, up(y.p10), at, up(y.p90), "error")
        yield svg.dot(at, height, 5, "mark", self.mark.text)
        yield svg.text(across.end, 14, _PLANNED, "strong", "end")
        yield svg.dot(across.end - 6.6 * len(_PLANNED) - 8, 9.5, 4, "mark")


def _tick(value: float, axis: Axis) -> str:
    return "0" if value == 0 else words.show(value, axis.dimension)


def _grid(x: Axis, y: Axis, across: Scale, up: Scale) -> Iterator[Markup]:
    for value in up.ticks(5):
        yield svg.line(across.start, up(value), across.end, up(value), "grid")
        yield svg.text(across.start - 8, up(value) + 4, _tick(value, y), "", "end")
    for value in across.ticks(max(2, int((across.end - across.start) / 78))):
        yield svg.line(across(value), up.start, across(value), up.start + 4, "rule")
        yield svg.text(across(value), up.start + 19, _tick(value, x), "", "middle")
    yield svg.line(across.start, up.start, across.end, up.start, "rule")
    yield svg.text(across.end, HEIGHT - 6, x.title, "", "end")
    yield svg.text(0, 14, y.title)


def _series(series: Series, index: int, named: bool, across: Scale, up: Scale) -> Iterator[Markup]:
    places = [(across(point.x), up(point.y)) for point in series.points]
    if not places:
        return
    yield svg.path(svg.polyline(places), f"line s{index % COLOURS}")
    labelled = (-1e9, -1e9)
    for (x, y), point in zip(places, series.points, strict=True):
        yield svg.dot(x, y, 3, f"fill s{index % COLOURS}", point.tip)
        if point.text and abs(x - labelled[0]) + abs(y - labelled[1]) > _APART + 3 * len(point.text):
            yield svg.text(x - 7, y - 7, point.text, "minor", "end")
            labelled = (x, y)
    if named:
        yield svg.text(places[-1][0], places[-1][1] - 10, series.name, f"name s{index % COLOURS}", "end")


def _key(series: tuple[Series, ...], end: float) -> Iterator[Markup]:
    """The names of the series in a row at the top, the last at the right."""
    for index, one in reversed(list(enumerate(series))):
        yield svg.text(end, 14, one.name, f"name s{index % COLOURS}", "end")
        end -= 7.0 * len(one.name) + 14.0

"""The fabric as it is wired: tiers of switches over the systems, and which of them are joined, from the real links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from firstlight.export.report import svg, words
from firstlight.twin.protocols import Floats, Ints

MOST = 24
"""Boxes drawn in a row; where there are more devices, a box stands for several neighbours."""
_BOX = 16.0  # height of a box [px]
_STEP = 104.0  # from row to row [px]
_LETTER = 6.6  # width of a letter at most, on average [px]
_TONES = 3  # shades of lines by the number of links


@dataclass(frozen=True)
class Row:
    """One tier: its name, how many devices of what, and what its links upwards are in two lines ("" at the top)."""

    name: str
    text: str
    devices: int
    up: tuple[str, str] = ("", "")

    @property
    def boxes(self) -> int:
        """Boxes that the tier is drawn as."""
        return min(self.devices, MOST)


def box(index: Ints, devices: int) -> Ints:
    """Box of each device; like `index`."""
    return index * min(devices, MOST) // devices


def joints(lower: Ints, upper: Ints, below: int, above: int) -> Floats:
    """Links between boxes [boxes below, boxes above] from both ends of each link and the devices of either tier."""
    rows, columns = min(below, MOST), min(above, MOST)
    pairs = box(lower, below) * columns + box(upper, above)
    return np.bincount(pairs, minlength=rows * columns).reshape(rows, columns).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Wiring:
    """The chart, from the bottom row up; `links[i]` joins row i with row i + 1."""

    rows: tuple[Row, ...]
    links: tuple[Floats, ...]

    def draw(self, width: float, label: str) -> Markup:
        """As SVG of a width [px]."""
        left = self._margin(narrow=width < 500)
        top = 6.0 + _STEP * (len(self.rows) - 1)
        heights = [top - _STEP * index for index in range(len(self.rows))]
        places = [_places(row.boxes, left, width - 1.0) for row in self.rows]
        parts: list[Markup] = []
        for index, links in enumerate(self.links):
            parts += _lines(links, places[index], places[index + 1], heights[index], heights[index + 1] + _BOX)
        for row, xs, y in zip(self.rows, places, heights, strict=True):
            parts += [*_boxes(row, xs, y), *_words(row, y, narrow=width < 500)]
        return svg.drawing(width, top + _BOX + 18.0, label, parts)

    def _margin(self, *, narrow: bool) -> float:
        """Room for the words left of the rows [px]."""
        words_there = [line for row in self.rows for line in (*row.up, "" if narrow else row.text)]
        return 16.0 + _LETTER * max(len(line) for line in (*words_there, words.count(self.rows[0].devices)))


def _places(boxes: int, left: float, right: float) -> Floats:
    """Left edges and, last, the width of a box [boxes + 1]."""
    step = (right - left) / boxes
    size = min(step * 0.78, 34.0)
    return np.append(left + step * np.arange(boxes) + (step - size) / 2, size)


def _lines(links: Floats, low: Floats, high: Floats, foot: float, head: float) -> Iterator[Markup]:
    """Lines between boxes, the more links the stronger; those of one shade are one path."""
    most = float(links.max(initial=0.0)) or 1.0
    shade = np.ceil(links / most * _TONES).astype(int)
    below, above = low[:-1] + low[-1] / 2, high[:-1] + high[-1] / 2
    for tone in range(1, _TONES + 1):
        ends = np.argwhere(shade == tone)
        data = "".join(f"M{svg.num(below[i])} {svg.num(foot)}L{svg.num(above[j])} {svg.num(head)}" for i, j in ends)
        if data:
            yield svg.path(data, f"wire w{tone}")


def _boxes(row: Row, places: Floats, y: float) -> Iterator[Markup]:
    size, edges = float(places[-1]), np.arange(row.boxes + 1) * row.devices // row.boxes
    for index, x in enumerate(places[:-1].tolist()):
        first, last = words.count(edges[index] + 1), words.count(edges[index + 1])
        tip = f"{row.name} {first}" if first == last else f"{row.name} {first} to {last}"
        yield svg.rect(x, y, size, _BOX, "box", tip)


def _words(row: Row, y: float, *, narrow: bool) -> Iterator[Markup]:
    yield svg.text(0, y + 12, row.name, "strong")
    yield svg.text(0, y + 28, words.count(row.devices) if narrow else row.text)
    for index, line in enumerate(row.up):
        yield svg.text(0, y - _STEP / 2 + 22 + 16 * index, line, "minor")

"""A torus as a lattice: a corner of it, seen from above and the side, and what its dimensions are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from markupsafe import Markup

from firstlight.export.report import svg

MOST = (6, 3, 3)
"""Accelerators drawn along each dimension."""
_UP = 46.0  # from layer to layer [px]
_BACK = (22.0, 13.0)  # from row to row: right and up [px]


@dataclass(frozen=True)
class Lattice:
    """The chart of a torus of so many accelerators along each of its three dimensions."""

    dimensions: tuple[int, int, int]

    def draw(self, width: float, label: str) -> Markup:
        """As SVG of a width [px]."""
        along, back, up = (min(size, most) for size, most in zip(self.dimensions, MOST, strict=True))
        step = min((width - 60.0 - _BACK[0] * back) / along, 110.0)
        height = 60.0 + _UP * (up - 1) + _BACK[1] * (back - 1) + 20.0
        nodes = {
            (x, y, z): (14.0 + step * x + _BACK[0] * y, height - 32.0 - _UP * z - _BACK[1] * y)
            for x, y, z in product(range(along), range(back), range(up))
        }
        dots = [svg.rect(x - 4, y - 4, 8, 8, "box") for x, y in nodes.values()]
        return svg.drawing(width, height, label, [*self._links(nodes), *dots])

    def _links(self, nodes: dict[tuple[int, int, int], tuple[float, float]]) -> Iterator[Markup]:
        """To the next neighbours, and a stub where it goes on or round to the first; of two there is no way round."""
        joined, on = "", ""
        for place, (x, y) in nodes.items():
            for axis, (right, rise) in enumerate(((16.0, 0.0), (_BACK[0] / 2, -_BACK[1] / 2), (0.0, -16.0))):
                i, j, k = (at + (index == axis) for index, at in enumerate(place))
                if end := nodes.get((i, j, k)):
                    joined += svg.polyline([(x, y), end])
                elif self.dimensions[axis] > 2:
                    on += svg.polyline([(x, y), (x + right, y + rise)])
        if joined:
            yield svg.path(joined, "wire w3")
        if on:
            yield svg.path(on, "wire w2")

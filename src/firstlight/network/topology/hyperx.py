"""The HyperX (Ahn, Binkert, Davis, McLaren, Schreiber, "HyperX: Topology, Routing, and Packaging of Efficient
Large-Scale Networks", SC 2009): switches in a lattice, each joined to all others along every dimension.

With one dimension it is a complete graph, with all dimensions of two a hypercube.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.network.topology.base import links_per_switch
from firstlight.network.topology.circles import Circles
from firstlight.network.topology.digits import digit
from firstlight.network.topology.direct import Direct, one_tier, require_ports
from firstlight.spec.fabric import HyperXDesign
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Hashes, Ints, Level

MOST_DIMENSIONS = 4
"""Of a proposed one."""


@final
@dataclass(frozen=True)
class HyperX(Direct):
    """Switches are numbered along the last dimension first. A bundle for each dimension longer than one.

    Attributes:
        dimensions: switches along each.
        lines: links of the switches along each: all pairs, so often as the dimension's links are wide.
    """

    dimensions: tuple[int, ...]
    lines: tuple[Circles, ...]

    @property
    def _strides(self) -> tuple[int, ...]:
        """Distance in number between neighbours along each dimension."""
        return tuple(math.prod(self.dimensions[k + 1 :]) for k in range(len(self.dimensions)))

    def _dimension(self, bundle: int) -> int:
        return [k for k, size in enumerate(self.dimensions) if size > 1][bundle - 1]

    def joined(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """See `Direct.joined`."""
        k = self._dimension(bundle)
        line, link = np.divmod(links, self.lines[k].count)
        outer, inner = np.divmod(line, self._strides[k])
        first = outer * self._strides[k] * self.dimensions[k] + inner
        lower, upper = self.lines[k].ends(link)
        return first + lower * self._strides[k], first + upper * self._strides[k]

    def sockets(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """See `Direct.sockets`: dimension after dimension."""
        k = self._dimension(bundle)
        before = sum(line.degree for line in self.lines[:k])
        lower, upper = self.lines[k].ports(links % self.lines[k].count)
        return before + lower, before + upper

    def _places(self, switches: Ints) -> list[Ints]:
        return [switches // s % size for s, size in zip(self._strides, self.dimensions, strict=True)]

    def apart(self, sources: Ints, targets: Ints) -> Ints:
        """See `Direct.apart`."""
        pairs = zip(self._places(np.asarray(sources)), self._places(np.asarray(targets)), strict=True)
        return sum((np.asarray(a != b, np.int64) for a, b in pairs), np.zeros(np.shape(sources), np.int64))

    def trail(self, sources: Ints, targets: Ints, plane: Ints, hashes: Hashes) -> list[Ints]:
        """See `Direct.trail`: dimension after dimension, beginning with any of them."""
        here, there = self._places(sources), self._places(targets)
        count = len(self.dimensions)
        first, columns = digit(hashes, 1, np.asarray(count)), list[Ints]()
        at = sources.copy()
        for step in range(count):
            column = np.full(len(sources), -1)
            for k in range(count):
                rows = np.flatnonzero(((first + step) % count == k) & (here[k] != there[k]))
                column[rows] = self._hop(k, at[rows], here[k][rows], there[k][rows], plane[rows], hashes[rows])
                at[rows] += (there[k][rows] - here[k][rows]) * self._strides[k]
            columns.append(column)
        return columns

    def _hop(self, k: int, at: Ints, one: Ints, other: Ints, plane: Ints, hashes: Hashes) -> Ints:
        """Directed link of dimension k from switches `at`, from place `one` to place `other`."""
        if self.dimensions[k] == 1:
            return np.zeros_like(at)
        stride, line = self._strides[k], self.lines[k]
        number = at // (stride * self.dimensions[k]) * stride + at % stride
        link, upward = line.find(one, other, digit(hashes, 2 + k, np.asarray(line.rounds)))
        bundle = 1 + sum(size > 1 for size in self.dimensions[:k])
        return self.directed(bundle, plane, number * line.count + link, upward)

    def hops(self) -> int:
        """Switches on the longest minimal path."""
        return 1 + sum(size > 1 for size in self.dimensions)

    def halves(self) -> Iterable[NDArray[np.bool_]]:
        """Across each dimension: half of the switches in its order."""
        every = np.arange(self.switches)
        places = self._places(every)
        for k, size in enumerate(self.dimensions):
            if size > 1:
                order = np.lexsort([every, places[k]])
                half = np.zeros(self.switches, bool)
                half[order[: self.switches // 2]] = True
                yield half

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`."""
        each = self.endpoints / self.switches
        loads = [each / (s * line.rounds) for s, line in zip(self.dimensions, self.lines, strict=True) if s > 1]
        straight = [line.rounds for line in self.lines if line.size > 1][-1]
        neighbour = self.detours(straight, sum(line.degree for line in self.lines))
        return self.one_switch(), self.whole(loads, neighbour)


def hyperx(endpoints: int, planes: int, given: HyperXDesign | None, switch: Switch, link: float) -> HyperX:
    """A HyperX on each plane; `link` is the speed of one plane's link [B/s].

    Raises:
        UsageError: the switches do not hold the links, or the lattice not the endpoints.
    """
    radix = links_per_switch(switch, link)
    shape = given or _regular(endpoints, radix, switch)
    sizes, widths = shape.dimensions, shape.widths or (1,) * len(shape.dimensions)
    if len(widths) != len(sizes):
        raise UsageError(
            f"a HyperX of {len(sizes)} dimensions has {len(widths)} widths; write {len(sizes)}, such as "
            f"{[1] * len(sizes)}"
        )
    switches = math.prod(sizes)
    p = shape.p or math.ceil(endpoints / switches)
    if switches < 2 or not switches <= endpoints <= p * switches:
        raise UsageError(
            f"{' x '.join(map(str, sizes))} switches x {p} places hold {max(2, switches):,} to {p * switches:,} "
            f"endpoints, and there are {endpoints:,}; write p: {math.ceil(endpoints / switches)}, or other dimensions"
        )
    lines = tuple(Circles(size, width) for size, width in zip(sizes, widths, strict=True))
    terms = " + ".join(f"{line.rounds} x {line.size - 1}" for line in lines)
    needed = p + sum(line.degree for line in lines)
    require_ports(switch, radix, needed, f"{p} + {terms}", "choose more dimensions, or a switch with more ports")
    links = ((f"dimension-{k}", switches // line.size * line.count) for k, line in enumerate(lines, 1))
    tiers, bundles = one_tier("switch", switch, switches, radix, endpoints, planes, link, links)
    return HyperX("hyperx", endpoints, planes, tiers, bundles, switches, sizes, lines)


def _regular(endpoints: int, radix: int, switch: Switch) -> HyperXDesign:
    """As few dimensions of one length as the ports allow, with as many endpoints on a switch as a dimension is long."""
    for count in range(1, MOST_DIMENSIONS + 1):
        size = 2
        while size ** (count + 1) < endpoints:
            size += 1
        if math.ceil(endpoints / size**count) + count * (size - 1) <= radix and size**count <= endpoints:
            return HyperXDesign(dimensions=(size,) * count)
    most = max(((radix + d) // (d + 1)) ** (d + 1) for d in range(1, MOST_DIMENSIONS + 1))
    raise UsageError(
        f"{endpoints:,} endpoints make no regular HyperX of up to {MOST_DIMENSIONS} dimensions of {switch.name} with "
        f"{radix} links, which hold 4 to about {most:,}; choose a switch with more ports, or write "
        "design.fabric.hyperx"
    )

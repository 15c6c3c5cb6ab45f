"""The slim fly: graphs of McKay, Miller and Siran (J. Combinatorial Theory B 74, 1998) as a network of switches.

Besta and Hoefler, "Slim Fly: A Cost Effective Low-Diameter Network Topology", SC 2014. Switches are (0, x, y) and
(1, m, c) over a finite field of q = 4w + d elements. Two of one row (x, or m) are joined where their difference is in a
set of powers of a primitive element; (0, x, y) and (1, m, c) where y = mx + c. Any two switches are at most two links
apart, and which switch lies between them follows from the same equations.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.network.topology.base import links_per_switch
from firstlight.network.topology.digits import digit
from firstlight.network.topology.direct import Direct, one_tier, require_ports
from firstlight.network.topology.galois import field, prime_power
from firstlight.spec.fabric import SlimFlyDesign
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Hashes, Ints, Level

LEAST = 3
"""Elements of the smallest field that makes one."""
Place = tuple[Ints, Ints, Ints]
"""Side, row and place in the row of switches."""


@dataclass(frozen=True)
class Row:
    """The switches of a row and their links, the same in all rows of a side.

    Attributes:
        steps: differences between joined switches.
        rank: place of each difference in `steps`, -1 where they are not joined [q].
        lower, upper: switches of each link [links].
        number: of the link between two switches [q, q].
        between: for each difference that is no step, steps that begin a way of two [q, ways], the first `ways` of them.
        ways: how many [q].
    """

    steps: Ints
    rank: Ints
    lower: Ints
    upper: Ints
    number: Ints
    between: Ints
    ways: Ints


@lru_cache(maxsize=16)
def rows(q: int) -> tuple[Row, Row]:
    """Rows of the two sides."""
    powers, w = field(q).powers, (q + 1) // 4
    even, odd = list(range(0, q - 1, 2)), list(range(1, q, 2))
    if q % 4 == 3:
        low, high = range(0, 2 * w - 1, 2), range(2 * w - 1, 4 * w - 2, 2)
        even, odd = [*low, *high], [*range(1, 2 * w, 2), *range(2 * w, 4 * w - 1, 2)]
    one, other = (powers[np.array(exponents) % (q - 1)] for exponents in (even, odd))
    return _row(q, one), _row(q, other)


def _row(q: int, steps: Ints) -> Row:
    f = field(q)
    rank = np.full(q, -1)
    rank[steps] = np.arange(len(steps))
    every = np.arange(q)
    lower, upper = (np.asarray(end) for end in np.nonzero((every[:, None] < every) & (rank[f.minus.T] >= 0)))
    number = np.full((q, q), -1)
    number[lower, upper] = number[upper, lower] = np.arange(len(lower))
    fits = rank[f.minus[:, steps]] >= 0
    order = np.argsort(~fits, axis=1, kind="stable")
    return Row(steps, rank, lower, upper, number, steps[order], fits.sum(axis=1))


@final
@dataclass(frozen=True)
class SlimFly(Direct):
    """Switches are numbered side by side, row by row.

    Attributes:
        q: elements of the field.
    """

    q: int

    def _place(self, switches: Ints) -> Place:
        """Side, row and place in it of each switch."""
        side, rest = np.divmod(switches, self.q**2)
        return side, *np.divmod(rest, self.q)

    def joined(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """See `Direct.joined`."""
        if self.bundles[bundle].name == "cross":
            f, (x, m, c) = field(self.q), self._cross_place(links)
            return x * self.q + f.add[f.times[m, x], c], self.q**2 + m * self.q + c
        side, row, link = self._row_place(links)
        one, other = rows(self.q)
        lower, upper = (
            np.where(side == 0, zero.take(link, mode="clip"), first.take(link, mode="clip"))
            for zero, first in ((one.lower, other.lower), (one.upper, other.upper))
        )
        base = side * self.q**2 + row * self.q
        return base + lower, base + upper

    def _cross_place(self, links: Ints) -> tuple[Ints, Ints, Ints]:
        pair, c = np.divmod(links, self.q)
        return *np.divmod(pair, self.q), c

    def _row_place(self, links: Ints) -> tuple[Ints, Ints, Ints]:
        """Side, row and number in the row of each link."""
        zero, first = (len(row.lower) for row in rows(self.q))
        side = (links >= self.q * zero).astype(np.int64)
        row, link = np.divmod(links - side * self.q * zero, np.where(side == 0, zero, first))
        return side, row, link

    def sockets(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """See `Direct.sockets`: ports along the row come before those across."""
        if self.bundles[bundle].name == "cross":
            x, m, _ = self._cross_place(links)
            one, other = rows(self.q)
            return len(one.steps) + m, len(other.steps) + x
        minus, (side, _, _) = field(self.q).minus, self._row_place(links)
        lower, upper = (ends % self.q for ends in self.joined(bundle, links))
        return self._rank(side, minus[upper, lower]), self._rank(side, minus[lower, upper])

    def _rank(self, side: Ints, step: Ints) -> Ints:
        one, other = rows(self.q)
        return np.where(side == 0, one.rank[step], other.rank[step])

    def apart(self, sources: Ints, targets: Ints) -> Ints:
        """See `Direct.apart`."""
        f = field(self.q)
        (side, u, v), (other, s, t) = self._place(sources), self._place(targets)
        x, y, m, c = (np.where(side == 0, a, b) for a, b in ((u, s), (v, t), (s, u), (t, v)))
        crosses = (side != other) & (f.add[f.times[m, x], c] == y)
        along = (side == other) & (u == s) & (self._rank(side, f.minus[t, v]) >= 0)
        return np.where(sources == targets, 0, np.where(crosses | along, 1, 2))

    def trail(self, sources: Ints, targets: Ints, plane: Ints, hashes: Hashes) -> list[Ints]:
        """See `Direct.trail`."""
        first, second = (np.full(len(sources), -1) for _ in range(2))
        here, there = self._place(sources), self._place(targets)
        same, row = here[0] == there[0], here[1] == there[1]
        for chosen, way in ((same & row, self._along), (same & ~row, self._over), (~same, self._across)):
            at = np.flatnonzero(chosen & (sources != targets))
            start, goal = ((side[at], row_[at], place[at]) for side, row_, place in (here, there))
            first[at], second[at] = way(start, goal, plane[at], hashes[at])
        return [first, second]

    def _along(self, here: Place, there: Place, plane: Ints, hashes: Hashes) -> tuple[Ints, Ints]:
        """In one row: straight, or over a third switch of the row."""
        f, (side, row, v), goal = field(self.q), here, there[2]
        gap = f.minus[goal, v]
        one, other = rows(self.q)
        ways = np.where(side == 0, one.ways[gap], other.ways[gap])
        pick = digit(hashes, 1, ways)
        width = one.between.shape[1] - 1, other.between.shape[1] - 1
        step = np.where(
            side == 0, one.between[gap, np.minimum(pick, width[0])], other.between[gap, np.minimum(pick, width[1])]
        )
        straight = self._rank(side, gap) >= 0
        middle = np.where(straight, goal, f.add[v, step])
        last = self._row_link(side, row, middle, goal, plane)
        return self._row_link(side, row, v, middle, plane), np.where(straight, -1, last)

    def _over(self, here: Place, there: Place, plane: Ints, _hashes: Hashes) -> tuple[Ints, Ints]:
        """Two rows of one side: over the switch of the other side that both are joined to."""
        f, (side, u, v), (_, s, t) = field(self.q), here, there
        zero = side == 0
        rise, run = np.where(zero, f.minus[v, t], f.minus[t, v]), f.minus[u, s]
        slope = f.times[rise, f.inverse[run]]  # m of two points (x, y); x of two lines (m, c)
        c = f.minus[v, f.times[slope, u]]
        up = self._cross(np.where(zero, u, slope), np.where(zero, slope, u), np.where(zero, c, v), plane, zero)
        down = self._cross(np.where(zero, s, slope), np.where(zero, slope, s), np.where(zero, c, t), plane, ~zero)
        return up, down

    def _across(self, here: Place, there: Place, plane: Ints, hashes: Hashes) -> tuple[Ints, Ints]:
        """Two sides: straight, or along the row of one end and across."""
        f, zero = field(self.q), here[0] == 0
        x, y, m, c = (
            np.where(zero, a, b)
            for a, b in ((here[1], there[1]), (here[2], there[2]), (there[1], here[1]), (there[2], here[2]))
        )
        one, other = rows(self.q)
        on_line = f.add[f.times[m, x], c]
        gap = f.minus[on_line, y]
        choice = digit(hashes, 1, np.asarray(2)) == 0
        point = (one.rank[gap] >= 0) & ((other.rank[gap] < 0) | choice)  # along the row of the point (0, x, y)
        end = np.where(point, c, f.minus[c, gap])
        side = np.where(point, 0, 1)
        row = np.where(point, x, m)
        near, far = np.where(point, y, c), np.where(point, on_line, end)
        along = self._row_link(side, row, np.where(zero == point, near, far), np.where(zero == point, far, near), plane)
        over = self._cross(x, m, end, plane, zero)
        straight = gap == 0
        first = np.where(straight | (zero != point), over, along)
        return first, np.where(straight, -1, np.where(zero != point, along, over))

    def _row_link(self, side: Ints, row: Ints, one: Ints, other: Ints, plane: Ints) -> Ints:
        zero, first = rows(self.q)
        number = np.where(side == 0, zero.number[one, other], first.number[one, other])
        each, behind = np.where(side == 0, len(zero.lower), len(first.lower)), self.q * len(zero.lower)
        return self.directed(1, plane, side * behind + row * each + number, one < other)

    def _cross(self, x: Ints, m: Ints, c: Ints, plane: Ints, upward: NDArray[np.bool_]) -> Ints:
        return self.directed(2, plane, (x * self.q + m) * self.q + c, upward)

    def hops(self) -> int:
        """Switches on the longest minimal path."""
        return 3

    def halves(self) -> Iterable[NDArray[np.bool_]]:
        """Half of the rows of both sides (the least even cut that is known in closed form)."""
        side, index = np.divmod(np.arange(self.switches), self.q**2)
        yield index < np.where(side == 0, self.q**2 // 2, -(-(self.q**2) // 2))

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`."""
        q, p = self.q, self.endpoints / self.switches
        steps = sum(len(row.steps) for row in rows(q))
        far = sum(q - 1 - len(row.steps) for row in rows(q))
        along = q * q * (steps + 2 * far) + 2 * (q**4 - q**3)
        across = 6 * q**4 - 4 * q**3
        per_pair = p * p / max(self.endpoints - 1, 1)
        loads = (per_pair * along / (q * q * steps), per_pair * across / (2 * q**3))
        return self.one_switch(), self.whole(loads, self.detours(1.0, _degree(q)))


def slim_fly(
    endpoints: int, planes: int, given: SlimFlyDesign | None, switch: Switch, link: float
) -> SlimFly:  # fmt: skip
    """A slim fly on each plane; `link` is the speed of one plane's link [B/s].

    Raises:
        UsageError: q is no prime power, the switches do not hold the links, or the places not the endpoints.
    """
    radix = links_per_switch(switch, link)
    q = given.q if given else _least(endpoints)
    if q < LEAST or prime_power(q) is None or q % 4 == 2:
        raise UsageError(f"q = {q} is no prime power above 2; the nearest are {_near(q)}")
    switches, degree = 2 * q * q, _degree(q)
    p = (given.p if given else None) or math.ceil(endpoints / switches)
    if not switches <= endpoints <= p * switches:
        raise UsageError(
            f"2 q^2 x p = {switches:,} x {p} places hold {switches:,} to {switches * p:,} endpoints, and there are "
            f"{endpoints:,}; write p: {math.ceil(endpoints / switches)}, or q: {_least(endpoints)}"
        )
    arithmetic = f"for q = {q} p + (3q - d) / 2 = {p} + {degree}"
    require_ports(switch, radix, p + degree, arithmetic, f"{_most(radix)}; choose a switch with more ports")
    row = sum(len(side.lower) for side in rows(q))
    tiers, bundles = one_tier(
        "switch", switch, switches, radix, endpoints, planes, link, (("row", q * row), ("cross", q**3))
    )
    return SlimFly("slim-fly", endpoints, planes, tiers, bundles, switches, q)


def _degree(q: int) -> int:
    """Links of a switch to others: (3q - d) / 2 for q = 4w + d."""
    return (3 * q - {0: 0, 1: 1, 3: -1}[q % 4]) // 2


def _least(endpoints: int) -> int:
    """The least q whose switches hold the endpoints at full bandwidth, p = half of the links to others."""
    q = LEAST
    while prime_power(q) is None or q % 4 == 2 or 2 * q * q * math.ceil(_degree(q) / 2) < endpoints:
        q += 1
    return q


def _most(radix: int) -> str:
    """What a switch's links hold at full bandwidth."""
    held = [q for q in range(LEAST, radix) if _fits(q, radix)]
    if not held:
        return f"the least slim fly, q = {LEAST}, takes {_degree(LEAST) + 1}"
    p = math.ceil(_degree(held[-1]) / 2)
    return f"at full bandwidth these hold q = {held[-1]}, p = {p}: {2 * held[-1] ** 2 * p:,} endpoints"


def _fits(q: int, radix: int) -> bool:
    return prime_power(q) is not None and q % 4 != 2 and math.ceil(1.5 * _degree(q)) <= radix


def _near(q: int) -> str:
    below = next((n for n in range(q - 1, LEAST - 1, -1) if prime_power(n)), None)
    above = next(n for n in range(max(q + 1, LEAST), 2 * q + 2 * LEAST) if prime_power(n))
    return f"{below} and {above}" if below else f"{above}"

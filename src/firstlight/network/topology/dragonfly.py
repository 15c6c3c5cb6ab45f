"""The dragonfly (Kim, Dally, Scott, Abts, "Technology-Driven, Highly-Scalable Dragonfly Topology", ISCA 2008).

All switches of a group are joined to each other, and groups by the global links of their switches. A minimal path takes
at most one global link: local, global, local. Where there are fewer groups than global links could join, pairs of
groups are joined by several, near ones by one more than others; a port that is left over stays free.
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
from firstlight.spec.fabric import DragonflyDesign
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Hashes, Ints, Level

_KEYS = 1 << 20
"""Draws among equal paths."""


@final
@dataclass(frozen=True)
class Dragonfly(Direct):
    """Switches are numbered group by group; a group's global ports switch by switch.

    Attributes:
        inside: links of a group's switches, at every pair one.
        across: links of the groups.
        reach: global links of a switch (h).
    """

    inside: Circles
    across: Circles
    reach: int

    def joined(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """See `Direct.joined`."""
        a = self.inside.size
        if self.bundles[bundle].name == "local":
            group, link = np.divmod(links, self.inside.count)
            lower, upper = self.inside.ends(link)
            return group * a + lower, group * a + upper
        groups, ports = self.across.ends(links), self.across.ports(links)
        lower, upper = (group * a + port // self.reach for group, port in zip(groups, ports, strict=True))
        return lower, upper

    def sockets(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """See `Direct.sockets`: local ports come before global ones."""
        if self.bundles[bundle].name == "local":
            return self.inside.ports(links % self.inside.count)
        lower, upper = self.across.ports(links)
        return self.inside.degree + lower % self.reach, self.inside.degree + upper % self.reach

    def apart(self, sources: Ints, targets: Ints) -> Ints:
        """See `Direct.apart`."""
        (group, here), (other, there) = (np.divmod(np.asarray(s), self.inside.size) for s in (sources, targets))
        _, leave, enter = self._gate((group, other), (here, there), None)
        return np.where(group == other, here != there, 1 + (leave != here) + (enter != there))

    def trail(self, sources: Ints, targets: Ints, plane: Ints, hashes: Hashes) -> list[Ints]:
        """See `Direct.trail`."""
        (group, here), (other, there) = (np.divmod(s, self.inside.size) for s in (sources, targets))
        gate, leave, enter = self._gate((group, other), (here, there), hashes)
        same = group == other
        first = self._local(group, here, np.where(same, there, leave), plane)
        if self.across.size == 1:
            return [first]
        link, upward = self.across.find(group, other, gate)
        middle = np.where(same, -1, self.directed(self._index("global"), plane, link, upward))
        return [first, middle, self._local(other, np.where(same, there, enter), there, plane)]

    def _index(self, name: str) -> int:
        return next(index for index, bundle in enumerate(self.bundles) if bundle.name == name)

    def _local(self, group: Ints, one: Ints, other: Ints, plane: Ints) -> Ints:
        if self.inside.size == 1:
            return np.full_like(group, -1)
        link, upward = self.inside.find(one, other, np.zeros_like(one))
        found = self.directed(self._index("local"), plane, group * self.inside.count + link, upward)
        return np.where(one == other, -1, found)

    def _gate(self, groups: tuple[Ints, Ints], at: tuple[Ints, Ints], hashes: Hashes | None) -> tuple[Ints, Ints, Ints]:
        """Of the global links between two groups one with the least local links: its number, and its two switches."""
        width = self.across.width(*groups)
        best = np.full(np.shape(width), 3 * _KEYS)
        gate, leave, enter = (np.zeros(np.shape(width), np.int64) for _ in range(3))
        for which in range(self.across.rounds + (self.across.extra > 0)):
            out, into = self._gateways(*groups, np.full_like(width, which))
            score = ((out != at[0]).astype(np.int64) + (into != at[1])) * _KEYS
            if hashes is not None:
                score += digit(hashes, 1 + which, np.asarray(_KEYS))
            better = (which < width) & (score < best)
            best, gate = np.where(better, score, best), np.where(better, which, gate)
            leave, enter = np.where(better, out, leave), np.where(better, into, enter)
        return gate, leave, enter

    def _gateways(self, one: Ints, other: Ints, which: Ints) -> tuple[Ints, Ints]:
        """Switch of either group at a global link, from 0 in its group."""
        link, upward = self.across.find(one, other, which)
        lower, upper = self.across.ports(np.maximum(link, 0))
        return np.where(upward, lower, upper) // self.reach, np.where(upward, upper, lower) // self.reach

    def hops(self) -> int:
        """Switches on the longest minimal path; every group sees the others as the first does.

        All switches of two groups are one link apart where each pair is joined, two where every switch of one of the
        groups has a link to the other.
        """
        a, others = self.inside.size, np.arange(1, self.across.size)
        links = [1 if a > 1 else 0]
        for which in (range(self.across.rounds), range(self.across.rounds + 1)):
            near = self.across.width(np.zeros_like(others), others) == len(which)
            ends = [self._gateways(np.zeros_like(others[near]), others[near], np.full(near.sum(), w)) for w in which]
            links += [
                _longest(a, out, into) for out, into in zip(*map(np.transpose, zip(*ends, strict=True)), strict=True)
            ]
        return 1 + max(links)

    def halves(self) -> Iterable[NDArray[np.bool_]]:
        """Half of the groups, of an odd number also half of the first group's switches with the groups that these
        reach; half of every group's switches."""
        every = np.arange(self.switches)
        yield every < self.switches // 2
        if self.across.size % 2:
            group, at = np.divmod(every, self.inside.size)
            ring = np.minimum(2 * group - 1, 2 * (self.across.size - group))  # 1, 2, 3, ...: next, last but one, ...
            rank = np.where(group == 0, np.where(at < self.inside.size // 2, -1, self.across.size), ring)
            yield np.argsort(np.argsort(rank, kind="stable")) < self.switches // 2
        if self.inside.size > 1:
            group, at = np.divmod(every, self.inside.size)
            yield at < (self.inside.size + group % 2) // 2

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`."""
        a, g, p = self.inside.size, self.across.size, self.endpoints / self.switches
        leaving = 1 - 1 / a
        group = Level(
            self.endpoints / g, leaving / max(leaving, p / a) if a > 1 else 1.0, self.detours(1.0, a - 1), 1 + (a > 1)
        )
        if g == 1:
            return self.one_switch(), group
        loads = [a * p / (g * self.across.rounds), p / a * (1 / g + 2 * (1 - 1 / g))]
        return self.one_switch(), group, self.whole(loads, self.detours(self.across.rounds, self.across.degree))


def _longest(a: int, out: Ints, into: Ints) -> int:
    """Links on the longest minimal path between two groups of `a` switches with links between these [links]."""
    if len(np.unique(out * a + into)) == a * a:
        return 1
    return 2 if a in (len(np.unique(out)), len(np.unique(into))) else 3


def dragonfly(
    endpoints: int, planes: int, given: DragonflyDesign | None, switch: Switch, link: float
) -> Dragonfly:  # fmt: skip
    """A dragonfly on each plane; `link` is the speed of one plane's link [B/s].

    Raises:
        UsageError: the switches do not hold the links, the groups not the endpoints, or a group reaches not all others.
    """
    radix = links_per_switch(switch, link)
    shape = given or _balanced(endpoints, radix)
    p, a, h = shape.p, shape.a, shape.h
    remedy = "choose smaller p, a or h, or a switch with more ports"
    require_ports(switch, radix, p + a - 1 + h, f"p + a - 1 + h = {p} + {a - 1} + {h}", remedy)
    g = shape.g or math.ceil(endpoints / (a * p))
    if g - 1 > a * h:
        raise UsageError(
            f"{g:,} groups need {g - 1:,} global links each, and a x h = {a} x {h} = {a * h:,}; "
            f"write at most g: {a * h + 1:,}, or more global links"
        )
    if endpoints > g * a * p or endpoints < g * a:
        raise UsageError(
            f"g x a x p = {g:,} x {a} x {p} switches' places hold {g * a:,} to {g * a * p:,} endpoints, and there are "
            f"{endpoints:,}; write g: {max(1, math.ceil(endpoints / (a * p))):,}, or another p"
        )
    rounds, rest = divmod(a * h, g - 1) if g > 1 else (0, 0)
    inside, across = Circles(a, 1), Circles(g, rounds, min(rest // 2, (g - 1) // 2))
    links = (("local", g * inside.count), ("global", across.count))
    tiers, bundles = one_tier("switch", switch, g * a, radix, endpoints, planes, link, links)
    return Dragonfly("dragonfly", endpoints, planes, tiers, bundles, g * a, inside, across, h)


def _balanced(endpoints: int, radix: int) -> DragonflyDesign:
    """The balanced dragonfly, a = 2p = 2h, of two or more groups with the fewest switches."""
    fitting = [
        (math.ceil(endpoints / (2 * p * p)) * 2 * p, -p)
        for p in range(1, (radix + 1) // 4 + 1)
        if 2 * p * p < endpoints <= 2 * p * p * (2 * p * p + 1)
    ]
    if not fitting:
        p = (radix + 1) // 4
        raise UsageError(
            f"{endpoints:,} endpoints make no balanced dragonfly of switches with {radix} links, 4p - 1 of them used: "
            f"3 to {2 * p * p * (2 * p * p + 1):,} do; choose another switch, or write design.fabric.dragonfly"
        )
    p = -min(fitting)[1]
    return DragonflyDesign(p=p, a=2 * p, h=p)

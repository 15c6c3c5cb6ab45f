"""Sites: equal folded networks, the top switches of the same number joined over long links."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.topology.base import HAND_OVER, Switched
from firstlight.network.topology.circles import Circles
from firstlight.network.topology.digits import digit
from firstlight.network.topology.fold import split
from firstlight.spec.fabric import SitesDesign
from firstlight.twin.protocols import Bundle, Hashes, Ints, Level, Paths, Tier, Topology

_LONG = 1000
"""Digit of the hash that chooses the long link."""


@final
@dataclass(frozen=True)
class Sites(Topology):
    """Everything is numbered plane by plane, then site by site; long links top switch by top switch.

    Attributes:
        inside: the fabric of one site.
        across: sites that one top switch is joined to.
    """

    kind: str
    endpoints: int
    planes: int
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]
    inside: Switched
    across: Circles

    @property
    def _tops(self) -> int:
        """Top switches of a site."""
        return self.inside.tiers[-1].switches

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Both ends of some links of a bundle; see `Topology.ends`."""
        if bundle == len(self.inside.bundles):
            top, link = np.divmod(links, self.across.count)
            one, other = (self._spread(site, top, self._tops) for site in self.across.ends(link))
            return one, other
        own, tiers = self.inside.bundles[bundle], self.inside.tiers
        site, link = self._gather(links, own.count)
        lower, upper = self.inside.ends(bundle, link)
        if own.lower < 0:
            lower = site * self.inside.endpoints + lower
        else:
            lower = self._spread(site, lower, tiers[own.lower].switches)
        return lower, self._spread(site, upper, tiers[own.upper].switches)

    def _spread(self, site: Ints, numbers: Ints, count: int) -> Ints:
        """Numbers of one site's `count` links or switches among those of all sites; like `numbers`."""
        plane, rest = np.divmod(numbers, count // self.planes)
        return (plane * self.across.size + site) * (count // self.planes) + rest

    def _gather(self, numbers: Ints, count: int) -> tuple[Ints, Ints]:
        """Site of links, and their numbers among its `count`; like `numbers`."""
        row, rest = np.divmod(numbers, count // self.planes)
        plane, site = np.divmod(row, self.across.size)
        return site, plane * (count // self.planes) + rest

    def ports(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Port of each end, from 0: planes of the NIC; of a switch first downlinks, then those up and away."""
        if bundle < len(self.inside.bundles):
            return self.inside.ports(bundle, self._gather(links, self.inside.bundles[bundle].count)[1])
        one, other = self.across.ports(links % self.across.count)
        return self._down + one, self._down + other

    @property
    def _down(self) -> int:
        """Downlinks of a top switch."""
        shape = self.inside.shape
        return -(-shape.stages[-1].lower * shape.stages[-1].up // shape.stages[-1].upper) if shape.stages else (
            shape.members_each
        )  # fmt: skip

    def bisection(self) -> float:
        """Bandwidth between two halves of the endpoints, one direction [B/s]: of the sites, or of every site."""
        one, other = self.across.ends(np.arange(self.across.count))
        half = self.across.size // 2
        crossing = self._tops * np.count_nonzero((one < half) != (other < half)) * self.bundles[-1].bandwidth
        own = self.inside.bisection()
        return min(crossing + own * (self.across.size % 2), own * self.across.size)

    def hops(self) -> int:
        """Switches on the longest shortest path: up, away and down."""
        return 2 * len(self.tiers)

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Switches on the shortest path; 0 to itself, -1 where there is none."""
        (site, one), (goal, other) = (
            np.divmod(np.asarray(e, np.int64), self.inside.endpoints) for e in (sources, targets)
        )
        rail, to_rail = self.inside.attach(one)[0], self.inside.attach(other)[0]
        away = np.where(rail == to_rail, self.hops(), -1)
        return np.where(site == goal, self.inside.distance(one, other), away)

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`."""
        found = self.inside.levels()
        others = self.across.size - 1
        pair = self._tops * self.across.rounds * self.bundles[-1].bandwidth / self.injection
        share = min(found[-1].share, pair * others / self.inside.endpoints)
        return *found, Level(self.endpoints, share, pair, self.hops())

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """See `Topology.routes`: between sites up to any top switch, over any of its links, and down."""
        sources, targets = self.pairs(sources, targets)
        (site, one), (goal, other) = (np.divmod(e, self.inside.endpoints) for e in (sources, targets))
        paths = np.full((len(sources), 3 + 2 * len(self.inside.shape.stages)), -1, np.int64)
        home, away = np.flatnonzero(site == goal), np.flatnonzero(site != goal)
        local = self.inside.routes(one[home], other[home], hashes[home])
        paths[home, : local.shape[1]] = self._outer(local, site[home][:, None])
        if len(away):
            paths[away] = self._between((site[away], one[away]), (goal[away], other[away]), hashes[away])
        return paths.astype(np.int32)

    def _outer(self, paths: Paths | Ints, site: Ints) -> Ints:
        """Directed links of a site in the numbers of all sites; -1 stays."""
        own = self.inside
        down, link = np.divmod(np.maximum(paths, 0), own.links)
        bundle = np.searchsorted(own.offsets, link, side="right") - 1
        each = np.array([b.count for b in own.bundles])[bundle] // self.planes
        plane, rest = np.divmod(link - np.array(own.offsets)[bundle], each)
        spread = np.array(self.offsets)[bundle] + (plane * self.across.size + site) * each + rest
        return np.where(paths < 0, -1, spread + down * self.links)

    def _between(self, here: tuple[Ints, Ints], there: tuple[Ints, Ints], hashes: Hashes) -> Ints:
        """Paths from (site, endpoint of the site) to another site."""
        own = self.inside
        rail, leaf, _ = own.attach(here[1])
        goal_rail, goal, _ = own.attach(there[1])
        if np.any(rail != goal_rail):
            raise UsageError(f"a {own.kind} fabric joins only NICs of one rail; {HAND_OVER}")
        plane = digit(hashes, 0, np.asarray(own.planes))
        network = plane * own.rails + rail
        up, top = _climb(own, network, leaf, hashes)
        down = _descend(own, network, top, goal, hashes)
        which = digit(hashes, _LONG, self.across.width(here[0], there[0]))
        link, upward = self.across.find(here[0], there[0], which)
        number = (network * (self._tops // (own.planes * own.rails)) + top) * self.across.count + link
        long = self.offsets[-1] + number + np.where(upward, 0, self.links)
        first, last = plane * own.endpoints + here[1], own.links + plane * own.endpoints + there[1]
        rise = [self._outer(column, here[0]) for column in (first, *up)]
        fall = [self._outer(column, there[0]) for column in (*down, last)]
        return np.stack([*rise, long, *fall], axis=1)


def _climb(fabric: Switched, network: Ints, leaf: Ints, hashes: Hashes) -> tuple[list[Ints], Ints]:
    """Directed uplinks from a leaf to the top, and the top switch in its network."""
    columns, switch = list[Ints](), leaf
    for index, stage in enumerate(fabric.shape.stages):
        group, local = np.divmod(switch, stage.lower)
        link = local * stage.up + digit(hashes, 1 + index, np.asarray(stage.up))
        columns.append(fabric.offsets[1 + index] + network * stage.links + group * stage.lower * stage.up + link)
        switch = group * stage.upper + link % stage.upper
    return columns, switch


def _descend(fabric: Switched, network: Ints, top: Ints, leaf: Ints, hashes: Hashes) -> list[Ints]:
    """Directed downlinks from a top switch to a leaf; an upper switch draws among its links to the part of the leaf."""
    columns, switch, stages = list[Ints](), top, fabric.shape.stages
    for index in reversed(range(len(stages))):
        stage, below = stages[index], fabric.shape.leaves_below[index]
        group, local = np.divmod(switch, stage.upper)
        block = (stages[index - 1].upper if index else 1) * stage.up
        start = leaf // below * block - group * stage.lower * stage.up
        skip = (local - start) % stage.upper
        parallel = (block - 1 - skip) // stage.upper + 1
        link = start + skip + stage.upper * digit(hashes, 1 + len(stages) + index, parallel)
        base = network * stage.links + group * stage.lower * stage.up
        columns.append(fabric.links + fabric.offsets[1 + index] + base + link)
        switch = group * stage.lower + link // stage.up
    return columns


def sites(inside: Topology, given: SitesDesign, radix: int, link: float) -> Sites:
    """Several sites of this fabric.

    Args:
        inside: of one site, built with `Limits.outside`.
        given: count, taper and links between them.
        radix: links of a top switch.
        link: of the fabric, one plane [B/s].

    Raises:
        UsageError: a kind without top switches, or top switches with too few links to reach all other sites.
    """
    if not isinstance(inside, Switched):
        raise UsageError(
            f"sites join the top switches of a folded network, and {inside.kind} has none; choose clos, "
            "rail-optimised, rail-only, or dual-tor with planes: 2"
        )
    long, others = given.link or link, given.count - 1
    up = math.floor(split(radix, given.taper)[1] * link / long + 1e-9)
    if up < others:
        raise UsageError(
            f"at {given.taper:g}:1 a top switch of {radix} links has {up} long links, and {given.count} sites need one "
            f"to each of {others} others; write sites.taper: {max(1, radix // others - 1)} or less, slower "
            "long links, or fewer sites"
        )
    rounds, rest = divmod(up, others)
    across = Circles(given.count, rounds, rest // 2 if others > 1 else 0)
    tops = inside.tiers[-1].switches
    bundles = (replace(bundle, count=given.count * bundle.count) for bundle in inside.bundles)
    last = len(inside.tiers) - 1
    long_bundle = Bundle("site-site", last, last, tops * across.count, long, given.length)
    tiers = tuple(replace(tier, switches=given.count * tier.switches) for tier in inside.tiers)
    endpoints = given.count * inside.endpoints
    return Sites(inside.kind, endpoints, inside.planes, tiers, (*bundles, long_bundle), inside, across)

"""What all switched fabrics share: one network's arithmetic, repeated over planes and isolated rails."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.topology.fold import Limits
from firstlight.network.topology.stages import Shape
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Bundle, Floats, Hashes, Ints, Level, Paths, Tier, Topology

HAND_OVER = (
    "hand it over inside the scale-up domains first (firstlight.network.routing.handed_over), or choose fabric kind: "
    "rail-optimised"
)
"""What to do with traffic between isolated rails."""
_NAMES = ("leaf", "spine", "core"), ("leaf", "spine", "super-spine", "core")


@dataclass(frozen=True)
class Switched(Topology):
    """A fabric of switches: `planes` x `rails` equal networks side by side.

    Switches of a tier are numbered plane by plane, then rail by rail; links likewise.

    Attributes:
        kind: of the design.
        endpoints: NICs of accelerators.
        planes: networks that each NIC is split over.
        rails: networks that the endpoints are split over without a path between them (1: all are joined).
        shape: one of these networks.
        tiers, bundles: over all of them.
    """

    kind: str
    endpoints: int
    planes: int
    rails: int
    shape: Shape
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]

    @abstractmethod
    def attach(self, endpoints: Ints) -> tuple[Ints, Ints, Ints]:
        """Rail (0 where all are joined), leaf in that rail's network and downlink port; each like `endpoints`."""

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Both ends of some links of a bundle; see `Topology.ends`."""
        if bundle == 0:
            plane, endpoint = np.divmod(links, self.endpoints)
            rail, leaf, _ = self.attach(endpoint)
            return endpoint, (plane * self.rails + rail) * self.shape.leaves + leaf
        stage = self.shape.stages[bundle - 1]
        network, link = np.divmod(links, stage.links)
        lower, upper = stage.ends(link)
        return network * stage.groups * stage.lower + lower, network * stage.groups * stage.upper + upper

    def ports(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Port of each end, from 0: planes of the NIC; of a switch first downlinks, then uplinks. Each like `links`."""
        if bundle == 0:
            plane, endpoint = np.divmod(links, self.endpoints)
            return plane, self.attach(endpoint)[2]
        stages = self.shape.stages
        lower, upper = stages[bundle - 1].ports(links % stages[bundle - 1].links)
        below = stages[bundle - 2] if bundle > 1 else None
        down = -(-below.lower * below.up // below.upper) if below else self.shape.members_each
        return down + lower, upper

    def bisection(self) -> float:
        """Bandwidth between two halves of the nodes, one direction [B/s]: half of the tier with the least links."""
        return min(bundle.count * bundle.bandwidth for bundle in self.bundles) / 2

    def hops(self) -> int:
        """Switches on the longest shortest path."""
        return 2 * len(self.tiers) - 1

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Switches on the shortest path; 0 to itself, -1 where there is none."""
        sources, targets = np.broadcast_arrays(np.asarray(sources, np.int64), np.asarray(targets, np.int64))
        (rail, leaf, _), (other, target, _) = self.attach(sources), self.attach(targets)
        switches = np.where(rail == other, self.shape.distance(leaf, target), -1)
        return np.where(sources == targets, 0, switches)

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`: a unit's leaves, a pod, ..., all."""
        sizes = [self.endpoints / self.shape.units * below for below in self._units_below]
        own = sizes[0]
        found = [Level(own, 1.0, 1.0, 1)]
        for index, stage in enumerate(self.shape.stages):
            up = 1 / self.shape.taper if index == 0 else stage.links * self.rails / self.endpoints
            share = min(found[-1].share, up)
            found.append(Level(sizes[index + 1], share, share * sizes[index], 3 + 2 * index))
        return tuple(found)

    @property
    def _units_below(self) -> tuple[float, ...]:
        """Units of one leaf group, of a pod, ..., of all."""
        return (1, *(self.shape.units / stage.groups for stage in self.shape.stages))

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """See `Topology.routes`: each switch draws evenly from its links towards the target."""
        from firstlight.network.topology import walk

        sources, targets = self.pairs(sources, targets)
        rail, leaf, other = self._seats(sources, targets)
        paths = np.empty((len(sources), 2 + 2 * len(self.shape.stages)), np.int32)
        counts = np.array([self.endpoints, self.planes, self.rails, self.links])
        walk.walk(sources, targets, rail, leaf, other, hashes, walk.stages(self.shape, self.offsets), counts, paths)
        return paths

    def routes_left(self, sources: Ints, targets: Ints, hashes: Hashes, down: NDArray[np.bool_]) -> Paths:
        """As `routes`, without the directed links that are down [2 * links].

        Each switch draws evenly from those of its links that lead on to the target; a path without a link that is down
        stays as it is. Nothing but -1 where no shortest path is left.
        """
        from firstlight.network.topology import left, walk

        sources, targets = self.pairs(sources, targets)
        rail, leaf, other = self._seats(sources, targets)
        paths = np.empty((len(sources), 2 + 2 * len(self.shape.stages)), np.int32)
        network = left.Left(
            walk.stages(self.shape, self.offsets), down, self.endpoints, self.planes, self.rails, self.links
        )
        left.walk_left(network, sources, targets, rail, leaf, other, hashes, paths)
        return paths

    def trunks(self, sources: Ints, targets: Ints) -> tuple[Paths, Floats]:
        """See `Topology.trunks`: a NIC's links of all planes, all uplinks of a leaf, all of a pod, ..., on all planes.

        Trunks are numbered stage by stage like the parts below it (endpoints; then leaves, pods, ... rail by rail),
        first all upwards, then all downwards.
        """
        sources, targets = self.pairs(sources, targets)
        rail, leaf, other = self._seats(sources, targets)
        climbs = self.shape.distance(leaf, other) // 2
        first, paths = self._trunk_offsets(), np.full((len(sources), 2 + 2 * len(self.shape.stages)), -1, np.int32)
        paths[:, 0], column = sources, 1 + 2 * climbs
        for level, leaves in enumerate(self.shape.leaves_below):
            rows = np.flatnonzero(climbs > level)
            start = first[1 + level] + rail[rows] * (self.shape.leaves // leaves)
            paths[rows, 1 + level] = start + leaf[rows] // leaves
            paths[rows, column[rows] - 1 - level] = first[-1] + start + other[rows] // leaves
        paths[np.arange(len(sources)), column] = first[-1] + targets
        paths[sources == targets] = -1
        return paths, self._trunk_capacity()

    def trunk(self, bundle: int, links: Ints) -> Ints:
        """Number of the upward trunk that each link of a bundle is part of; like `links`."""
        if bundle == 0:
            return links % self.endpoints
        stage, below = self.shape.stages[bundle - 1], self.shape.leaves_below[bundle - 1]
        parts = self.shape.leaves // below
        network, link = np.divmod(links, stage.links)
        return self._trunk_offsets()[bundle] + network % self.rails * parts + link // (stage.links // parts)

    def _trunk_offsets(self) -> list[int]:
        counts = [self.endpoints, *(self.rails * self.shape.leaves // leaves for leaves in self.shape.leaves_below)]
        return [0, *itertools.accumulate(counts)]

    def _trunk_capacity(self) -> Floats:
        first = self._trunk_offsets()
        each = [bundle.count * bundle.bandwidth for bundle in self.bundles]
        return np.tile(np.repeat(np.array(each) / np.diff(first), np.diff(first)), 2)

    def _seats(self, sources: Ints, targets: Ints) -> tuple[Ints, Ints, Ints]:
        """Rail, leaf of the source and leaf of the target of each pair."""
        (rail, leaf, _), (other_rail, other, _) = self.attach(sources), self.attach(targets)
        if self.rails > 1 and np.any(rail != other_rail):
            wrong = np.flatnonzero(rail != other_rail)
            raise UsageError(
                f"endpoints {sources[wrong[0]]} and {targets[wrong[0]]} are on different rails ({wrong.size:,} such "
                f"pairs in all), and a {self.kind} fabric joins only NICs of one rail; {HAND_OVER}"
            )
        return rail, leaf, other


def links_per_switch(switch: Switch, link: float) -> int:
    """Links of this speed [B/s] that a switch holds when its ports are split as far as the speed allows.

    Raises:
        UsageError: the link is faster than a port.
    """
    fitting = [parts for parts in switch.breakouts if switch.port_bandwidth / parts >= link * (1 - 1e-9)]
    if not fitting:
        port, wanted = (units.show(b, "bandwidth") for b in (switch.port_bandwidth, link))
        planes = -(-link // switch.port_bandwidth)
        raise UsageError(
            f"a link of {wanted} does not fit a port of {switch.name} ({port}); "
            f"choose a faster switch, or split the link over {planes:g} times as many planes"
        )
    return switch.ports * max(fitting)


@dataclass(frozen=True)
class Made:
    """What the switches of a folded network are.

    Attributes:
        leaf, spine: parts; spine of all tiers above the leaves.
        link: of one plane [B/s].
    """

    leaf: Switch
    spine: Switch
    link: float

    def limits(self, wishes: Wishes) -> Limits:
        """Links that the switches hold, and what else bounds the network."""
        leaf, spine = (links_per_switch(switch, self.link) for switch in (self.leaf, self.spine))
        return Limits(leaf, spine, wishes.tapers, wishes.groups, wishes.trunk, wishes.outside)


@dataclass(frozen=True)
class Wishes:
    """What a design asks of a folded network; see `Limits`. Groups are endpoints, of all planes and rails."""

    tapers: tuple[float, ...] = (1.0,)
    groups: tuple[int, ...] = ()
    trunk: int | None = None
    outside: float | None = None

    def of_nodes(self, rails: int) -> Wishes:
        """The same with groups of nodes that have an endpoint on each rail.

        Raises:
            UsageError: a group is not whole nodes.
        """
        for group in self.groups:
            if group % rails:
                near = max(group // rails, 1) * rails
                raise UsageError(
                    f"a group of {group:,} endpoints is not whole nodes of {rails} NICs; the nearest are {near:,} and "
                    f"{near + rails:,}"
                )
        return replace(self, groups=tuple(group // rails for group in self.groups))


def tiers_and_bundles(
    shape: Shape, endpoints: int, planes: int, rails: int, made: Made
) -> tuple[tuple[Tier, ...], tuple[Bundle, ...]]:
    """Tiers and bundles of `planes` x `rails` networks of this shape."""
    networks = planes * rails
    names = _NAMES[len(shape.stages) == len(_NAMES[1]) - 1]
    parts = [made.leaf, *[made.spine] * len(shape.stages)]
    tiers = tuple(
        Tier(name, networks * count, part.id, links_per_switch(part, made.link))
        for name, count, part in zip(names, shape.switches, parts, strict=False)
    )
    nodes = Bundle("node-leaf", -1, 0, planes * endpoints, made.link)
    fabric = (
        Bundle(f"{names[i]}-{names[i + 1]}", i, i + 1, networks * stage.links, made.link)
        for i, stage in enumerate(shape.stages)
    )
    return tiers, (nodes, *fabric)

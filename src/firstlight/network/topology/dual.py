"""Dual-ToR: each NIC port is split over the two leaves of a pair, so that no leaf's failure cuts a NIC off.

Alibaba HPN (Qian et al., "Alibaba HPN: A Data Center Network for Large Language Model Training", SIGCOMM 2024) keeps
the two leaves of a pair apart above, on two planes; the older form joins both to the same spines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.topology.base import Made, Wishes
from firstlight.network.topology.digits import digit
from firstlight.network.topology.rail import RailOptimised, rail_optimised
from firstlight.twin.protocols import Bundle, Hashes, Ints, Level, Paths, Tier, Topology

SIDES = 2
_SOURCE, _TARGET = 1000, 1001
"""Digits of the hash that choose the sides."""


@final
@dataclass(frozen=True)
class DualTor(Topology):
    """Both leaves of a pair under the same spines: a rail-optimised network of NIC ports, two for each NIC.

    Links of bundle 0 are numbered side by side, endpoint by endpoint.

    Attributes:
        halves: the network, whose endpoint 2 e + s is side s of endpoint e.
    """

    kind: str
    endpoints: int
    planes: int
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]
    halves: RailOptimised

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Both ends of some links of a bundle; see `Topology.ends`."""
        if bundle:
            return self.halves.ends(bundle, links)
        side, endpoint = np.divmod(links, self.endpoints)
        return endpoint, self.halves.ends(0, SIDES * endpoint + side)[1]

    def ports(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Port of each end, from 0: sides of the NIC; of a switch first downlinks, then uplinks; each like `links`."""
        if bundle:
            return self.halves.ports(bundle, links)
        side, endpoint = np.divmod(links, self.endpoints)
        return side, self.halves.ports(0, SIDES * endpoint + side)[1]

    def bisection(self) -> float:
        """Bandwidth between two halves of the endpoints, one direction [B/s]."""
        return self.halves.bisection()

    def hops(self) -> int:
        """Switches on the longest shortest path."""
        return self.halves.hops()

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Switches on the shortest path, which is between sides of one number; 0 to itself."""
        return self.halves.distance(SIDES * np.asarray(sources, np.int64), SIDES * np.asarray(targets, np.int64))

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`."""
        return tuple(
            replace(level, endpoints=level.endpoints / SIDES, neighbour=max(1.0, level.neighbour / SIDES))
            for level in self.halves.levels()
        )

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """See `Topology.routes`: any side of both NICs; of a pair under one leaf the same side."""
        sources, targets = self.pairs(sources, targets)
        out, into = (digit(hashes, place, np.asarray(SIDES)) for place in (_SOURCE, _TARGET))
        into = np.where(self.distance(sources, targets) <= 1, out, into)
        paths = self.halves.routes(SIDES * sources + out, SIDES * targets + into, hashes)
        links, last = self.links, np.count_nonzero(paths >= 0, axis=1) - 1
        rows = np.flatnonzero(last >= 0)
        paths[rows, 0] = (out * self.endpoints + sources)[rows]
        paths[rows, last[rows]] = links + (into * self.endpoints + targets)[rows]
        return paths


def dual_tor(endpoints: int, rails: int, planes: int, wishes: Wishes, made: Made) -> DualTor | RailOptimised:
    """A dual-ToR network; `made.link` is the speed of one whole NIC port [B/s].

    Args:
        endpoints: NICs.
        rails: NICs of a node.
        planes: 2 keeps the leaves of a pair apart above, 1 joins them.
        wishes: tapers, groups.
        made: switches and link.

    Raises:
        UsageError: other planes, or a network that cannot be built so.
    """
    if planes not in (1, SIDES):
        raise UsageError(
            f"dual-tor splits a NIC port over {SIDES} leaves, not over {planes} planes; write planes: 1 (both leaves "
            f"under the same spines) or {SIDES} (two networks)"
        )
    half = replace(made, link=made.link / SIDES)
    if planes == SIDES and rails > 1:
        return replace(rail_optimised(endpoints, rails, SIDES, wishes, half), kind="dual-tor")
    if planes == SIDES:
        raise UsageError("one NIC in a node and two planes are a clos of planes: 2; choose fabric kind: clos")
    doubled = replace(wishes, groups=tuple(SIDES * group for group in wishes.groups))
    ports = rail_optimised(SIDES * endpoints, SIDES * rails, 1, doubled, half)
    bundles = (replace(ports.bundles[0], count=SIDES * endpoints), *ports.bundles[1:])
    return DualTor("dual-tor", endpoints, 1, ports.tiers, bundles, ports)

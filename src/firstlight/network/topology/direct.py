"""What networks of directly joined switches share: endpoints on every switch, and links from switch to switch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.network.topology.digits import digit
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Bundle, Hashes, Ints, Level, Paths, Tier, Topology

CHUNK = 1 << 20
"""Links looked at together."""


@dataclass(frozen=True)
class Direct(Topology):
    """One or more equal planes of switches, each with its share of the endpoints.

    Switches and links are numbered plane by plane. Bundle 0 joins endpoints to switches, all others join switches.

    Attributes:
        kind: of the design.
        endpoints: NICs of accelerators.
        planes: networks that each NIC is split over.
        tiers: one, of all switches; bundles: over all planes.
        switches: of one plane.
    """

    kind: str
    endpoints: int
    planes: int
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]
    switches: int

    @abstractmethod
    def joined(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Switches at both ends of links of one plane; like `links`."""

    @abstractmethod
    def sockets(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Ports at both ends of links of one plane, from 0 behind those of the endpoints; like `links`."""

    @abstractmethod
    def apart(self, sources: Ints, targets: Ints) -> Ints:
        """Links on a minimal path between switches of one plane; like `sources`."""

    @abstractmethod
    def trail(self, sources: Ints, targets: Ints, plane: Ints, hashes: Hashes) -> list[Ints]:
        """Directed links of a minimal path between switches of a plane, column by column, -1 where it needs none."""

    @abstractmethod
    def halves(self) -> Iterable[NDArray[np.bool_]]:
        """Ways to part the switches of a plane into halves, for the bisection [switches]."""

    @property
    def seats(self) -> int:
        """Endpoints of the fullest switch."""
        return -(-self.endpoints // self.switches)

    def attach(self, endpoints: Ints) -> tuple[Ints, Ints]:
        """Switch of each endpoint in a plane and its port there, as even as whole numbers allow; like `endpoints`."""
        switch = endpoints * self.switches // self.endpoints
        return switch, endpoints - -(-switch * self.endpoints // self.switches)

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Both ends of some links of a bundle; see `Topology.ends`."""
        plane, link = np.divmod(links, self.bundles[bundle].count // self.planes)
        if bundle == 0:
            return link, plane * self.switches + self.attach(link)[0]
        lower, upper = self.joined(bundle, link)
        return plane * self.switches + lower, plane * self.switches + upper

    def ports(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Port of each end, from 0: planes of the NIC; of a switch first those of endpoints; each like `links`."""
        plane, link = np.divmod(links, self.bundles[bundle].count // self.planes)
        if bundle == 0:
            return plane, self.attach(link)[1]
        lower, upper = self.sockets(bundle, link)
        return self.seats + lower, self.seats + upper

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Switches on a minimal path; 0 to itself."""
        sources, targets = np.broadcast_arrays(np.asarray(sources, np.int64), np.asarray(targets, np.int64))
        switches = 1 + self.apart(self.attach(sources)[0], self.attach(targets)[0])
        return np.where(sources == targets, 0, switches)

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """See `Topology.routes`: a plane, and on it one of the minimal paths, by digits of the hash."""
        sources, targets = self.pairs(sources, targets)
        plane = digit(hashes, 0, np.asarray(self.planes))
        trail = self.trail(self.attach(sources)[0], self.attach(targets)[0], plane, hashes)
        first, last = plane * self.endpoints + sources, plane * self.endpoints + targets + self.links
        paths = np.stack([first, *trail, last], axis=1)
        paths[sources == targets] = -1
        order = np.argsort(paths < 0, axis=1, kind="stable")
        return np.take_along_axis(paths, order, axis=1).astype(np.int32)

    def directed(self, bundle: int, plane: Ints, links: Ints, upward: NDArray[np.bool_]) -> Ints:
        """Directed ids of links of a plane; like `links`."""
        count = self.bundles[bundle].count // self.planes
        return self.offsets[bundle] + plane * count + links + np.where(upward, 0, self.links)

    def bisection(self) -> float:
        """Bandwidth between two halves of the endpoints, one direction [B/s]: the least of the kind's even cuts."""
        cuts = [self.endpoints / 2 * self.bundles[0].bandwidth]
        cuts += [self._cut(half) for half in self.halves()] if self.switches > 1 else []
        return self.planes * min(cuts)

    def _cut(self, half: NDArray[np.bool_]) -> float:
        crossing = 0.0
        for index, bundle in enumerate(self.bundles[1:], 1):
            count = bundle.count // self.planes
            for start in range(0, count, CHUNK):
                lower, upper = self.joined(index, np.arange(start, min(start + CHUNK, count)))
                crossing += bundle.bandwidth * np.count_nonzero(half[lower] != half[upper])
        return crossing

    def whole(self, loads: Iterable[float], neighbour: float) -> Level:
        """The level of all endpoints, of whose links the busiest bears the greatest of `loads` under uniform traffic.

        Args:
            loads: of the links of each bundle, in links' bandwidths, when every endpoint sends at full speed, evenly
                to all others.
            neighbour: see `Level`.
        """
        leaving = 1 - 1 / self.switches
        share = leaving / max([leaving, *loads]) if leaving > 0 else 1.0
        return Level(self.endpoints, share, neighbour, self.hops())

    @staticmethod
    def detours(straight: float, links: float) -> float:
        """What reaches a neighbour over `straight` links, or over all `links` by way of third parts, which takes two
        links for each (Valiant, "A scheme for fast parallel communication", SIAM J. Computing 11, 1982)."""
        return max(straight, links / 2)

    def one_switch(self) -> Level:
        """The level of the endpoints of one switch."""
        return Level(self.endpoints / self.switches, 1.0, 1.0, 1)


def one_tier(
    name: str, switch: Switch, switches: int, radix: int, endpoints: int, planes: int, link: float,
    links: Iterable[tuple[str, int]],
) -> tuple[tuple[Tier, ...], tuple[Bundle, ...]]:  # fmt: skip
    """The tier of all switches, and the bundles of `links` (name, links of a plane)."""
    nodes = Bundle(f"node-{name}", -1, 0, planes * endpoints, link)
    others = (Bundle(what, 0, 0, planes * count, link) for what, count in links if count)
    return (Tier(name, planes * switches, switch.id, radix),), (nodes, *others)


def require_ports(switch: Switch, radix: int, needed: int, arithmetic: str, remedy: str) -> None:
    """Refuse switches that need more links than they hold; `arithmetic` says how many that are."""
    if needed > radix:
        raise UsageError(f"a switch needs {arithmetic} = {needed:,} links, and {switch.name} holds {radix:,}; {remedy}")

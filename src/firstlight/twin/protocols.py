"""What the rooms of floor 4 hand to each other, without knowing each other."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firstlight.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Paths = NDArray[np.int32]
"""One row for each pair: directed links in the order they are passed, -1 behind the last [pairs, longest]."""
Hashes = NDArray[np.uint64]

Operation = Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "send_receive"]


class CollectiveTime(Protocol):
    """How long a collective takes on the factory's fabric."""

    def __call__(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Floats:
        """Seconds of one collective; everything broadcasts.

        Args:
            operation: which collective.
            size: bytes [B]: the whole buffer of one rank (for all-gather the gathered result, for reduce-scatter the
                input, for all-to-all all that one rank sends, for send_receive the message).
            group: members per level from the inside out: (in one scale-up domain, across domains). The product is the
                group's size; where it is 1 the time is 0. The accelerators of a domain that are not in the group are
                taken to run the same collective in groups of their own at the same time, each over its own NIC.

        Returns:
            Time [s], in the shape that the arguments broadcast to.
        """
        ...


class PowerProfile(Protocol):
    """How much of the systems' power range the work uses, over time."""

    def __call__(self, hour: Ints) -> Floats:
        """IT power as a share of (greatest - idle) at the given hours of the year, between 0 and 1."""
        ...


@dataclass(frozen=True)
class Tier:
    """Switches of one kind and one role.

    Attributes:
        name: "leaf", "spine", "core".
        switches: how many, over all planes.
        switch: switch id of the catalogue.
        links_each: links that one of these switches can hold at the speed of the fabric's links.
    """

    name: str
    switches: int
    switch: str
    links_each: int


@dataclass(frozen=True)
class Bundle:
    """All links between two neighbouring tiers.

    Attributes:
        name: "node-leaf", "leaf-spine", "spine-core", "torus".
        lower, upper: indices into `Topology.tiers`; -1 is the accelerators' NIC ports.
        count: links.
        bandwidth: of one link, one direction [B/s].
        length: of one link, where the fabric and not the floor decides it (between sites) [m].
    """

    name: str
    lower: int
    upper: int
    count: int
    bandwidth: float
    length: float | None = None


@dataclass(frozen=True)
class Level:
    """Endpoints that are joined more closely than others: on one leaf, in one pod, ..., in the whole fabric.

    Attributes:
        endpoints: of one group, on average.
        share: of an endpoint's bandwidth to other parts of its group, when all send at once, evenly to all of them;
            minimal paths, parallel ones equally filled. 1 in the first level, whose parts are endpoints.
        neighbour: endpoints that can send at full speed at once from one part of a group to the next; where switches
            are joined directly over detours, if that is more.
        hops: switches on the longest minimal path inside a group.
    """

    endpoints: float
    share: float
    neighbour: float
    hops: int


class Topology(ABC):
    """A fabric's structure, by arithmetic: nothing per link is stored.

    Links are numbered bundle after bundle. Each carries traffic both ways, so there are two directed links for it:
    `offsets[bundle] + link` upwards, from its lower to its upper end as `ends` gives them, and `links` more downwards.
    """

    kind: str
    endpoints: int
    """NICs of accelerators that the fabric joins."""
    planes: int
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]

    @abstractmethod
    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Both ends of some links of a bundle: (index in the lower tier, index in the upper tier), each like `links`.

        The lower index of a node-leaf link is the endpoint (the accelerator's NIC).
        """

    @abstractmethod
    def bisection(self) -> float:
        """Bandwidth between two halves of the endpoints, one direction [B/s]."""

    @abstractmethod
    def hops(self) -> int:
        """Switches on the longest shortest path (torus: hops between accelerators)."""

    @abstractmethod
    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Switches on the shortest path between pairs of endpoints; -1 where there is none (rail-only, other rail)."""

    def levels(self) -> tuple[Level, ...]:
        """Groups of endpoints from the inside out; the last one is all. Here one, with what its bisection allows."""
        share = min(1.0, 4 * self.bisection() / (self.endpoints * self.injection)) if self.injection else 1.0
        return (Level(self.endpoints, share, share * self.endpoints, self.hops()),)

    @property
    def injection(self) -> float:
        """Bandwidth of all links of one endpoint together, one direction [B/s]."""
        own = ((b.count * b.bandwidth, 1 + (b.upper < 0)) for b in self.bundles if b.lower < 0)
        return sum(total * ends for total, ends in own) / self.endpoints

    @property
    def links(self) -> int:
        """Links of all bundles; directed links are twice as many."""
        return sum(bundle.count for bundle in self.bundles)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Number of each bundle's first link."""
        return tuple(itertools.accumulate((bundle.count for bundle in self.bundles[:-1]), initial=0))

    def capacity(self) -> Floats:
        """Bandwidth of each directed link [2 * links] [B/s]."""
        one_way = np.repeat([b.bandwidth for b in self.bundles], [b.count for b in self.bundles])
        return np.tile(one_way.astype(np.float64), 2)

    def pairs(self, sources: ArrayLike, targets: ArrayLike) -> tuple[Ints, Ints]:
        """Sources and targets broadcast to one length [pairs].

        Raises:
            UsageError: an endpoint does not exist.
        """
        both = np.broadcast_arrays(np.asarray(sources, np.int64), np.asarray(targets, np.int64))
        for role, ends in zip(("source", "target"), both, strict=True):
            wrong = ends[(ends < 0) | (ends >= self.endpoints)]
            if wrong.size:
                raise UsageError(
                    f"{role} {wrong.flat[0]} does not exist ({wrong.size:,} such in all): "
                    f"this fabric joins the endpoints 0 to {self.endpoints - 1:,}"
                )
        return np.atleast_1d(both[0]).ravel(), np.atleast_1d(both[1]).ravel()

    @abstractmethod
    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """Directed links of one shortest path for each pair of endpoints; none from an endpoint to itself.

        Args:
            sources, targets: endpoints [pairs].
            hashes: what chooses among equal paths, the plane included; well mixed, one for each pair [pairs].

        Raises:
            UsageError: an endpoint does not exist, or two have no path between them.
        """

    def trunks(self, sources: Ints, targets: Ints) -> tuple[Paths, Floats] | None:
        """The paths of sprayed traffic: all links that a packet may take at one stage count as one, a trunk.

        Trunks have numbers of their own. A NIC with one link is a trunk of one.

        Args:
            sources, targets: endpoints [pairs].

        Returns:
            Trunks of each pair, and the capacity of each trunk [trunks] [B/s]; None where the kind has no parallel
            links, so that a sprayed flow is several flows on `routes`.

        Raises:
            UsageError: as `routes`.
        """
        self.pairs(sources, targets)
        return None

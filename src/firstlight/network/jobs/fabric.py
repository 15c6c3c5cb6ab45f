"""How messages load a fabric: seconds that its busiest links need for one byte of each rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.network.jobs.wave import Wave
from firstlight.network.routing.failures import Failures
from firstlight.network.routing.hashed import hashes, reached, route
from firstlight.network.routing.spray import trunk_capacity, trunk_of
from firstlight.network.topology import Slices, Torus
from firstlight.network.topology.base import Switched
from firstlight.network.transport.fabric import Latency
from firstlight.twin.protocols import Floats, Ints, Paths, Topology

Steering = Literal["spray", "reps", "adaptive", "ecmp"]
ROUTINGS: tuple[Steering, ...] = get_args(Steering)
DRAWS = 16
"""Hashes that are drawn."""
PARTS, MOST_PARTS = (8, 64), 1_000_000
"""Paths that stand for a sprayed message where a fabric has no parallel links: from, to, of all messages together."""


@dataclass(frozen=True)
class Usage:
    """A link, or parallel links that share what is sprayed, and how busy it is.

    Attributes:
        name: "leaf-spine#17 up", "leaf-spine of leaf#3, 16 links up".
        busy: its time for what one rank sends over that of a healthy NIC.
    """

    name: str
    busy: float


@dataclass(frozen=True)
class Loads:
    """Time of the busiest links for one byte of each rank [s/B].

    Attributes:
        nic, fabric: busiest NIC link, and busiest other one, in each draw [draws].
        links: other links that carry something, in the median draw.
        parallel: links of the widest trunk (1: paths are hashed).
        hops: switches on the longest path.
        busiest: the busiest channel of each bundle and direction, busiest first, in the median draw [s/B].
    """

    nic: Floats
    fabric: Floats
    links: int
    parallel: float
    hops: int
    busiest: tuple[Usage, ...]


@dataclass(frozen=True)
class Fabric:
    """A fabric with its failures and its routing.

    Attributes:
        topology, failures, latencies: of it.
        routing: how packets choose among equal paths.
        queue_pairs: of each connection where paths are hashed.
        seed: of hashes.
    """

    topology: Topology
    failures: Failures
    latencies: Latency
    routing: Steering = "spray"
    queue_pairs: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.topology, Torus | Slices):
            raise UsageError(
                "jobs on a torus own slices of it, whose collectives never leave them; ask what happens to traffic on "
                "it with a pattern (--traffic all-to-all:1MB)"
            )

    @cached_property
    def down(self) -> NDArray[np.bool_]:
        """Directed links that carry nothing [2 * links]."""
        found = np.zeros(2 * self.topology.links, np.bool_)
        found[self.failures.down] = True
        return found

    @cached_property
    def capacity(self) -> Floats:
        """What each directed link has left [2 * links] [B/s]."""
        return self.topology.capacity() * self.failures.shares(self.topology)

    @cached_property
    def signature(self) -> tuple[object, ...]:
        """What loads depend on besides the messages."""
        lost = (self.failures.links.tobytes(), self.failures.share.tobytes())
        return (self.topology, lost, self.routing, self.queue_pairs, self.seed)

    def cut(self, wave: Wave) -> NDArray[np.bool_]:
        """Messages that have no way left [flows]."""
        if not self.failures.down.size:
            return np.zeros(len(wave), np.bool_)
        return ~reached(self.topology, wave.source, wave.target, self.down)

    def require(self, wave: Wave) -> None:
        """Pass messages that all have a way.

        Raises:
            UsageError: some have none; says which.
        """
        lost = np.flatnonzero(self.cut(wave))
        if lost.size:
            one = f"endpoint {wave.source[lost[0]]} to {wave.target[lost[0]]}"
            raise UsageError(f"failures leave no way from {one} ({lost.size:,} such pairs in all); take one out")

    def loads(self, wave: Wave) -> Loads:
        """What messages between endpoints load; all of them must have a way."""
        trunks = None if self.routing == "ecmp" else self.topology.trunks(wave.source, wave.target)
        if trunks is None:
            return self._hashed(wave)
        assert isinstance(self.topology, Switched)
        of = trunk_of(self.topology, len(trunks[1]))
        _, first, width = np.unique(of, return_index=True, return_counts=True)
        room = trunk_capacity(self.topology, self.failures, adaptive=self.routing != "spray")
        return self._loads([_busy(trunks[0], wave.weight, room, len(wave) - wave.others)], trunks[0], first, width)

    def _hashed(self, wave: Wave) -> Loads:
        """Each message in equal parts on paths of their own, drawn often."""
        pairs = self.queue_pairs if self.routing == "ecmp" else int(np.clip(MOST_PARTS // len(wave), *PARTS))
        source, target = np.repeat(wave.source, pairs), np.repeat(wave.target, pairs)
        weight = np.repeat(wave.weight / pairs, pairs)
        draws, paths = list[Floats](), np.zeros((0, 1), np.int32)
        for seed in np.random.SeedSequence(self.seed).generate_state(DRAWS).tolist():
            paths = route(self.topology, source, target, hashes(np.arange(len(source)), seed), self.failures)
            busy = _busy(paths, weight, self.capacity, (len(wave) - wave.others) * pairs)
            draws.append(busy if self.routing == "ecmp" else self._evened(busy))
        every = np.arange(2 * self.topology.links)
        return self._loads(draws, paths, every, np.ones(len(every), np.int64))

    def _evened(self, busy: Floats) -> Floats:
        """The same where each endpoint's messages are spread evenly over its links that are left, each way."""
        net, found = self.topology, busy.copy()
        for index, bundle in enumerate(net.bundles):
            if bundle.lower < 0 and bundle.upper >= 0:
                endpoint = net.ends(index, np.arange(bundle.count))[0]
                for side in (0, net.links):
                    own = side + net.offsets[index] + np.arange(bundle.count)
                    load, room = (np.bincount(endpoint, part, net.endpoints)
                                  for part in (busy[own] * self.capacity[own], self.capacity[own]))  # fmt: skip
                    even = np.divide(load, room, out=np.zeros(net.endpoints), where=room > 0)
                    found[own] = np.where(self.capacity[own] > 0, even[endpoint], 0.0)
        return found

    def _loads(self, draws: Sequence[Floats], paths: Paths, first: Ints, width: Ints) -> Loads:
        """From how busy channels are; `first` directed link of each, and how many links it has [channels]."""
        net, spans = self.topology, [float(busy.max()) for busy in draws]
        bundle = np.searchsorted(net.offsets, first % net.links, side="right") - 1
        own = np.array([one.lower < 0 for one in net.bundles])[bundle]
        middle = draws[int(np.argsort(spans)[(len(spans) - 1) // 2])]
        used = (middle > 0) & ~own
        kinds, busiest = 2 * bundle + (first >= net.links), list[Usage]()
        for kind in np.unique(kinds[middle > 0]).tolist():
            rows = np.flatnonzero(kinds == kind)
            at = int(rows[np.argmax(middle[rows])])
            busiest.append(Usage(self._name(int(first[at]), int(width[at])), float(middle[at])))
        return Loads(
            np.array([busy[own].max() for busy in draws]),
            np.array([busy[~own].max(initial=0.0) for busy in draws]),
            int(width[used].sum()), float(width[used].max(initial=1)),
            int((paths >= 0).sum(axis=1).max()) - 1,
            tuple(sorted(busiest, key=lambda one: -one.busy)),
        )  # fmt: skip

    def _name(self, directed: int, width: int) -> str:
        """A link, or the parallel ones that it is the first of, in words."""
        net, way = self.topology, "down" if directed >= self.topology.links else "up"
        link = directed % net.links
        index = int(np.searchsorted(net.offsets, link, side="right")) - 1
        bundle, number = net.bundles[index], np.array([link - net.offsets[index]])
        if width == 1:
            return f"{bundle.name}#{int(number[0])} {way}"
        lower = int(net.ends(index, number)[0][0])
        part = f"{net.tiers[bundle.lower].name}#{lower}" if bundle.lower >= 0 else f"endpoint {lower}"
        where = part if bundle.lower <= 0 else f"the group of {part}"
        return f"{bundle.name} of {where}, {width} links {way}"


def _busy(paths: Paths, weight: Floats, room: Floats, own: int) -> Floats:
    """Seconds that each channel needs for one byte of each rank [channels] [s/B]; 0 without one of the first `own`."""
    on = paths >= 0
    load = np.bincount(paths[on], np.broadcast_to(weight[:, None], paths.shape)[on], len(room))
    used = np.zeros(len(room), np.bool_)
    used[paths[:own][on[:own]]] = True
    return np.divide(load, room, out=np.zeros(len(room)), where=used)

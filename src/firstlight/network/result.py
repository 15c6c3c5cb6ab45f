"""What the network room answers."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.twin.result import Result, quantity


@dataclass(frozen=True)
class CableLine:
    """One line of the cable bill: links of one bundle, medium and stock length.

    Attributes:
        bundle: "node-leaf", "leaf-spine", ...
        part: cable id of the catalogue.
        length: stock length [m].
        count: cables.
        transceiver: transceiver id at either end, or "".
        transceivers: how many, both ends together.
        far_transceiver, far_transceivers: id at the upper end where it is another one, and how many of `transceivers`.
        medium: "dac", "aec", "aoc", "multimode" or "single-mode".
        power: of cable and transceivers together, all of the line [W].
        cost: cables and transceivers, all of the line [USD].
    """

    bundle: str
    part: str
    length: float
    count: int
    transceiver: str
    transceivers: int
    power: float
    cost: float
    far_transceiver: str = ""
    far_transceivers: int = 0
    medium: str = ""

    @property
    def modules(self) -> tuple[tuple[str, int], ...]:
        """Transceiver ids of the line, lower end first, and how many of each; none where there are none."""
        near = (self.transceiver, self.transceivers - self.far_transceivers)
        return tuple(end for end in (near, (self.far_transceiver, self.far_transceivers)) if end[0])


@dataclass(frozen=True)
class CollectivePoint:
    """One collective over the largest group of the factory: bytes [B], time [s], bus bandwidth [B/s]."""

    operation: str
    group: tuple[int, int]
    size: float
    time: float
    bus_bandwidth: float


@dataclass(frozen=True, repr=False)
class NetworkResult(Result):
    """The fabric of one factory."""

    kind: str = quantity("", "fabric kind")
    endpoints: int = quantity("", "accelerator NICs joined")
    link: float = quantity("B/s", "bandwidth of one NIC port, one direction")
    planes: int = quantity("", "independent planes")
    tiers: tuple[tuple[str, str, int], ...] = quantity("", "name, switch id and number of switches of each tier")
    links: tuple[tuple[str, int, float], ...] = quantity("", "name, number of links and bandwidth [B/s] of each bundle")
    bisection: float = quantity("B/s", "bandwidth between two halves of the endpoints, one direction")
    hops: int = quantity("", "switches on the longest shortest path")
    latency: float = quantity("s", "unloaded one-way latency of that path, cables included")
    switch_power: float = quantity("W", "all switches, without optics")
    optics_power: float = quantity("W", "all transceivers and active cables")
    cables: tuple[CableLine, ...] = quantity("", "the cable bill")
    switch_cost: float = quantity("USD", "all switches")
    cable_cost: float = quantity("USD", "all cables and transceivers")
    collectives: tuple[CollectivePoint, ...] = quantity("", "all-reduce and all-to-all over the whole factory by size")

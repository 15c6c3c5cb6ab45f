"""One plane's share of a case, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from firstlight.network.flows.traffic import Traffic
from firstlight.network.transport.fabric import Plane
from firstlight.network.transport.protocol import Protocol
from firstlight.network.transport.state import climbs
from firstlight.twin.protocols import Floats, Ints

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """One plane of a fabric and its share of the flows.

    Attributes:
        plane: of the fabric.
        flows: sizes are on the wire.
        routing: "spray", "reps", "adaptive", "ecmp" or "roce-ecmp".
        seed: of hashes and draws.
        protocol: of the packets.
    """

    plane: Plane
    flows: Traffic
    routing: str
    seed: int
    protocol: Protocol

    @property
    def climb(self) -> Ints:
        """Stages that each flow climbs [flows]."""
        return climbs(self.plane, self.flows.source, self.flows.target)

    @property
    def events(self) -> float:
        """Events of one packet simulation: two at each switch, and three besides."""
        return float((np.ceil(self.flows.size / self.protocol.packet) * (4 * self.climb + 5)).sum())

    def seeds(self, count: int) -> list[int]:
        """Seeds of independent draws."""
        return [int(s) for s in np.random.SeedSequence(self.seed).generate_state(count, np.uint32) >> 1]

    def scaled(self, factor: float) -> Case:
        """The same with flows `factor` times as large."""
        return replace(self, flows=replace(self.flows, size=self.flows.size * factor))


@dataclass(frozen=True)
class Answer:
    """What came of a case.

    Attributes:
        makespans: of all draws [s].
        end: of each flow in one draw of median makespan [flows] [s].
        trimmed: packets in front of each directed link of the plane in that draw [2 * links].
        told: what the answer rests on.
    """

    makespans: Floats
    end: Floats
    trimmed: Floats
    told: tuple[str, ...]


def each(work: Callable[[int], T], seeds: Sequence[int]) -> list[T]:
    """What comes of each seed, worked out on all processors."""
    if len(seeds) == 1:
        return [work(seeds[0])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, seeds))

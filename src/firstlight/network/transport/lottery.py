"""Many draws of a fabric's chance: seeds of a packet simulation, and hashes of which no one knows the outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from firstlight.network.flows.traffic import Traffic
from firstlight.network.transport import packets, paths
from firstlight.network.transport.fabric import Plane
from firstlight.network.transport.packets import Run
from firstlight.network.transport.protocol import Protocol
from firstlight.twin.protocols import Floats

DRAWS, FEWER_DRAWS = 200, 24
"""Hashes that are drawn: where the busiest link says the time, and where flows must be followed to their ends."""
NOISES = 25
"""What packets add is drawn so often for each hash."""


def each(work: Callable[[int], Run], seeds: Sequence[int]) -> list[Run]:
    """One simulation for each seed, on all processors."""
    if len(seeds) == 1:
        return [work(seeds[0])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, seeds))


@dataclass(frozen=True)
class Lottery:
    """Makespans under hashing [s]: `fluid` of each draw; `runs` of the first few, packet by packet."""

    fluid: Floats
    runs: tuple[Run, ...]

    def makespans(self, seed: int, scatter: float) -> Floats:
        """What each draw may come to [draws * NOISES] [s].

        What packets add to max-min fairness is learnt from the draws that were simulated, and scatters by `scatter` (in
        the logarithm).
        """
        own = np.array([run.end.max() for run in self.runs])
        added = np.log(own / self.fluid[: len(own)])
        rng = np.random.default_rng(seed)
        noise = rng.normal(float(np.median(added)), scatter, (NOISES, len(self.fluid)))
        return (self.fluid * np.exp(noise)).ravel()


def draw(plane: Plane, flows: Traffic, seeds: Sequence[int], simulated: int, p: Protocol) -> Lottery:
    """Draw hashes.

    Args:
        plane: of the fabric.
        flows: sizes are on the wire.
        seeds: of the draws.
        simulated: how many of them are also run packet by packet.
        p: protocol.
    """
    fluid = [paths.fluid(plane, flows, paths.hashed(plane, flows, seed, p), p).max() for seed in seeds]
    runs = each(lambda seed: packets.run(plane, flows, "ecmp", seed, p), seeds[:simulated])
    return Lottery(np.array(fluid), tuple(runs))

"""Collectives of placed jobs: their time on the fabric as it is asked about, and the table of a whole fabric.

The closed form of a collective (network.collectives) takes what a fabric costs NICs as an argument; the simulation of
loads (network.jobs) says what that is. Here they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np
from numpy.typing import ArrayLike

from firstlight.network.collectives import Congestion, FabricTime
from firstlight.network.collectives.levels import Levels
from firstlight.network.jobs import (
    Fabric,
    Strain,
    Units,
    Wave,
    beside,
    exchange,
    handover,
    order,
    rails,
    ring,
    strain,
    tree,
    units,
)
from firstlight.network.routing import Failures
from firstlight.performance.training.layouts.axes import Axis
from firstlight.spec.parts import System
from firstlight.twin.protocols import Floats, Ints, Operation, Topology

Quantile = Literal["p10", "p50", "p90"]
MESSAGE_STEPS = 2
"""Sizes between two powers of two that strains are worked out at."""
TABLE_SIZES = tuple(2.0**power for power in range(16, 33, 2))
"""Bytes of a NIC that the table of a fabric has [B]: 64 kB to 4 GB."""


@dataclass(frozen=True)
class Placed:
    """One job's ranks on one fabric.

    Attributes:
        fabric: with its failures and routing.
        units: of the fabric; own: those of the job, in the order of its ranks.
        ranks: accelerators of the job.
        rails: that messages are handed over to before they leave, 1 where they are not.
        bandwidth: of a rank's NICs [B/s].
        others: messages of other jobs that may be under way, between endpoints; share: of the time that they are.
    """

    fabric: Fabric
    units: Units
    own: Ints
    ranks: int
    rails: int
    bandwidth: float
    others: tuple[Wave, ...] = ()
    share: float = 0.0

    def wave(self, operation: Operation, axis: Axis) -> Wave:
        """What the groups of an axis send at once, between endpoints."""
        inner, domain = round(axis.inner), self.units.domain
        if operation == "send_receive":
            ranks = handover(self.ranks, axis.stride, domain)
        elif operation == "all_to_all":
            ranks = exchange(self.ranks, axis.size, axis.stride, inner, domain)
        else:
            ranks = ring(self.ranks, axis.size, axis.stride, inner, domain)
        return rails(ranks, self.units, self.own, self.rails)

    def strain(self, operation: Operation, axis: Axis, sent: float) -> Strain:
        """Excess of a collective of which a rank sends so many bytes over its NICs [B].

        Others' messages are under way for a share of the time: P10 has none of them, P90 all of the time.
        """
        wave = self.wave(operation, axis)
        alone = strain(self.fabric, wave, sent, self.bandwidth)
        if not self.others or not len(wave):
            return alone
        along = strain(self.fabric, beside(wave, self.others), sent, self.bandwidth)
        middle = alone.p50 + self.share * (max(along.p50, alone.p50) - alone.p50)
        binding = along.binding if along.p50 > alone.p50 else alone.binding
        return Strain(alone.p10, middle, max(along.p90, alone.p90), alone.calibrated, binding)


@final
@dataclass(frozen=True)
class CongestedTime:
    """Seconds of a collective of one placed job; see `CollectiveTime`.

    The NICs of `time` are taken to be as much slower as the simulation says the fabric as asked holds them up more than
    the fabric as planned, at one quantile.

    Attributes:
        time: as planned.
        planned, asked: the job on the fabric as planned and as asked about.
        axes: of the job.
        quantile: of the excess.
    """

    time: FabricTime
    planned: Placed
    asked: Placed
    axes: tuple[Axis, ...]
    quantile: Quantile = "p50"

    def __call__(self, operation: Operation, size: ArrayLike, group: Sequence[ArrayLike]) -> Floats:
        """Time [s] of a collective of `size` [B] over `group` (members in one domain, domains); broadcasts."""
        placed = self.time.place(group)
        each = np.broadcast_arrays(np.asarray(size, np.float64), placed.inner, placed.domains)
        cases, back = np.unique(np.stack([one.ravel() for one in each], axis=1), axis=0, return_inverse=True)
        times = np.array([self._one(operation, *case) for case in cases.tolist()])
        return times[back.ravel()].reshape(each[0].shape)

    def slowdown(self, operation: Operation, size: float, inner: float, domains: float) -> float:
        """NIC time as asked over NIC time as planned; of several axes with such groups the slowest."""
        sent = carried(operation, size, inner, domains)
        if sent <= 0:
            return 1.0
        rounded = 2.0 ** (round(np.log2(sent) * MESSAGE_STEPS) / MESSAGE_STEPS)
        fitting = [axis for axis in self.axes if (axis.inner, axis.domains) == (inner, domains)]
        factors = [self._factor(operation, axis, rounded) for axis in fitting]
        return max(factors, default=1.0)

    def _factor(self, operation: Operation, axis: Axis, sent: float) -> float:
        before, after = (one.strain(operation, axis, sent) for one in (self.planned, self.asked))
        return (1 + getattr(after, self.quantile)) / (1 + getattr(before, self.quantile))

    def _one(self, operation: Operation, size: float, inner: float, domains: float) -> float:
        factor = self.slowdown(operation, size, inner, domains)
        model = self.time.model
        assert isinstance(model, Levels)
        time = self.time if factor == 1 else replace(self.time, model=replace(model, nic=model.nic / factor))
        return float(time(operation, size, (inner, domains)))


def units_of(topology: Topology, failures: Failures, system: System) -> Units:
    """What jobs are placed on: scale-up domains, or systems where these hold several."""
    each = max(system.scale_up_domain, system.accelerators)
    return units(topology, failures, each, system.scale_up_domain, system.nics * each // system.accelerators)


def carried(operation: Operation, size: float, inner: float, domains: float) -> float:
    """Bytes that a rank sends over its NICs in one phase of a collective [B]; 0 inside a domain."""
    away = (domains - 1) / domains
    if operation in ("send_receive", "all_to_all"):
        return size * (away if operation == "all_to_all" else float(domains > 1))
    return size / inner * away


def congestion(
    fabric: Fabric, found: Units, bandwidth: float, handed: int = 1, quantile: Quantile = "p50"
) -> Congestion:
    """The table of what patterns cost NICs, of groups that fill the fabric, packed; see `Congestion`.

    Units without a NIC that is left take no part.

    Args:
        fabric: with its failures and routing.
        found: its units.
        bandwidth: of a rank's NICs [B/s].
        handed: rails that messages are handed over to before they leave, or 1.
        quantile: of the excess.

    Raises:
        UsageError: failures leave some messages no way.
    """
    (packed,) = order(found, [len(found)], "packed")
    packed = packed[found.alive[packed].any(axis=1)]
    ranks, domain = len(packed) * found.accelerators, found.domain
    domains = [2**power for power in range(1, max(ranks // domain, 2).bit_length()) if 2**power <= ranks // domain]
    made: dict[str, Callable[..., Wave]] = {"ring": ring, "tree": tree, "all_to_all": exchange}
    excess = {name: np.zeros((len(domains), len(TABLE_SIZES))) for name in made}
    for name, make in made.items():
        for row, count in enumerate(domains):
            wave = rails(make(ranks, count * domain, 1, domain, domain), found, packed, handed)
            fabric.require(wave)
            for column, size in enumerate(TABLE_SIZES):
                excess[name][row, column] = getattr(strain(fabric, wave, size, bandwidth), quantile)
    return Congestion(np.array(domains, float), np.array(TABLE_SIZES), excess)

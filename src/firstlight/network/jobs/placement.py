"""Which nodes each job gets. What is placed is a unit: a scale-up domain, or a system where that holds several."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.routing.failures import Failures
from firstlight.twin.protocols import Ints, Topology

Place = Literal["packed", "spread", "rail-aligned", "topology-aware"]
PLACES: tuple[Place, ...] = get_args(Place)
"""packed: unit after unit, leaf after leaf. spread: the next unit is under the next leaf. rail-aligned: packed, and
messages are handed over inside the domain to the NIC on the target's rail. topology-aware: each job in as few leaves as
will do, units that have lost NICs last."""


@dataclass(frozen=True)
class Units:
    """What jobs are placed on.

    Attributes:
        accelerators: of one unit; domain: of a scale-up domain.
        nics: endpoints of one unit, numbered one after the other.
        leaf: switch that the first NIC of each unit is on [units].
        alive: whether each NIC still has a link [units, nics].
    """

    accelerators: int
    domain: int
    nics: int
    leaf: Ints
    alive: np.ndarray

    def __len__(self) -> int:
        return len(self.leaf)


def units(topology: Topology, failures: Failures, accelerators: int, domain: int, nics: int) -> Units:
    """The units of a fabric.

    Args:
        topology: fabric.
        failures: links that are down or slow.
        accelerators: of one unit; domain: of a scale-up domain; nics: of one unit.
    """
    joined = [index for index, bundle in enumerate(topology.bundles) if bundle.lower < 0]
    left, leaf = np.zeros(topology.endpoints), np.zeros(topology.endpoints, np.int64)
    shares = failures.shares(topology)
    for index in reversed(joined):
        links = np.arange(topology.bundles[index].count)
        endpoint, switch = topology.ends(index, links)
        number = topology.offsets[index] + links
        left += np.bincount(endpoint, np.minimum(shares[number], shares[number + topology.links]), topology.endpoints)
        leaf[endpoint[::-1]] = switch[::-1]
    count = topology.endpoints // nics
    return Units(
        accelerators, domain, nics, leaf[: count * nics : nics], (left > 0)[: count * nics].reshape(count, nics)
    )


def order(found: Units, jobs: Sequence[int], place: Place) -> list[Ints]:
    """Units of each job, in the order of its ranks.

    Args:
        found: the fabric's units.
        jobs: how many units each job needs.
        place: how they are placed.

    Raises:
        UsageError: the jobs need more units than there are.
    """
    if sum(jobs) > len(found):
        raise UsageError(f"the jobs need {sum(jobs):,} nodes or domains, and the fabric has {len(found):,}")
    if place == "topology-aware":
        return _fitted(found, jobs)
    queue = np.arange(len(found))
    if place == "spread":
        queue = queue[np.lexsort((found.leaf, _turn(found.leaf)))]
    ends = np.cumsum([0, *jobs])
    return [queue[first:last] for first, last in itertools.pairwise(ends)]


def _turn(leaf: Ints) -> Ints:
    """Place of each unit among those of its leaf."""
    by = np.argsort(leaf, kind="stable")
    first = np.searchsorted(leaf[by], leaf[by])
    turn = np.empty(len(leaf), np.int64)
    turn[by] = np.arange(len(leaf)) - first
    return turn


def _fitted(found: Units, jobs: Sequence[int]) -> list[Ints]:
    """Largest job first: the leaf that it fits best, or whole leaves and then the one that the rest fits best.

    The best fit of Slurm's tree topology plugin. Units without all of their NICs are taken where no others are left.
    """
    whole = found.alive.all(axis=1)
    free = [np.flatnonzero(whole & (found.leaf == leaf)).tolist() for leaf in np.unique(found.leaf).tolist()]
    spare = np.flatnonzero(~whole)[np.argsort(-found.alive[~whole].sum(axis=1), kind="stable")].tolist()
    given: list[Ints] = [np.zeros(0, np.int64)] * len(jobs)
    for job in sorted(range(len(jobs)), key=lambda index: (-jobs[index], index)):
        taken, left = list[int](), jobs[job]
        while left and any(free):
            pick = _best(free, left)
            taken += pick[:left]
            del pick[:left]
            left = jobs[job] - len(taken)
        taken += spare[:left]
        del spare[:left]
        given[job] = np.array(taken, np.int64)
    return given


def _best(free: list[list[int]], wanted: int) -> list[int]:
    """The leaf with the fewest free units that are enough; where none has enough, the one with most."""
    enough = [one for one in free if len(one) >= wanted]
    return min(enough, key=len) if enough else max(free, key=len)

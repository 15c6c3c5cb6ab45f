"""Cubes of accelerators joined by optical circuit switches: which cubes are neighbours is set, not wired.

Jouppi et al., "TPU v4: An Optically Reconfigurable Supercomputer", ISCA 2023, arXiv 2304.01433. Each place on a face of
a cube has its own switch for its dimension: on it end the fibres of that place on the two opposite faces of every cube.
A slice is a torus of some cubes; slices share no link.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.network.topology.torus import CUBE, Torus, shaped
from firstlight.spec.fabric import SliceDesign
from firstlight.twin.protocols import Bundle, Hashes, Ints, Level, Paths, Tier, Topology


@final
@dataclass(frozen=True)
class Slices(Topology):
    """Tori of whole cubes side by side. Links are numbered slice by slice.

    Attributes:
        tori: of each slice.
        cubes: numbers of the cubes of each slice, in the order of their places.
    """

    kind: str
    endpoints: int
    planes: int
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]
    tori: tuple[Torus, ...]
    cubes: tuple[tuple[int, ...], ...]

    def _local(self, endpoints: Ints) -> tuple[Ints, Ints]:
        """Slice of each endpoint and its number there; like `endpoints`."""
        owner, place = (np.zeros(self.endpoints // CUBE**3, np.int64) for _ in range(2))
        for index, cubes in enumerate(self.cubes):
            owner[list(cubes)], place[list(cubes)] = index, np.arange(len(cubes))
        cube, inside = np.divmod(endpoints, CUBE**3)
        return owner[cube], place[cube] * CUBE**3 + inside

    def _global(self, index: int, local: Ints) -> Ints:
        cube, inside = np.divmod(local, CUBE**3)
        return np.array(self.cubes[index])[cube] * CUBE**3 + inside

    @property
    def _starts(self) -> Ints:
        return np.cumsum([0, *(torus.links for torus in self.tori)])

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Both ends of some links: the accelerator and its next neighbour; see `Topology.ends`."""
        links, starts = np.asarray(links, np.int64), self._starts
        index = np.searchsorted(starts, links, side="right") - 1
        lower, upper = np.zeros_like(links), np.zeros_like(links)
        for number in np.unique(index).tolist():
            chosen = index == number
            ends = self.tori[number].ends(bundle, links[chosen] - starts[number])
            lower[chosen], upper[chosen] = (self._global(number, end) for end in ends)
        return lower, upper

    def ports(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Port of each end; see `Torus.ports`."""
        links, starts = np.asarray(links, np.int64), self._starts
        index = np.searchsorted(starts, links, side="right") - 1
        lower, upper = np.zeros_like(links), np.zeros_like(links)
        for number in np.unique(index).tolist():
            chosen = index == number
            lower[chosen], upper[chosen] = self.tori[number].ports(bundle, links[chosen] - starts[number])
        return lower, upper

    def bisection(self) -> float:
        """Bandwidth between two halves of the accelerators of a slice, one direction [B/s]: of the narrowest slice."""
        return min(torus.bisection() for torus in self.tori)

    def rings(self, links: Ints) -> tuple[Ints, Ints, Ints]:
        """See `Torus.rings`; no two slices share a ring."""
        starts = self._starts
        index = np.searchsorted(starts, links, side="right") - 1
        dimension, number, length = (np.zeros(len(links), np.int64) for _ in range(3))
        for slice_ in np.unique(index).tolist():
            chosen = index == slice_
            found = self.tori[slice_].rings(links[chosen] - starts[slice_])
            dimension[chosen], length[chosen] = found[0], found[2]
            number[chosen] = found[1] + slice_ * 3 * self.endpoints
        return dimension, number, length

    def along(self) -> NDArray[np.bool_]:
        """Whether each dimension has links; those of all slices are of whole cubes."""
        return np.ones(3, np.bool_)

    def links_each(self) -> int:
        """Links of each accelerator."""
        return 2 * 3

    def hops(self) -> int:
        """Links on the longest shortest path inside a slice."""
        return max(torus.hops() for torus in self.tori)

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`: one, of the largest slice, at the share of the narrowest."""
        largest, share = slice_size(self), min(torus.levels()[0].share for torus in self.tori)
        return (Level(largest, share, share * largest, self.hops()),)

    @property
    def degree(self) -> float:
        """Links of one accelerator."""
        return 2 * self.links / self.endpoints

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Links on the shortest path between pairs; -1 between slices."""
        sources, targets = np.broadcast_arrays(np.asarray(sources, np.int64), np.asarray(targets, np.int64))
        (index, here), (other, there) = self._local(sources), self._local(targets)
        found = np.full(sources.shape, -1)
        for number, torus in enumerate(self.tori):
            chosen = (index == number) & (other == number)
            found[chosen] = torus.distance(here[chosen], there[chosen])
        return found

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """See `Topology.routes`."""
        sources, targets = self.pairs(sources, targets)
        (index, here), (other, there) = self._local(sources), self._local(targets)
        if np.any(index != other):
            wrong = np.flatnonzero(index != other)[0]
            raise UsageError(
                f"endpoints {sources[wrong]} and {targets[wrong]} are in slices {index[wrong]} and {other[wrong]}, "
                "which no link joins; place the job in one slice"
            )
        paths = np.full((len(sources), self.hops()), -1, np.int32)
        for number, (torus, start) in enumerate(zip(self.tori, self._starts.tolist(), strict=False)):
            rows = np.flatnonzero(index == number)
            part = torus.routes(here[rows], there[rows], hashes[rows])
            moved = part + start + (part >= torus.links) * (self.links - torus.links)
            paths[rows, : part.shape[1]] = np.where(part < 0, -1, moved)
        return paths


def slices(endpoints: int, given: Sequence[SliceDesign], link: float) -> Slices:
    """Slices that take all cubes of so many accelerators; `link` joins two neighbours [B/s].

    Raises:
        UsageError: dimensions that are not whole cubes, a cube that is missing, taken twice or left over.
    """
    if endpoints % CUBE**3:
        near = max(endpoints // CUBE**3, 1) * CUBE**3
        raise UsageError(
            f"{endpoints:,} accelerators are not whole cubes of {CUBE**3}; the nearest are {near:,} and "
            f"{near + CUBE**3:,}"
        )
    tori, cubes, free = list[Torus](), list[tuple[int, ...]](), _free(endpoints // CUBE**3, given)
    for index, wish in enumerate(given):
        if any(size % CUBE for size in wish.dimensions):
            near = [max(CUBE, round(size / CUBE) * CUBE) for size in wish.dimensions]
            raise UsageError(
                f"slice {index} of {' x '.join(map(str, wish.dimensions))} is not of whole cubes; write {near}"
            )
        tori.append(shaped(wish.dimensions, wish.twisted, math.prod(wish.dimensions), link))
        need = tori[-1].endpoints // CUBE**3
        cubes.append(wish.cubes or tuple(free[:need]))
        if len(cubes[-1]) != need:
            raise UsageError(f"slice {index} is of {need} cubes, and {len(cubes[-1])} are named or free; name {need}")
        free = free if wish.cubes else free[need:]
    if free:
        raise UsageError(f"{len(free)} of {endpoints // CUBE**3} cubes are in no slice: {free[:8]}; add a slice")
    count = sum(torus.links for torus in tori)
    return Slices("torus", endpoints, 1, (), (Bundle("torus", -1, -1, count, link),), tuple(tori), tuple(cubes))


def _free(cubes: int, given: Sequence[SliceDesign]) -> list[int]:
    """Cubes that no slice names."""
    named = [cube for wish in given for cube in wish.cubes or ()]
    for cube in named:
        if cube >= cubes:
            raise UsageError(f"cube {cube} does not exist: there are {cubes}, numbered 0 to {cubes - 1}")
    twice = [cube for cube in named if named.count(cube) > 1]
    if twice:
        raise UsageError(f"cube {twice[0]} is in two places; each cube takes one")
    return sorted(set(range(cubes)) - set(named))


def slice_size(topology: Topology) -> int:
    """Accelerators of the largest slice; all of them where there are no slices."""
    return max(torus.endpoints for torus in topology.tori) if isinstance(topology, Slices) else topology.endpoints


@dataclass(frozen=True)
class Circuits:
    """What the optical circuit switches are set to.

    Attributes:
        switches: circuit switches.
        ports: of each: two for every cube.
        link: each link that passes one [circuits].
        switch: the switch it passes [circuits].
        first, second: ports that are joined there: of the leaving face and of the entering face [circuits].
    """

    switches: int
    ports: int
    link: Ints
    switch: Ints
    first: Ints
    second: Ints


def circuits(topology: Torus | Slices) -> Circuits:
    """The circuits of a torus of whole cubes.

    Raises:
        UsageError: it is not of whole cubes.
    """
    tori = topology.tori if isinstance(topology, Slices) else (topology,)
    if any(torus.block != CUBE for torus in tori):
        raise UsageError(
            f"circuit switches join whole cubes of {CUBE} x {CUBE} x {CUBE}, and this torus is not of them"
        )
    links, switch = list[Ints](), list[Ints]()
    for torus, start in zip(tori, np.cumsum([0, *(torus.links for torus in tori)]).tolist(), strict=False):
        every = np.arange(torus.endpoints)
        places = torus.coordinates(every)
        for d in range(3):
            leaving = every[places[d] % CUBE == CUBE - 1]
            across = [places[k][leaving] % CUBE for k in range(3) if k != d]
            links.append(start + d * torus.endpoints + leaving)
            switch.append(d * CUBE**2 + across[0] * CUBE + across[1])
    link = np.concatenate(links)
    first, second = (end // CUBE**3 for end in topology.ends(0, link))
    return Circuits(
        3 * CUBE**2, 2 * topology.endpoints // CUBE**3, link, np.concatenate(switch), 2 * first, 2 * second + 1
    )

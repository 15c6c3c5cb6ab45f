"""The three-dimensional torus: each accelerator joined to its two neighbours in each dimension, without switches.

Large ones are built of cubes of 4 x 4 x 4 (Jouppi et al., "TPU v4", ISCA 2023, arXiv 2304.01433), and accelerators
are numbered cube by cube, so that a rack that holds a cube holds all of its inner links.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.network.topology.digits import digit
from firstlight.spec.fabric import TorusDesign
from firstlight.twin.protocols import Bundle, Hashes, Ints, Paths, Tier, Topology

CUBE = 4
MAX_STRETCH = 4.0
"""Longest dimension over the side of a cube of equal volume."""
_TURNS = 2
"""Turns of a twisted torus that the shortest way may take in each dimension, either way."""
_KEYS = 1 << 16
_LEAST_TWIST = 3


@final
@dataclass(frozen=True)
class Torus(Topology):
    """A torus of the given dimensions.

    Links are numbered dimension by dimension: one from each accelerator to its next neighbour; in a dimension of two
    there is one link between the two, in a dimension of one there is none.

    Attributes:
        dimensions: accelerators along each of the three.
        block: side of the cubes that accelerators are numbered by (1: plain rows).
        twisted: the wrap of a short dimension is shifted by half of each long one, which is twice as long (Camara et
            al., "Twisted torus topologies for enhanced interconnection networks", IEEE TPDS 21, 2010).
    """

    kind: str
    endpoints: int
    planes: int
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]
    dimensions: tuple[int, int, int]
    block: int
    twisted: bool = False

    def coordinates(self, endpoints: Ints) -> list[Ints]:
        """Position along each dimension; three arrays like `endpoints`."""
        cube, inside = np.divmod(endpoints, self.block**3)
        outer = np.unravel_index(cube, self._cubes)
        inner = np.unravel_index(inside, (self.block,) * 3)
        return [np.asarray(o * self.block + i, np.int64) for o, i in zip(outer, inner, strict=True)]

    def index(self, coordinates: list[Ints]) -> Ints:
        """Endpoint at each position; like each of the three arrays."""
        outer, inner = zip(*(np.divmod(c, self.block) for c in coordinates), strict=True)
        cube = np.ravel_multi_index(outer, self._cubes)
        return np.asarray(cube * self.block**3 + np.ravel_multi_index(inner, (self.block,) * 3), np.int64)

    @property
    def _cubes(self) -> tuple[int, ...]:
        return tuple(d // self.block for d in self.dimensions)

    @property
    def degree(self) -> float:
        """Links of one accelerator (6 where all dimensions are longer than two)."""
        return 2 * self.bundles[0].count / self.endpoints

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Both ends of some links: the accelerator and its next neighbour; see `Topology.ends`."""
        dimension, local = self._local(bundle, np.asarray(links, np.int64))
        lower, upper = np.zeros_like(local), np.zeros_like(local)
        for d, size in enumerate(self.dimensions):
            chosen = dimension == d
            here = self._first(d, size, local[chosen])
            there = self._move(d, here, np.ones(len(here[0]), bool))
            lower[chosen], upper[chosen] = self.index(here), self.index(there)
        return lower, upper

    def ports(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Port of each end: twice the dimension, plus one at the far end; each like `links`."""
        dimension, _ = self._local(bundle, np.asarray(links, np.int64))
        return 2 * dimension, 2 * dimension + 1

    def rings(self, links: Ints) -> tuple[Ints, Ints, Ints]:
        """Dimension, number and length of the ring that each link is part of; each like `links`. A twist that joins
        several rings to one is not seen."""
        dimension, _ = self._local(0, links)
        place = np.stack(self.coordinates(self.ends(0, links)[0]))
        place[dimension, np.arange(len(links))] = 0
        number = np.ravel_multi_index(tuple(place), self.dimensions) + dimension * self.endpoints
        return dimension, number, np.asarray(self.dimensions)[dimension]

    def along(self) -> NDArray[np.bool_]:
        """Whether each dimension has links."""
        return np.asarray(self.dimensions) > 1

    def links_each(self) -> int:
        """Links of each accelerator."""
        return sum(min(size - 1, 2) for size in self.dimensions)

    def _local(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Dimension of each link and its number there."""
        if bundle != 0:
            raise IndexError(f"a torus has one bundle of links, 0, not {bundle}")
        starts = np.cumsum([0, *(_links(self.endpoints, size) for size in self.dimensions)])
        dimension = np.searchsorted(starts, links, side="right") - 1
        return dimension, links - starts[dimension]

    def _first(self, d: int, size: int, local: Ints) -> list[Ints]:
        if size > 2:
            return self.coordinates(local)
        flat = tuple(1 if k == d else other for k, other in enumerate(self.dimensions))
        return [np.asarray(c, np.int64) for c in np.unravel_index(local, flat)]

    def bisection(self) -> float:
        """Bandwidth between two halves of the accelerators, one direction [B/s]: the least cut across a dimension."""
        if not self.twisted:
            longest = max(self.dimensions)
            return self.bundles[0].bandwidth * min(longest - 1, 2) * (self.endpoints // longest)
        lower, upper = self.ends(0, np.arange(self.links))
        halves = (
            c < size // 2 for c, size in zip(self.coordinates(np.arange(self.endpoints)), self.dimensions, strict=True)
        )
        return self.bundles[0].bandwidth * min(np.count_nonzero(half[lower] != half[upper]) for half in halves)

    def hops(self) -> int:
        """Links on the longest shortest path; every accelerator sees the others as the first does."""
        if self.twisted:
            return int(self.distance(np.zeros(1, np.int64), np.arange(self.endpoints)).max())
        return sum(size // 2 for size in self.dimensions)

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Links on the shortest path between pairs; like `sources`."""
        sources, targets = np.broadcast_arrays(np.asarray(sources, np.int64), np.asarray(targets, np.int64))
        steps = self._steps(sources, targets, np.zeros(sources.shape, np.uint64))
        return sum((np.abs(step) for step in steps), np.zeros_like(sources))

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """See `Topology.routes`: dimension after dimension, the shortest way round; among equal ones by the hash."""
        sources, targets = self.pairs(sources, targets)
        paths, used = np.full((len(sources), self.hops()), -1, np.int32), np.zeros(len(sources), np.int64)
        here = self.coordinates(sources)
        for d, steps in enumerate(self._steps(sources, targets, hashes)):
            for step in range(np.abs(steps).max(initial=0)):
                rows = np.flatnonzero(np.abs(steps) > step)
                at, forward = [c[rows] for c in here], steps[rows] > 0
                paths[rows, used[rows]] = self._hop(d, at, forward)
                for k, moved in enumerate(self._move(d, at, forward)):
                    here[k][rows] = moved
                used[rows] += 1
        return paths

    def _steps(self, sources: Ints, targets: Ints, hashes: Hashes) -> list[Ints]:
        """Signed steps along each dimension of one shortest path; three arrays like `sources`."""
        gaps = [b - a for a, b in zip(self.coordinates(sources), self.coordinates(targets), strict=True)]
        if self.twisted:
            return self._twisted_steps(gaps, hashes)
        steps = list[Ints]()
        for d, size in enumerate(self.dimensions):
            ahead = gaps[d] % size
            tie = (2 * ahead == size) & ((hashes >> np.uint64(d)) & np.uint64(1)).astype(bool)
            steps.append(np.where((2 * ahead <= size) & ~tie, ahead, ahead - size))
        return steps

    def _twisted_steps(self, gaps: list[Ints], hashes: Hashes) -> list[Ints]:
        """The shortest of the ways to all images of the target under the lattice that the torus is wrapped by."""
        best, steps = np.full(gaps[0].shape, np.iinfo(np.int64).max), [np.zeros_like(gap) for gap in gaps]
        for image, turns in enumerate(itertools.product(range(-_TURNS, _TURNS + 1), repeat=3)):
            ways = [gap.copy() for gap in gaps]
            for d, turn in enumerate(turns):
                for k, shift in enumerate(self._shift(d)):
                    ways[k] += turn * (self.dimensions[d] if k == d else -shift)
            score = sum((np.abs(way) for way in ways), np.zeros_like(best)) * _KEYS
            score += digit(hashes, image, np.asarray(_KEYS))
            better = score < best
            best = np.where(better, score, best)
            steps = [np.where(better, way, old) for way, old in zip(ways, steps, strict=True)]
        return steps

    def _shift(self, d: int) -> tuple[int, int, int]:
        """How far the wrap of a dimension is shifted along each: half of the long ones, where it is a short one."""
        longest = max(self.dimensions)
        short = self.twisted and self.dimensions[d] < longest
        first, second, third = (longest // 2 if short and size == longest else 0 for size in self.dimensions)
        return first, second, third

    def _move(self, d: int, at: list[Ints], forward: NDArray[np.bool_]) -> list[Ints]:
        """The neighbour of each position one step along dimension d."""
        step = np.where(forward, 1, -1)
        wrapped = (at[d] + step) // self.dimensions[d]
        moved = (
            c + (step if k == d else shift * wrapped)
            for k, (c, shift) in enumerate(zip(at, self._shift(d), strict=True))
        )
        return [c % size for c, size in zip(moved, self.dimensions, strict=True)]

    def _hop(self, d: int, at: list[Ints], forward: NDArray[np.bool_]) -> Ints:
        """Directed link from each position one step along dimension d."""
        size = self.dimensions[d]
        start = sum(_links(self.endpoints, other) for other in self.dimensions[:d])
        if size > 2:
            back = self._move(d, at, np.zeros_like(forward))
            first = [np.where(forward, c, b) for c, b in zip(at, back, strict=True)]
            return start + self.index(first) + np.where(forward, 0, self.links)
        flat = tuple(1 if k == d else other for k, other in enumerate(self.dimensions))
        local = np.ravel_multi_index([np.zeros_like(c) if k == d else c for k, c in enumerate(at)], flat)
        return np.asarray(start + local + np.where(at[d] == 0, 0, self.links), np.int64)


def torus(endpoints: int, endpoints_per_node: int, link: float, given: TorusDesign | None = None) -> Torus:
    """The torus that is asked for, or the one nearest to a cube; `link` joins two neighbours [B/s].

    Raises:
        UsageError: the count makes no compact torus; names the nearest whole nodes that do. Or dimensions that are not
            the count, or cannot be twisted.
    """
    if given and given.dimensions:
        return shaped(given.dimensions, given.twisted, endpoints, link)
    dimensions, block = _dimensions(endpoints)
    if not _compact(dimensions):
        low, high = (_nearest(endpoints, step * endpoints_per_node) for step in (-1, 1))
        shape = " x ".join(map(str, dimensions))
        raise UsageError(
            f"{endpoints:,} accelerators make no compact torus (the best is {shape}); "
            f"the nearest counts that do are {low:,} and {high:,}"
        )
    return _made(dimensions, block, given is not None and given.twisted, link)


def shaped(dimensions: tuple[int, int, int], twisted: bool, endpoints: int, link: float) -> Torus:
    """The torus of these dimensions, numbered cube by cube where it is of whole cubes.

    Raises:
        UsageError: its volume is not the count, or it cannot be twisted.
    """
    if math.prod(dimensions) != endpoints:
        a, b, c = _dimensions(endpoints)[0]
        raise UsageError(
            f"a torus of {' x '.join(map(str, dimensions))} joins {math.prod(dimensions):,} accelerators, and there "
            f"are {endpoints:,}; write dimensions: [{a}, {b}, {c}], or other accelerators"
        )
    return _made(dimensions, CUBE if all(size % CUBE == 0 for size in dimensions) else 1, twisted, link)


def _made(dimensions: tuple[int, int, int], block: int, twisted: bool, link: float) -> Torus:
    short, longest = min(dimensions), max(dimensions)
    if twisted and (set(dimensions) != {short, 2 * short} or longest != 2 * short or short < _LEAST_TWIST):
        raise UsageError(
            f"a torus of {' x '.join(map(str, dimensions))} cannot be twisted: the long dimensions are twice the short "
            f"ones, which are at least {_LEAST_TWIST}; such are k x k x 2k and k x 2k x 2k"
        )
    endpoints = math.prod(dimensions)
    count = sum(_links(endpoints, size) for size in dimensions)
    bundle = Bundle("torus", -1, -1, count, link)
    return Torus("torus", endpoints, 1, (), (bundle,), dimensions, block, twisted)


def _links(endpoints: int, size: int) -> int:
    return endpoints * min(size - 1, 2) // 2


def _compact(dimensions: tuple[int, int, int]) -> bool:
    return max(dimensions) <= MAX_STRETCH * math.prod(dimensions) ** (1 / 3)


def _dimensions(endpoints: int) -> tuple[tuple[int, int, int], int]:
    """Dimensions in rising order, of whole cubes where the count allows a compact torus of them, and the block."""
    if endpoints % CUBE**3 == 0:
        a, b, c = _factors(endpoints // CUBE**3)
        cubes = (CUBE * a, CUBE * b, CUBE * c)
        if _compact(cubes):
            return cubes, CUBE
    return _factors(endpoints), 1


def _factors(count: int) -> tuple[int, int, int]:
    """Three factors as near to each other as there are."""
    divisors = [d for d in range(1, math.isqrt(count) + 1) if count % d == 0]
    pairs = ((a, b) for a, b in itertools.combinations_with_replacement(divisors, 2) if count % (a * b) == 0)
    best = min(pairs, key=lambda ab: (max(ab[1], count // (ab[0] * ab[1])), sum(ab) + count // (ab[0] * ab[1])))
    a, b, c = sorted((*best, count // math.prod(best)))
    return a, b, c


def _nearest(endpoints: int, stride: int) -> int:
    """The next count of whole nodes in one direction that makes a compact torus."""
    return max(compact(endpoints // abs(stride) * abs(stride) + stride, stride), 1)


def compact(count: int, stride: int) -> int:
    """The first count from `count` on, in strides of either sign, that makes a compact torus; 0 where none is left."""
    while count > 1 and not _compact(_dimensions(count)[0]):
        count += stride
    return max(count, 0)

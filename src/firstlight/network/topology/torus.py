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
from firstlight.twin.protocols import Bundle, Hashes, Ints, Paths, Tier, Topology

CUBE = 4
MAX_STRETCH = 4.0
"""Longest dimension over the side of a cube of equal volume."""


@final
@dataclass(frozen=True)
class Torus(Topology):
    """A torus of the given dimensions.

    Links are numbered dimension by dimension: one from each accelerator to its next neighbour; in a dimension of two
    there is one link between the two, in a dimension of one there is none.

    Attributes:
        dimensions: accelerators along each of the three.
        block: side of the cubes that accelerators are numbered by (1: plain rows).
    """

    kind: str
    endpoints: int
    planes: int
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]
    dimensions: tuple[int, int, int]
    block: int

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
            there = [(c + 1) % size if k == d else c for k, c in enumerate(here)]
            lower[chosen], upper[chosen] = self.index(here), self.index(there)
        return lower, upper

    def ports(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Port of each end: twice the dimension, plus one at the far end; each like `links`."""
        dimension, _ = self._local(bundle, np.asarray(links, np.int64))
        return 2 * dimension, 2 * dimension + 1

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
        """Bandwidth between two halves of the accelerators, one direction [B/s]: a cut across the longest dimension."""
        longest = max(self.dimensions)
        return self.bundles[0].bandwidth * min(longest - 1, 2) * (self.endpoints // longest)

    def hops(self) -> int:
        """Links on the longest shortest path."""
        return sum(size // 2 for size in self.dimensions)

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Links on the shortest path between pairs; like `sources`."""
        pairs = zip(
            self.coordinates(np.asarray(sources)), self.coordinates(np.asarray(targets)), self.dimensions, strict=True
        )
        steps = ((np.abs(a - b), size) for a, b, size in pairs)
        return sum((np.minimum(step, size - step) for step, size in steps), np.zeros_like(sources))

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """See `Topology.routes`: dimension after dimension, the shorter way round; half-way by a digit of the hash."""
        sources, targets = self.pairs(sources, targets)
        here, there = self.coordinates(sources), self.coordinates(targets)
        paths, used = np.full((len(sources), self.hops()), -1, np.int32), np.zeros(len(sources), np.int64)
        for d, size in enumerate(self.dimensions):
            ahead = (there[d] - here[d]) % size
            tie = (2 * ahead == size) & ((hashes >> np.uint64(d)) & np.uint64(1)).astype(bool)
            forward = (2 * ahead <= size) & ~tie
            steps = np.minimum(ahead, size - ahead)
            for step in range(size // 2):
                rows = np.flatnonzero(steps > step)
                at = [c[rows] for c in here]
                paths[rows, used[rows]] = self._hop(d, at, forward[rows])
                here[d][rows] = (at[d] + np.where(forward[rows], 1, -1)) % size
                used[rows] += 1
        return paths

    def _hop(self, d: int, at: list[Ints], forward: NDArray[np.bool_]) -> Ints:
        """Directed link from each position one step along dimension d."""
        size = self.dimensions[d]
        start = sum(_links(self.endpoints, other) for other in self.dimensions[:d])
        if size > 2:
            first = [np.where(forward, c, (c - 1) % size) if k == d else c for k, c in enumerate(at)]
            return start + self.index(first) + np.where(forward, 0, self.links)
        flat = tuple(1 if k == d else other for k, other in enumerate(self.dimensions))
        local = np.ravel_multi_index([np.zeros_like(c) if k == d else c for k, c in enumerate(at)], flat)
        return np.asarray(start + local + np.where(at[d] == 0, 0, self.links), np.int64)


def torus(endpoints: int, endpoints_per_node: int, link: float) -> Torus:
    """The torus nearest to a cube; `link` joins two neighbours [B/s].

    Raises:
        UsageError: the count makes no compact torus; names the nearest whole nodes that do.
    """
    dimensions, block = _dimensions(endpoints)
    if not _compact(dimensions):
        low, high = (_nearest(endpoints, step * endpoints_per_node) for step in (-1, 1))
        shape = " x ".join(map(str, dimensions))
        raise UsageError(
            f"{endpoints:,} accelerators make no compact torus (the best is {shape}); "
            f"the nearest counts that do are {low:,} and {high:,}"
        )
    count = sum(_links(endpoints, size) for size in dimensions)
    bundle = Bundle("torus", -1, -1, count, link)
    return Torus("torus", endpoints, 1, (), (bundle,), dimensions, block)


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

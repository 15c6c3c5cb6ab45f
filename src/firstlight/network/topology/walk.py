"""Walks up and down a folded Clos network, compiled; imported where it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from firstlight.network.topology.stages import Shape
from firstlight.twin.protocols import Hashes, Ints, Paths

compiled: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(cache=True, nogil=True)
"""Compile a function, and keep it on disk."""

GROUPS, LOWER, UP, UPPER, BELOW, WIDTH, FIRST = range(7)
"""Columns of `stages`: see `Stage`; leaves and lower switches of one part that the stage joins; first link."""


def stages(shape: Shape, offsets: tuple[int, ...]) -> Ints:
    """What the walk needs of each stage, lowest first [stages, 7]."""
    widths = (1, *(stage.upper for stage in shape.stages[:-1]))
    rows = [
        (s.groups, s.lower, s.up, s.upper, below, width, first)
        for s, below, width, first in zip(shape.stages, shape.leaves_below, widths, offsets[1:], strict=False)
    ]
    return np.array(rows, np.int64).reshape(len(rows), 7)


@compiled
def digit(value: Any, level: int, base: int) -> Any:
    """An even draw from 0 to base - 1, other for each level: the mixer of SplitMix64 (Steele et al., OOPSLA 2014)."""
    x = np.uint64(value) + np.uint64(level + 1) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(((x >> np.uint64(32)) * np.uint64(base)) >> np.uint64(32))


@compiled
def walk(
    sources: Ints, targets: Ints, rails: Ints, leaves: Ints, others: Ints, hashes: Hashes,
    stages: Ints, counts: Ints, paths: Paths,
) -> None:  # fmt: skip
    """Fill `paths`; `counts` are endpoints, planes, rails and links; the rest as in `Switched.routes`."""
    endpoints, planes, rail_count, links = counts
    height = stages.shape[0]
    for f in range(sources.size):
        paths[f] = -1
        if sources[f] == targets[f]:
            continue
        h = hashes[f]
        plane = digit(h, 0, planes) if planes > 1 else 0
        network = plane * rail_count + rails[f]
        paths[f, 0] = plane * endpoints + sources[f]
        switch, n, s = leaves[f], 1, 0
        while s < height and leaves[f] // stages[s, BELOW] != others[f] // stages[s, BELOW]:
            stage = stages[s]
            group, local = divmod(switch, stage[LOWER])
            link = local * stage[UP] + digit(h, 1 + s, stage[UP])
            base = (network * stage[GROUPS] + group) * stage[LOWER] * stage[UP]
            paths[f, n] = stage[FIRST] + base + link
            switch = group * stage[UPPER] + link % stage[UPPER]
            n, s = n + 1, s + 1
        while s > 0:
            s -= 1
            stage = stages[s]
            group, local = divmod(switch, stage[UPPER])
            block = stage[WIDTH] * stage[UP]
            start = (others[f] // stage[BELOW]) * block - group * stage[LOWER] * stage[UP]
            skip = (local - start) % stage[UPPER]
            parallel = (block - 1 - skip) // stage[UPPER] + 1
            link = start + skip + stage[UPPER] * digit(h, 1 + height + s, parallel)
            base = (network * stage[GROUPS] + group) * stage[LOWER] * stage[UP]
            paths[f, n] = links + stage[FIRST] + base + link
            switch = group * stage[LOWER] + link // stage[UP]
            n += 1
        paths[f, n] = links + plane * endpoints + targets[f]

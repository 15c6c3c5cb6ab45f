"""Walks in a folded Clos network of which some links are down, compiled: each switch draws evenly from its links that
lead on to the target; imported where it is used.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firstlight.network.topology.walk import BELOW, FIRST, GROUPS, LOWER, UP, UPPER, WIDTH, compiled, digit
from firstlight.twin.protocols import Hashes, Ints, Paths

TRIES = 16
"""Draws before the links that lead on are counted."""


class Left(NamedTuple):
    """A network and the links of it that are down.

    Attributes:
        stages: see `walk.stages`.
        down: directed links [2 * links].
        endpoints, planes, rails, links: counts.
    """

    stages: Ints
    down: NDArray[np.bool_]
    endpoints: int
    planes: int
    rails: int
    links: int


@compiled
def _above(f: Left, network: int, s: int, switch: int, port: int) -> tuple[int, int]:
    """Directed link behind an uplink port of a lower switch of stage s, and the switch it leads to."""
    stage = f.stages[s]
    group, local = divmod(switch, stage[LOWER])
    link = local * stage[UP] + port
    base = (network * stage[GROUPS] + group) * stage[LOWER] * stage[UP]
    return stage[FIRST] + base + link, group * stage[UPPER] + link % stage[UPPER]


@compiled
def _parallel(f: Left, s: int, switch: int, other: int) -> tuple[int, int]:
    """Links from an upper switch of stage s into the part that holds leaf `other`: the first, and how many."""
    stage = f.stages[s]
    group, local = divmod(switch, stage[UPPER])
    block = stage[WIDTH] * stage[UP]
    start = (other // stage[BELOW]) * block - group * stage[LOWER] * stage[UP]
    skip = (local - start) % stage[UPPER]
    return start + skip, (block - 1 - skip) // stage[UPPER] + 1


@compiled
def _below(f: Left, network: int, s: int, switch: int, other: int, k: int) -> tuple[int, int]:
    """The k-th of these links, directed, and the switch it leads to."""
    stage = f.stages[s]
    group = switch // stage[UPPER]
    link = _parallel(f, s, switch, other)[0] + stage[UPPER] * k
    base = (network * stage[GROUPS] + group) * stage[LOWER] * stage[UP]
    return f.links + stage[FIRST] + base + link, group * stage[LOWER] + link // stage[UP]


@compiled
def _descends(f: Left, network: int, s: int, switch: int, other: int) -> bool:
    """Whether a way down is left from an upper switch of stage s to leaf `other`."""
    for k in range(_parallel(f, s, switch, other)[1]):
        link, lower = _below(f, network, s, switch, other, k)
        if not f.down[link] and (s == 0 or _descends(f, network, s - 1, lower, other)):
            return True
    return False


@compiled
def _joined(f: Left, s: int, leaf: int, other: int) -> bool:
    """Whether two leaves are in the same group of stage s."""
    below = f.stages[s, BELOW] * (f.stages[s, LOWER] // f.stages[s, WIDTH])
    return leaf // below == other // below


@compiled
def _climbs(f: Left, network: int, s: int, switch: int, leaf: int, other: int) -> bool:
    """Whether a way up, over and down is left from a lower switch of stage s."""
    for port in range(f.stages[s, UP]):
        link, upper = _above(f, network, s, switch, port)
        if f.down[link]:
            continue
        if _joined(f, s, leaf, other):
            if _descends(f, network, s, upper, other):
                return True
        elif _climbs(f, network, s + 1, upper, leaf, other):
            return True
    return False


@compiled
def _leads(f: Left, network: int, s: int, switch: int, leaf: int, other: int, up: bool, k: int) -> bool:
    """Whether the k-th link of a switch, up or down, leads on to leaf `other`."""
    if up:
        link, upper = _above(f, network, s, switch, k)
        if f.down[link]:
            return False
        return _descends(f, network, s, upper, other) if _joined(f, s, leaf, other) else _climbs(
            f, network, s + 1, upper, leaf, other)  # fmt: skip
    link, lower = _below(f, network, s, switch, other, k)
    return not f.down[link] and (s == 0 or _descends(f, network, s - 1, lower, other))


@compiled
def _draw(f: Left, network: int, s: int, switch: int, leaf: int, other: int, up: bool, h: np.uint64) -> int:
    """An even draw among the links of a switch that lead on, -1 where none does; the healthy draw if it does."""
    height = f.stages.shape[0]
    level, base = (1 + s, f.stages[s, UP]) if up else (1 + height + s, _parallel(f, s, switch, other)[1])
    for attempt in range(TRIES):
        k = digit(h, level + attempt * (2 * height + 1), base)
        if _leads(f, network, s, switch, leaf, other, up, k):
            return k
    open_links = 0
    for k in range(base):
        open_links += _leads(f, network, s, switch, leaf, other, up, k)
    if open_links == 0:
        return -1
    chosen = digit(h, level + TRIES * (2 * height + 1), open_links)
    for k in range(base):
        if _leads(f, network, s, switch, leaf, other, up, k):
            if chosen == 0:
                return k
            chosen -= 1
    return -1


@compiled
def _plane_leads(f: Left, plane: int, rail: int, source: int, target: int, leaf: int, other: int) -> bool:
    """Whether a plane still joins two endpoints."""
    base = plane * f.endpoints
    if f.down[base + source] or f.down[f.links + base + target]:
        return False
    return leaf == other or _climbs(f, plane * f.rails + rail, 0, leaf, leaf, other)


@compiled
def _plane(f: Left, rail: int, source: int, target: int, leaf: int, other: int, h: np.uint64) -> int:
    """An even draw among the planes that still join two endpoints, -1 where none does."""
    first = digit(h, 0, f.planes) if f.planes > 1 else 0
    if _plane_leads(f, first, rail, source, target, leaf, other):
        return first
    open_planes = 0
    for plane in range(f.planes):
        open_planes += _plane_leads(f, plane, rail, source, target, leaf, other)
    chosen = digit(h, 2 * f.stages.shape[0] + 1, open_planes) if open_planes > 0 else 0
    for plane in range(f.planes):
        if _plane_leads(f, plane, rail, source, target, leaf, other):
            if chosen == 0:
                return plane
            chosen -= 1
    return -1


@compiled
def walk_left(
    f: Left, sources: Ints, targets: Ints, rails: Ints, leaves: Ints, others: Ints, hashes: Hashes, paths: Paths
) -> None:
    """Fill `paths`; rows of -1 where no way is left. As `walk.walk`."""
    for i in range(sources.size):
        paths[i] = -1
        leaf, other, h = leaves[i], others[i], hashes[i]
        if sources[i] == targets[i]:
            continue
        plane = _plane(f, rails[i], sources[i], targets[i], leaf, other, h)
        if plane < 0:
            continue
        network, switch, n, s = plane * f.rails + rails[i], leaf, 1, 0
        paths[i, 0] = plane * f.endpoints + sources[i]
        climbing = leaf != other
        while climbing:
            paths[i, n], switch_above = _above(
                f, network, s, switch, _draw(f, network, s, switch, leaf, other, True, h))  # fmt: skip
            climbing, switch = not _joined(f, s, leaf, other), switch_above
            n, s = n + 1, s + 1
        while s > 0:
            s -= 1
            k = _draw(f, network, s, switch, leaf, other, False, h)
            paths[i, n], switch = _below(f, network, s, switch, other, k)
            n += 1
        paths[i, n] = f.links + plane * f.endpoints + targets[i]

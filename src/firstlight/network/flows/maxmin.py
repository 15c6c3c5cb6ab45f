"""Max-min fair rates of flows that all are under way (Bertsekas and Gallager, Data Networks, section 6.5.2).

Water-filling at many links at once: a link whose share, what is left of it over its flows left, is nowhere undercut
on its flows' paths is their bottleneck, and these flows are done; repeated on the rest until none is left.
"""

from __future__ import annotations

import numpy as np

from firstlight.network.flows.compiled import routine
from firstlight.network.flows.reduce import BOUNDLESS, fillable
from firstlight.twin.protocols import Floats, Paths

TIE = 1e-12
"""Shares this close, relatively, are the same."""


def rates(routes: Paths, capacity: Floats, cap: Floats | None = None) -> Floats:
    """Max-min fair rate of each flow [flows] [B/s]; infinite where a flow has neither a link nor a cap.

    Args:
        routes: directed links of each flow, -1 behind the last [flows, longest].
        capacity: of each link [links] [B/s].
        cap: a limit on each flow's own rate [flows] [B/s].

    Raises:
        UsageError: a route uses a link without capacity.
    """
    left = fillable(routes, capacity, cap)
    found = fill(left.paths, left.capacity, left.cap)
    found[found >= BOUNDLESS] = np.inf
    return found


@routine
def fill(paths: Paths, capacity: Floats, cap: Floats) -> Floats:
    """Rates [flows] [B/s] of `Fillable` paths."""
    found, rest = np.empty(len(paths)), capacity.copy()
    flows, users = np.arange(len(paths)).astype(np.int32), np.zeros(capacity.size, np.int32)
    share, level = np.empty(capacity.size), np.zeros(capacity.size, np.bool_)
    for f in range(len(paths)):
        for link in paths[f]:
            if link < 0:
                break
            users[link] += 1
    left = flows.size
    while left > 0:
        for link in range(capacity.size):
            share[link] = max(rest[link], 0.0) / max(users[link], 1)
            level[link] = True
        for i in range(left):
            _undercut(paths[flows[i]], cap[flows[i]], share, level)
        left = _freeze(paths, cap, share, level, found, rest, users, flows, left)
    return found


@routine
def _undercut(path: Paths, cap: float, share: Floats, level: Paths) -> None:
    """A link with more than the least share on a flow's path is not the bottleneck of all of its flows."""
    least = cap
    for link in path:
        if link < 0:
            break
        least = min(least, share[link])
    for link in path:
        if link < 0:
            break
        if share[link] > least * (1 + TIE):
            level[link] = False


@routine
def _freeze(
    paths: Paths, cap: Floats, share: Floats, level: Paths, found: Floats, rest: Floats, users: Paths, flows: Paths,
    left: int,
) -> int:  # fmt: skip
    """Flows with a bottleneck get its share; how many are left, at the front of `flows`."""
    kept = 0
    for i in range(left):
        f = flows[i]
        rate, least = -1.0, cap[f]
        for link in paths[f]:
            if link < 0:
                break
            least = min(least, share[link])
            if level[link]:
                rate = share[link]
        if cap[f] <= least:
            rate = cap[f]
        if rate < 0:
            flows[kept] = f
            kept += 1
            continue
        found[f] = rate
        for link in paths[f]:
            if link < 0:
                break
            rest[link] -= rate
            users[link] -= 1
    return kept

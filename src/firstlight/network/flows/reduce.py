"""Links that can never fill bind nobody: what is left of paths without them, compiled.

A flow is never faster than the slowest link on its path (its cap). A link whose flows' caps together are within its
capacity is dropped: the NIC of a single sender, the trunks of a non-blocking fabric, uplinks that one flow has alone.
Where many flows share few links, so is a link that the others on the same paths keep from filling (`implied`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.network.flows.compiled import routine
from firstlight.network.flows.implied import implied
from firstlight.twin.protocols import Floats, Paths

BOUNDLESS = 1e30
"""Rate [B/s] of a flow without a link, which ends at once; finite, so that it multiplies with 0 s."""
ROUNDING = 1e-9
SHARED = 4
"""Flows for each link from which on it pays to look for implied links."""


class Fillable(NamedTuple):
    """Paths over the links that can fill, renumbered in the order of their first use.

    Attributes:
        paths: [flows, longest].
        capacity: of the links [links] [B/s].
        cap: greatest rate of each flow [flows] [B/s].
    """

    paths: Paths
    capacity: Floats
    cap: Floats


def fillable(routes: Paths, capacity: Floats, cap: Floats | None = None) -> Fillable:
    """Drop the links that can never fill.

    Args:
        routes: directed links of each flow, -1 behind the last [flows, longest].
        capacity: of each link [links] [B/s].
        cap: a limit on each flow's own rate [flows] [B/s].

    Raises:
        UsageError: a route uses a link without capacity.
    """
    caps = np.full(len(routes), BOUNDLESS) if cap is None else np.minimum(cap, BOUNDLESS)
    paths, left = np.empty_like(routes), np.empty(len(capacity))
    number = np.full(len(capacity), -1, np.int32)
    dead, used, longest = _reduce(routes, np.asarray(capacity, np.float64), caps, paths, number, left)
    if dead >= 0:
        link = next(link for link in routes[dead] if link >= 0 and not capacity[link] > 0)
        raise UsageError(f"flow {dead} takes the directed link {link}, which is down; route around it")
    found = Fillable(np.ascontiguousarray(paths[:, : max(longest, 1)]), left[:used].copy(), caps)
    return _without(found, implied(*found)) if 0 < used * SHARED <= len(routes) else found


def _without(flows: Fillable, dropped: NDArray[np.bool_]) -> Fillable:
    """The same without some of its links."""
    number = np.where(dropped, -1, np.cumsum(~dropped) - 1).astype(np.int32)
    paths = np.where(flows.paths >= 0, number[flows.paths], -1)
    paths = np.take_along_axis(paths, np.argsort(paths < 0, axis=1, kind="stable"), axis=1)
    longest = int(np.count_nonzero(paths >= 0, axis=1).max(initial=0))
    return Fillable(np.ascontiguousarray(paths[:, : max(longest, 1)]), flows.capacity[~dropped], flows.cap)


@routine
def _reduce(
    routes: Paths, capacity: Floats, caps: Floats, paths: Paths, number: Paths, left: Floats
) -> tuple[int, int, int]:
    """Fill `paths`, `number` and `left`; a flow over a dead link or -1, the links left, the longest path left."""
    flows, longest = routes.shape
    wanted = np.zeros(capacity.size)
    for f in range(flows):
        for j in range(longest):
            if routes[f, j] >= 0:
                caps[f] = min(caps[f], capacity[routes[f, j]])
        if caps[f] <= 0:
            return f, 0, 0
        for j in range(longest):
            if routes[f, j] >= 0:
                wanted[routes[f, j]] += caps[f]
    used = most = 0
    for f in range(flows):
        kept = 0
        for j in range(longest):
            link = routes[f, j]
            if link < 0 or wanted[link] <= capacity[link] * (1 + ROUNDING):
                continue
            if number[link] < 0:
                number[link] = used
                left[used] = capacity[link]
                used += 1
            paths[f, kept] = number[link]
            kept += 1
        most = max(most, kept)
        for j in range(kept, longest):
            paths[f, j] = -1
    return -1, used, most

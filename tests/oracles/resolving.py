"""Max-min fair rates by filling all flows at once; completion times by solving again at every event. Slow and plain."""

from __future__ import annotations

import numpy as np


def incidence(routes: np.ndarray, links: int) -> np.ndarray:
    """Whether a flow takes a link [flows, links]."""
    taken = np.zeros((len(routes), links + 1))
    np.put_along_axis(taken, np.where(routes >= 0, routes, links), 1.0, axis=1)
    return taken[:, :links]


def progressive(taken: np.ndarray, capacity: np.ndarray) -> np.ndarray:
    """Raise all rates together; flows over a link that is full stop (Bertsekas and Gallager, section 6.5.2)."""
    rates, rising = np.zeros(len(taken)), np.ones(len(taken), bool)
    while rising.any():
        room, users = capacity - rates @ taken, rising.astype(float) @ taken
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(users > 0, room / users, np.inf)
        rates[rising] += step.min()
        full = (step <= step.min() * (1 + 1e-9) + 1e-12 * capacity) & (users > 0)
        rising &= ~(taken[:, full] > 0).any(axis=1)
    return rates


def completion(
    routes: np.ndarray,
    capacity: np.ndarray,
    size: np.ndarray,
    start: np.ndarray,
    earlier: list[list[int]],
    delay: float,
) -> np.ndarray:
    """When each flow ends; it starts when all `earlier` ones have ended."""
    taken, now, flows = incidence(routes, len(capacity)), 0.0, len(size)
    left, end, ready = size.astype(float), np.full(flows, np.inf), np.full(flows, np.inf)
    for f in range(flows):
        ready[f] = start[f] if not earlier[f] else np.inf
    done = np.zeros(flows, bool)
    while not done.all():
        under_way = ~done & (ready <= now * (1 + 1e-12))
        rates = np.zeros(flows)
        if under_way.any():
            rates[under_way] = progressive(taken[under_way], capacity)
        spans = left[under_way] / rates[under_way]
        nexts = ready[~done & ~under_way] - now
        step = min(spans.min(initial=np.inf), nexts.min(initial=np.inf))
        left -= rates * step
        now += step
        ended = under_way & (left <= 1e-9 * size)
        end[ended], done[ended] = now + delay, True
        for f in np.flatnonzero(~done & np.isinf(ready)):
            if all(done[g] for g in earlier[f]):
                ready[f] = max(start[f], max(end[g] for g in earlier[f]))
    return end

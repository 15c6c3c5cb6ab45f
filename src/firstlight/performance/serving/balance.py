"""How unevenly routed tokens load expert-parallel ranks, and what second copies of the busiest experts mend."""

from __future__ import annotations

from functools import cache

import numpy as np

from firstlight.twin.protocols import Floats, Ints

DRAWS, SEED = 64, 20260101
"""Draws of which expert is busy, the same for all cases: a quadrature, not noise."""


def imbalance(experts: int, ranks: Ints, redundant: Ints, skew: float) -> Floats:
    """Tokens of the busiest rank over those of the mean one (n,): 1 where experts are loaded evenly.

    Args:
        experts: of a layer. ranks: that they are spread over. redundant: second and further copies beside them.
        skew: standard deviation of the experts' loads over their mean, log-normal.

    Without copies, experts stand on ranks in any order. Copies go, one after the other, to the expert with the most
    load a copy, and are then packed the heaviest first on the rank with the least load that has a place (DeepSeek's
    EPLB, github.com/deepseek-ai/EPLB).
    """
    if not skew:
        return np.ones(len(ranks))
    kinds, back = np.unique(np.stack([ranks, redundant]), axis=1, return_inverse=True)
    found = [_busiest(experts, int(spread), int(copies), float(skew)) for spread, copies in kinds.T]
    return np.asarray(found)[back.ravel()]


@cache
def _busiest(experts: int, ranks: int, redundant: int, skew: float) -> float:
    if ranks == 1:
        return 1.0
    sigma = np.sqrt(np.log1p(skew**2))
    loads = np.random.default_rng(SEED).lognormal(-(sigma**2) / 2.0, sigma, (DRAWS, experts))
    loads /= loads.mean(axis=1, keepdims=True)
    if not redundant:
        spread = loads[:, : experts // ranks * ranks].reshape(DRAWS, ranks, -1).sum(axis=2)
        return float((spread.max(axis=1) / spread.mean(axis=1)).mean())
    return float(np.mean([_packed(one, ranks, redundant) for one in loads]))


def _packed(loads: Floats, ranks: int, redundant: int) -> float:
    """The busiest rank over the mean with so many copies more."""
    copies = np.ones(len(loads))
    for _ in range(redundant):
        copies[np.argmax(loads / copies)] += 1
    each = np.sort(np.repeat(loads / copies, copies.astype(int)))[::-1]
    total, places = np.zeros(ranks), np.full(ranks, -(-len(each) // ranks))
    for load in each:
        least = int(np.argmin(np.where(places > 0, total, np.inf)))
        total[least] += load
        places[least] -= 1
    return float(total.max() / total.mean())

"""The lottery of hashed paths: what several queue pairs of each NIC get out of a permutation or a ring.

A flow that enters a bundle of u parallel links takes each with chance 1/u, and keeps it. The fullest of all links sets
the pace. The chance that no link holds more than m flows is the product over all links of the binomial distribution,
as if they were independent; draws of real paths agree within a few per cent. Where the links of a bundle do not spread
evenly over the switches above (9 spines for 11 uplinks) real draws are worse than this: count them on `route`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight.network.topology.base import Switched
from firstlight.twin.protocols import Floats, Ints

QUANTILES = (0.1, 0.5, 0.9)
SPREAD, LEAST = 12, 24
"""Flows on a link that are looked at: standard deviations above the mean, and so many more."""


@dataclass(frozen=True)
class Lottery:
    """The fullest link of a pattern.

    Attributes:
        flows: a number of flows [m].
        chance: that no link holds more than so many [m].
        pairs: queue pairs of each NIC.
        planes: links of a NIC, which the queue pairs are spread over, too.
    """

    flows: Ints
    chance: Floats
    pairs: int
    planes: int

    def largest(self, quantile: float) -> int:
        """Flows on the fullest link, at a quantile."""
        return int(self.flows[np.searchsorted(self.chance, quantile)])

    @property
    def effective(self) -> tuple[float, float, float]:
        """Share of its bandwidth that the slowest NIC gets: P10, P50, P90."""
        low, mid, high = (min(self.pairs / self.planes / max(self.largest(1 - q), 1), 1.0) for q in QUANTILES)
        return low, mid, high


def lottery(topology: Switched, sources: Ints, targets: Ints, pairs: int = 1) -> Lottery:
    """The fullest link when each source keeps so many equal flows to its target, on paths of their own.

    Raises:
        UsageError: an endpoint does not exist, or two have no path between them.
    """
    flows, widths, times = _bundles(topology, sources, targets, pairs)
    means = flows / widths
    most = int(np.ceil((means + SPREAD * np.sqrt(means)).max(initial=0.0))) + LEAST
    chance = np.exp(_log_below(flows, 1 / widths, most).T @ (times * widths))
    return Lottery(np.arange(most + 1), chance, pairs, topology.planes)


def _bundles(topology: Switched, sources: Ints, targets: Ints, pairs: int) -> tuple[Floats, Floats, Floats]:
    """Flows that enter a bundle, links of the bundle, and how many bundles are so."""
    trunks, capacity = topology.trunks(sources, targets)
    entering = np.bincount(trunks[trunks >= 0], minlength=len(capacity)) * float(pairs)
    used = entering > 0
    widths = np.rint(capacity[used] / topology.bundles[0].bandwidth)
    kinds, times = np.unique(np.stack([entering[used], widths]), axis=1, return_counts=True)
    return kinds[0], kinds[1], times.astype(np.float64)


def _log_below(flows: Floats, chance: Floats, most: int) -> Floats:
    """Logarithm of the binomial distribution, at most 0 .. `most` of so many flows [kinds, most + 1]."""
    sure = chance >= 1
    odds = np.log(chance[:, None]) - np.log1p(-np.minimum(chance, 1 - 1e-12))[:, None]
    k = np.arange(most)
    with np.errstate(divide="ignore"):
        steps = np.log(np.maximum(flows[:, None] - k, 0.0)) - np.log(k + 1.0) + odds
    first = flows[:, None] * np.log1p(-np.minimum(chance, 1 - 1e-12))[:, None]
    mass = np.concatenate([first, first + np.cumsum(steps, axis=1)], axis=1)
    below = np.minimum(np.logaddexp.accumulate(mass, axis=1), 0.0)
    certain = np.where(np.arange(most + 1) >= flows[:, None], 0.0, -np.inf)
    return np.where(sure[:, None], certain, below)

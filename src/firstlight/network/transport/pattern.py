"""What kind of traffic it is, from the flows alone."""

from __future__ import annotations

import numpy as np

from firstlight.network.flows.traffic import Traffic

MANY = 4
"""Flows into one endpoint from which on it is an incast, targets of one source from which on an all-to-all."""
PATTERNS = ("chained", "incast", "all-to-all", "pairs")


def pattern(flows: Traffic) -> str:
    """One of `PATTERNS`: flows that wait for others; many to few; each to many; or few flows a source."""
    if len(flows.after.indices):
        return "chained"
    into = np.bincount(flows.target)
    if into.max() >= MANY * max(1, np.bincount(flows.source).max()):
        return "incast"
    pairs = np.unique(np.stack([flows.source, flows.target]), axis=1)
    return "all-to-all" if np.bincount(pairs[0]).max() > MANY else "pairs"

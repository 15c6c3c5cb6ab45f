"""How routed tokens fall on experts, and what the busiest rank gets of them, in expectation over draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstlight.twin.protocols import Floats

DRAWS = 12
SEED = 20260101
"""Of the draws, the same for all cases: what is drawn is a quadrature, not noise."""
MOST = 0.8
"""Share of the tokens that one expert gets at most in a drawn power law."""
COLD = (0.01, 2.0)
"""Range of the drawn loads where there are fewer routed tokens than experts."""
TILES = (16.0, 64.0, 128.0)
NAMES = ("rows", "used", "tiles_16", "tiles_64", "tiles_128")
REPLICAS_AT_MOST = 3.0
"""Load of one replica over the mean that balancing leaves."""
BALANCED = 1.02
"""Rows of the busiest rank over the mean after balancing."""
BATCH = 1 << 21
"""Loads that are drawn at once."""


def busiest(
    tokens: Floats, active: Floats, experts: Floats, ranks: Floats, alpha: Floats, replicated: Floats, slots: Floats
) -> dict[str, Floats]:
    """Rows, used experts and row tiles of 16, 64 and 128 on the busiest expert-parallel rank [rows].

    Args:
        tokens: of all ranks; active: experts per token; experts; ranks that they are spread over.
        alpha: exponent of the power law of loads; 0 where they are balanced.
        replicated: 1 where hot experts have copies (EPLB) in `slots` places.

    Loads are drawn as the timed benchmarks draw them: x^-alpha, normalised, rounded, the remainder to the hottest.
    """
    keys = np.stack(np.broadcast_arrays(tokens, active, experts, ranks, alpha, replicated, slots), axis=1)
    unique, back = np.unique(keys, axis=0, return_inverse=True)
    found = np.stack(_even(unique[:, 0] * unique[:, 1], unique[:, 2], unique[:, 3]), axis=1)
    for (count, power), rows in _groups(unique[:, [2, 4]]):
        if power > 0:
            found[rows] = _skewed(unique[rows], int(count), power)
    return {name: found[back.ravel(), column] for column, name in enumerate(NAMES)}


def _groups(values: Floats) -> list[tuple[tuple[float, float], NDArray[np.intp]]]:
    kinds, which = np.unique(values, axis=0, return_inverse=True)
    return [((float(a), float(b)), np.flatnonzero(which.ravel() == index)) for index, (a, b) in enumerate(kinds)]


def _skewed(keys: Floats, experts: int, alpha: float) -> Floats:
    """What `busiest` finds of keys with the same number of experts and exponent; each load is drawn once."""
    found = np.empty((len(keys), len(NAMES)))
    drawn, which = np.unique(keys[:, :2], axis=0, return_inverse=True)
    step = max(int(BATCH / (DRAWS * experts)), 1)
    for start in range(0, len(drawn), step):
        part = drawn[start : start + step]
        loads = _loads(part[:, 0], part[:, 1], alpha, experts)
        here = (which.ravel() >= start) & (which.ravel() < start + step)
        for (spread, copied), _ in _groups(keys[here][:, [3, 5]]):
            rows = np.flatnonzero(here & (keys[:, 3] == spread) & (keys[:, 5] == copied))
            own = loads[which.ravel()[rows] - start]
            routed = keys[rows, 0] * keys[rows, 1]
            ranks = int(spread)
            found[rows] = _replicated(own, routed, ranks, keys[rows, 6]) if copied > 0 else _hottest(own, ranks)
    return found


def _even(routed: Floats, experts: Floats, ranks: Floats) -> tuple[Floats, ...]:
    """Loads that differ by nothing; the rank that is timed has at least one row."""
    used = np.maximum(np.minimum(experts, routed) / ranks, 1.0)
    each = np.where(routed < experts, 1.0, routed / experts)
    return np.maximum(routed / ranks, 1.0), used, *(used * np.ceil(each / tile) for tile in TILES)


def _loads(tokens: Floats, active: Floats, alpha: float, experts: int) -> Floats:
    """Rows of each expert [keys, draws, experts]."""
    uniform = np.random.default_rng(SEED).random((DRAWS, experts))
    routed = tokens * active
    many = routed > experts
    low = np.where(many, 1.0, COLD[0])[:, None, None]
    high = np.where(many, np.maximum(MOST * tokens, 1.001), COLD[1])[:, None, None]
    power = 1.0 - alpha if alpha != 1.0 else -1e-6
    drawn = ((high**power - low**power) * uniform + low**power) ** (1.0 / power)
    whole = routed[:, None, None]
    rounded = np.round(drawn / drawn.sum(axis=2, keepdims=True) * whole)
    return _repaired(rounded, whole - rounded.sum(axis=2, keepdims=True), experts)


def _repaired(loads: Floats, missing: Floats, experts: int) -> Floats:
    """Loads that add up: what rounding lost goes to the hottest, what it gave too much leaves the coldest."""
    noise = np.random.default_rng(SEED + 1).random(experts) * 0.5
    rank = np.empty(loads.shape, dtype=np.int64)
    order = np.argsort(-(loads + noise), axis=2)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(experts), loads.shape), axis=2)
    more = np.maximum(missing, 0.0)
    given = np.floor(more / experts) + (rank < more % experts)
    coldest = (loads > 0).sum(axis=2, keepdims=True) - 1 - rank
    taken = (coldest >= 0) & (coldest < -missing)
    return np.where(missing >= 0, loads + given, loads - taken)


def _hottest(loads: Floats, ranks: int) -> Floats:
    each = max(loads.shape[2] // ranks, 1)
    split = loads[:, :, : ranks * each].reshape(*loads.shape[:2], -1, each)
    hot = split.sum(axis=3).argmax(axis=2)[:, :, None, None]
    own = np.take_along_axis(split, hot, axis=2)[:, :, 0, :]
    counts = [own.sum(axis=2), (own > 0).sum(axis=2), *(np.ceil(own / tile).sum(axis=2) for tile in TILES)]
    return np.stack([count.mean(axis=1) for count in counts], axis=1)


def _replicated(loads: Floats, routed: Floats, ranks: int, slots: Floats) -> Floats:
    places = np.maximum(slots / ranks, 1.0)
    used = np.clip((loads > 0).sum(axis=2).mean(axis=1) / ranks, 1.0, places)
    most = np.maximum(REPLICAS_AT_MOST * routed / (ranks * places), 1.0)[:, None, None]
    each = np.minimum(loads, most)
    scale = (routed / np.maximum(each.sum(axis=2).mean(axis=1), 1.0)) * BALANCED
    small = np.ceil(loads / TILES[0]).sum(axis=2).mean(axis=1) / ranks
    large = [np.ceil(each / tile).sum(axis=2).mean(axis=1) / ranks * scale for tile in TILES[1:]]
    return np.stack([routed / ranks * BALANCED, used, small, *large], axis=1)

"""How fast likeness of residuals fades, found by leaving each measured configuration out of its own prediction."""

from __future__ import annotations

import numpy as np

from firstlight.timings.residual import LABELS, Anchors, Scales, krige
from firstlight.twin.protocols import Floats, Ints

LENGTH, NUGGET = 3.0, 0.1
STEPS = {"dtype": 1.0, "kernel": 0.7, "release": 0.1, "accelerator": 0.7}
"""Where the search starts."""
FACTORS = {1: 1.6, -1: 1 / 1.6}
PASSES = 5
ENOUGH = 5e-3
"""Share of the error that a pass must take off for another one."""
ASKED = 700
"""Anchors that are predicted from the others to score a choice."""
SEED = 5
CAP = 0.5
"""Error above which a row counts no more (in the logarithm)."""


def search(anchors: Anchors) -> Scales:
    """Scales with the least mean error of left-out configurations.

    Factors are tried on one at a time and on all lengths, as long as they help.
    """
    asked = np.random.default_rng(SEED).permutation(len(anchors.residual))[:ASKED]
    width = anchors.place.shape[1]
    values = np.array([*[LENGTH] * width, *(STEPS[name] for name in LABELS), NUGGET])
    best = _score(anchors, asked, values)
    moves = [np.arange(len(values)) == index for index in range(len(values))] + [np.arange(len(values)) < width]
    turns = np.ones(len(moves), dtype=int)
    for _ in range(PASSES):
        before = best
        for index, moved in enumerate(moves):
            for turn in (turns[index], -turns[index]):
                tried = np.where(moved, values * FACTORS[turn], values)
                score = _score(anchors, asked, tried)
                if score < best:
                    values, best, turns[index] = tried, score, turn
                    break
        if best > before * (1.0 - ENOUGH):
            break
    return unpacked(values)


def unpacked(values: Floats) -> Scales:
    """Scales from lengths, steps and nugget in one array."""
    count = len(LABELS)
    return Scales(values[: -count - 1], values[-count - 1 : -1], float(values[-1]))


def _score(anchors: Anchors, asked: Ints, values: Floats) -> float:
    """Mean absolute error of the asked anchors without their own configuration."""
    found = krige(
        anchors, unpacked(values), anchors.place[asked], anchors.labels.select(asked), anchors.configuration[asked]
    )
    return float(np.minimum(np.abs(found.mean - anchors.residual[asked]), CAP).mean())

"""How fast likeness of residuals fades, found by leaving each measured configuration out of its own prediction."""

from __future__ import annotations

import numpy as np

from firstlight.performance.kernels.timed.residual import LABELS, Anchors, Scales, krige
from firstlight.twin.protocols import Floats, Ints

LENGTH, NUGGET = 3.0, 0.1
STEPS = {"dtype": 1.0, "kernel": 0.7, "release": 0.1, "accelerator": 0.7}
"""Where the search starts."""
FACTORS = (1.6, 1 / 1.6)
PASSES = 3
ASKED = 700
"""Anchors that are predicted from the others to score a choice."""
SEED = 5
CAP = 0.5
"""Error above which a row counts no more (in the logarithm)."""


def search(anchors: Anchors) -> Scales:
    """Scales with the least mean error of left-out configurations: factors on one at a time, while they help."""
    asked = np.random.default_rng(SEED).permutation(len(anchors.residual))[:ASKED]
    width = anchors.place.shape[1]
    values = np.array([*[LENGTH] * width, *(STEPS[name] for name in LABELS), NUGGET])
    best = _score(anchors, asked, values)
    direction = np.ones(len(values), dtype=int)
    for _ in range(PASSES):
        for index in range(len(values)):
            for turn in (direction[index], -direction[index]):
                tried = values.copy()
                tried[index] *= FACTORS[0] if turn > 0 else FACTORS[1]
                score = _score(anchors, asked, tried)
                if score < best:
                    values, best, direction[index] = tried, score, turn
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

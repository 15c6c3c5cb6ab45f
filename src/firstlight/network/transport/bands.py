"""How far answers are off: half widths that residuals against packet-level runs were seen to have."""

from __future__ import annotations

import numpy as np

from firstlight.network.transport.case import Answer
from firstlight.network.transport.protocol import data
from firstlight.twin.result import Prediction

TENTH = 1.2816
"""Standard deviations from the median to the tenth and ninetieth percentile of a normal distribution."""
BASIS = "packet-level runs of 54 to 512 endpoints at 100 to 800 Gb/s (measurements/network)"


def scatter(routing: str, pattern: str, method: str) -> float:
    """Standard deviation of the residuals of a routing and pattern, in the logarithm."""
    known = data()["scatter"][method]
    return float(known[routing].get(pattern, known[routing]["pairs"])["value"])


def band(answer: Answer, own: float, calibrated: bool) -> Prediction:
    """The makespan with its interval [s]: of the draws, widened by what residuals scatter besides (`own`)."""
    spans = answer.makespans[answer.makespans > 0]  # 0 where nothing leaves its endpoint
    spread = float(np.std(np.log(spans))) if len(spans) > 2 else 0.0
    middle = float(np.median(answer.makespans))
    return Prediction.within(middle, TENTH * max(own, spread), calibrated=calibrated, basis=BASIS)


def drawn(answer: Answer, calibrated: bool) -> Prediction:
    """The makespan with its interval [s], both quantiles of the draws."""
    low, middle, high = np.quantile(answer.makespans, (0.1, 0.5, 0.9))
    return Prediction(float(low), float(middle), float(high), calibrated, BASIS)

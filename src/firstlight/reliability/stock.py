"""Spare parts and healthy units: Poisson and binomial service levels."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from firstlight.errors import UsageError
from firstlight.twin.protocols import Floats

_LARGE = 1e5
"""Mean above which a Poisson number is as good as normal: its skewness, 1/sqrt(mean), is below 0.4 %."""


def _log_factorials(n: int) -> Floats:
    """log k! for k = 0 .. n."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


def poisson_cdf(mean: float, top: int) -> Floats:
    """P(N <= k) for k = 0 .. top, of a Poisson number with this mean."""
    if mean <= 0:
        return np.ones(top + 1)
    k = np.arange(top + 1)
    log_terms = k * math.log(mean) - mean - _log_factorials(top)
    return np.minimum(np.cumsum(np.exp(np.maximum(log_terms, -700.0))), 1.0)


def stock_level(mean: float, service: float) -> int:
    """Fewest parts on the shelf that cover the demand until resupply with this probability.

    Demand over the resupply time is Poisson (Palm's theorem; Sherbrooke, "Optimal Inventory Modeling of Systems").

    Args:
        mean: failures expected until resupply.
        service: wanted probability, at least 0 and below 1.

    Raises:
        UsageError: the service level cannot be met by any stock.
    """
    if not 0 <= service < 1:
        raise UsageError(f"a service level of {service:.4g} is no probability below 1; write one such as 99 %")
    if mean > _LARGE:
        return math.ceil(mean + NormalDist().inv_cdf(min(max(service, 1e-9), 1 - 1e-9)) * math.sqrt(mean))
    top = math.ceil(mean + 12 * math.sqrt(mean) + 30)
    covered = np.nonzero(poisson_cdf(mean, top) >= min(service, 1 - 1e-9))[0]
    return int(covered[0]) if len(covered) else top


def shortage(mean: float, stock: int) -> float:
    """Probability that no part is left when one is needed: P(N >= stock) of a Poisson number."""
    if mean > _LARGE:
        return 1 - NormalDist(mean, math.sqrt(mean)).cdf(stock - 0.5)
    return float(1 - poisson_cdf(mean, stock - 1)[-1]) if stock > 0 else 1.0


def healthy_at(n: int, availability: float, confidence: float) -> int:
    """Most of n independent units that are up together with this confidence (binomial).

    Args:
        n: units.
        availability: of one unit, between 0 and 1.
        confidence: between 0 and 1.

    Returns:
        The largest k with P(at least k are up) >= confidence.
    """
    if not (0 <= availability <= 1 and 0 < confidence < 1):
        raise UsageError("availability lies between 0 and 1 and confidence strictly between; write 0.99 for 99 %")
    if availability in (0.0, 1.0):
        return n if availability else 0
    k, logs = np.arange(n + 1), _log_factorials(n)
    log_terms = logs[n] - logs - logs[::-1] + k * math.log(availability) + (n - k) * math.log1p(-availability)
    at_least = np.cumsum(np.exp(np.maximum(log_terms, -700.0))[::-1])[::-1]
    return int(np.nonzero(at_least >= confidence)[0][-1])

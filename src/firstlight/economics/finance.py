"""Money over time, and the spread of a sum of uncertain prices."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from firstlight import units
from firstlight.twin.protocols import Floats
from firstlight.twin.result import Prediction

TO_P90 = 1.2815515655446004
"""Standard deviations from the median of a normal number to its P90."""


def capital_recovery(rate: float, life: ArrayLike) -> Floats:
    """Share of an investment that a year costs: r / (1 - (1 + r)^-n); 1 / n without interest, r for ever.

    Source: any text on engineering economics (Park, "Contemporary Engineering Economics": capital recovery factor).

    Args:
        rate: cost of capital a year.
        life: of the asset [s]; infinite for land.
    """
    years = np.asarray(life, float) / units.YEAR
    if rate == 0:
        return 1 / years
    return rate / -np.expm1(-years * math.log1p(rate))


def relative_spread(amounts: ArrayLike, spreads: ArrayLike) -> float:
    """Half-width of P10 to P90 of a sum of independent log-normal amounts, in the logarithm.

    The sum is taken as log-normal with the same mean and variance (L. F. Fenton, IRE Transactions 1960).

    Args:
        amounts: medians [amounts].
        spreads: half-widths of each in the logarithm, like `amounts`.
    """
    amount, sigma = np.asarray(amounts, float), np.asarray(spreads, float) / TO_P90
    mean = amount * np.exp(sigma**2 / 2)
    variance = mean**2 * np.expm1(sigma**2)
    if mean.sum() <= 0:
        return 0.0
    return TO_P90 * math.sqrt(math.log1p(float(variance.sum() / mean.sum() ** 2)))


def times(prediction: Prediction, factor: float, spread: float, basis: str) -> Prediction:
    """A prediction times an uncertain factor; independent, so half-widths add in quadrature in the logarithm.

    Args:
        prediction: of a positive number.
        factor: median of the factor.
        spread: its half-width in the logarithm.
        basis: what the factor's interval rests on.
    """
    mid = prediction.p50 * factor
    down = math.hypot(math.log(prediction.p50 / prediction.p10), spread)
    up = math.hypot(math.log(prediction.p90 / prediction.p50), spread)
    return Prediction(mid * math.exp(-down), mid, mid * math.exp(up), False, f"{prediction.basis}; {basis}")

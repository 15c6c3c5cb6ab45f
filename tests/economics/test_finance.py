import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.economics.finance import TO_P90, capital_recovery, relative_spread, times
from firstlight.twin.result import Prediction
from firstlight.units import YEAR


def test_capital_recovery_by_table():
    # interest tables: A/P 7 %, 5 years 0.24389; 8 %, 15 years 0.11683
    assert capital_recovery(0.07, 5 * YEAR) == pytest.approx(0.24389, abs=1e-5)
    assert capital_recovery(0.08, 15 * YEAR) == pytest.approx(0.11683, abs=1e-5)
    assert capital_recovery(0.0, 4 * YEAR) == 0.25
    assert capital_recovery(0.07, math.inf) == pytest.approx(0.07)


@given(st.floats(0.001, 0.5), st.integers(1, 60))
def test_payments_discount_back_to_the_investment(rate, years):
    payment = float(capital_recovery(rate, years * YEAR))
    assert sum(payment / (1 + rate) ** t for t in range(1, years + 1)) == pytest.approx(1)


def test_spread_of_one_amount_is_its_own_and_of_many_is_less():
    assert relative_spread([100], [0.3]) == pytest.approx(0.3)
    assert relative_spread([100] * 25, [0.3] * 25) == pytest.approx(0.3 / 5, rel=0.05)
    assert relative_spread([0.0], [0.3]) == 0


def test_spread_agrees_with_sampling():
    amounts, spreads = np.array([10.0, 5, 2]), np.array([0.2, 0.35, 0.1])
    rng = np.random.default_rng(3)
    total = (amounts * np.exp(rng.standard_normal((200_000, 3)) * spreads / TO_P90)).sum(axis=1)
    low, high = np.percentile(total, [10, 90])
    assert relative_spread(amounts, spreads) == pytest.approx(math.log(high / low) / 2, rel=0.02)


def test_times_adds_spreads_in_quadrature():
    product = times(Prediction.within(10, 0.3, calibrated=True, basis="a"), 2, 0.4, "b")
    assert product.p50 == 20
    assert product.p90 == pytest.approx(20 * math.exp(0.5))
    assert product.p10 == pytest.approx(20 * math.exp(-0.5))
    assert product.basis == "a; b"

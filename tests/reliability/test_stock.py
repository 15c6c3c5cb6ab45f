import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.errors import UsageError
from firstlight.reliability.stock import healthy_at, poisson_cdf, shortage, stock_level


def test_poisson_cdf_by_hand():
    assert poisson_cdf(2.0, 2) == pytest.approx([math.exp(-2), 3 * math.exp(-2), 5 * math.exp(-2)])


def test_stock_level_by_table():
    # Poisson table: mean 5 -> P(N <= 10) = 0.986, P(N <= 11) = 0.9945; mean 1 -> P(N <= 4) = 0.9963
    assert stock_level(5, 0.99) == 11
    assert stock_level(1, 0.99) == 4
    assert stock_level(0, 0.99) == 0


@given(st.floats(0.01, 2e4), st.floats(0.5, 0.999))
def test_stock_level_is_the_fewest_that_serve(mean, service):
    level = stock_level(mean, service)
    cdf = poisson_cdf(mean, level)
    assert cdf[-1] >= service
    assert level == 0 or cdf[-2] < service


def test_stock_refuses_certainty():
    with pytest.raises(UsageError, match="service level"):
        stock_level(3, 1.0)


def test_shortage_without_stock_is_certain_and_falls_with_stock():
    assert shortage(2.0, 0) == 1
    assert shortage(2.0, 1) == pytest.approx(1 - math.exp(-2))
    assert shortage(2.0, 12) < 1e-5


def test_healthy_at_limits():
    assert healthy_at(10, 1.0, 0.95) == 10
    assert healthy_at(10, 0.0, 0.95) == 0
    assert healthy_at(1, 0.9, 0.95) == 0
    with pytest.raises(UsageError, match="availability"):
        healthy_at(10, 1.2, 0.95)


@given(st.integers(1, 400), st.floats(0.05, 0.999), st.floats(0.5, 0.999))
def test_healthy_at_agrees_with_exact_sums(n, availability, confidence):
    k = healthy_at(n, availability, confidence)

    def at_least(low: int) -> float:
        terms = (math.comb(n, j) * availability**j * (1 - availability) ** (n - j) for j in range(low, n + 1))
        return math.fsum(terms)

    assert at_least(k) >= confidence - 1e-9
    assert k == n or at_least(k + 1) < confidence + 1e-9


@pytest.mark.parametrize("service", [0.5, 0.9, 0.999])
def test_large_numbers_go_on_as_small_ones_end(service):
    below, above = stock_level(0.9999e5, service), stock_level(1.0001e5, service)
    assert above - below == pytest.approx(20, abs=3)
    assert shortage(1.0001e5, above) == pytest.approx(shortage(0.9999e5, below), abs=0.005)
    assert stock_level(1e12, service) == pytest.approx(1e12, rel=1e-5)

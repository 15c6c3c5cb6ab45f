"""The parts that structures are made of: circles, digits, finite fields, tapers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight.network.topology.circles import Circles
from firstlight.network.topology.digits import digit
from firstlight.network.topology.fold import split
from firstlight.network.topology.galois import field, prime_power
from firstlight.network.topology.walk import digit as compiled


@given(st.integers(2, 12), st.integers(0, 3), st.data())
def test_circles_join_all_pairs_as_often(size, rounds, data):
    circles = Circles(size, rounds, data.draw(st.integers(0, (size - 1) // 2)))
    links = np.arange(circles.count)
    lower, upper = circles.ends(links)
    joined = np.zeros((size, size), int)
    np.add.at(joined, (lower, upper), 1)
    joined = joined + joined.T
    every = np.arange(size)
    assert np.array_equal(joined, circles.width(every[:, None], every[None, :]))
    assert set(joined.sum(axis=0).tolist()) == {circles.degree}
    ports = np.concatenate([lower * 1000 + circles.ports(links)[0], upper * 1000 + circles.ports(links)[1]])
    assert len(np.unique(ports)) == 2 * circles.count
    assert ports.size == 0 or (ports % 1000).max() < circles.degree


@given(st.integers(2, 12), st.integers(1, 3), st.data())
def test_a_link_is_found_from_either_end(size, rounds, data):
    circles = Circles(size, rounds, data.draw(st.integers(0, (size - 1) // 2)))
    one, other = data.draw(st.permutations(range(size)))[:2]
    width = int(circles.width(np.array(one), np.array(other)))
    found = set()
    for which in range(width):
        link, begins = circles.find(np.array(one), np.array(other), np.array(which))
        ends = [int(end) for end in circles.ends(link)]
        assert ends == ([one, other] if begins else [other, one])
        found.add(int(link))
    assert len(found) == width


@given(st.integers(0, 2**64 - 1), st.integers(0, 2000), st.integers(1, 10_000))
def test_digits_are_those_of_the_compiled_walk(value, place, choices):
    assert digit(np.array([value], np.uint64), place, np.asarray(choices))[0] == compiled(
        np.uint64(value), place, choices
    )


def test_digits_are_even_and_independent():
    values = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64)
    one, other = (digit(values, place, np.asarray(10)) for place in (3, 4))
    counts = np.bincount(10 * one + other, minlength=100)
    assert np.ptp(counts) < 10 * np.sqrt(1000)


@pytest.mark.parametrize("q", [2, 3, 4, 5, 7, 8, 9, 16, 25, 27, 32, 49])
def test_a_field_is_a_field(q):
    f, every = field(q), np.arange(q)
    assert sorted(f.powers.tolist()) == list(range(1, q))  # a primitive element
    assert np.array_equal(f.add, f.add.T)
    assert np.array_equal(f.times, f.times.T)
    assert np.array_equal(f.add[f.minus[every[:, None], every], every], np.repeat(every[:, None], q, axis=1))
    assert np.all(f.times[every[1:], f.inverse[1:]] == 1)
    a, b, c = np.random.default_rng(q).integers(0, q, (3, 500))
    assert np.array_equal(f.times[a, f.add[b, c]], f.add[f.times[a, b], f.times[a, c]])
    assert np.array_equal(f.times[a, f.times[b, c]], f.times[f.times[a, b], c])


@pytest.mark.parametrize(("q", "found"), [(1, None), (2, (2, 1)), (6, None), (8, (2, 3)), (81, (3, 4)), (97, (97, 1))])
def test_prime_powers(q, found):
    assert prime_power(q) == found


def test_no_field_of_six():
    with pytest.raises(ValueError, match="6 is not a prime power"):
        field(6)


@given(st.integers(1, 600), st.floats(1 / 64, 64))
def test_a_split_is_the_most_that_a_taper_allows(radix, taper):
    down, up = split(radix, taper)
    exact = round(taper * 10**6) / 10**6
    if up == 0:
        assert radix < 1 + max(exact, 1 / exact) + 2e-3
        return
    assert down + up <= radix
    assert down <= up * (exact + 2e-3)
    assert radix <= down + 1 or (down + 1) / (radix - down - 1) > exact - 2e-3

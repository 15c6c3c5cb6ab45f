"""Finite fields of any prime power, as tables of their arithmetic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from firstlight.twin.protocols import Ints


@dataclass(frozen=True)
class Field:
    """The field of q elements, 0 to q - 1: digits to the prime base are the coefficients of a polynomial.

    Attributes:
        add, minus, times: tables [q, q]; minus[a, b] is a - b.
        inverse: 1 / a [q]; 0 for 0.
        powers: of a primitive element, from its zeroth [q - 1].
    """

    add: Ints
    minus: Ints
    times: Ints
    inverse: Ints
    powers: Ints


def prime_power(q: int) -> tuple[int, int] | None:
    """The prime and the exponent of a prime power; None of any other number."""
    if q < 2:
        return None
    prime = next((n for n in range(2, math.isqrt(q) + 1) if q % n == 0), q)
    exponent = round(math.log(q, prime))
    return (prime, exponent) if prime**exponent == q else None


@lru_cache(maxsize=8)
def field(q: int) -> Field:
    """The field of q elements; q is a prime power."""
    found = prime_power(q)
    if found is None:
        raise ValueError(f"{q} is not a prime power")
    prime, exponent = found
    weights = prime ** np.arange(exponent)
    digits = np.arange(q)[:, None] // weights % prime
    powers = next(powers for powers in _orbits(prime, exponent, weights) if len(powers) == q - 1)
    log = np.zeros(q, np.int64)
    log[powers] = np.arange(q - 1)
    times = powers[(log[:, None] + log[None, :]) % (q - 1)]
    times[0, :] = times[:, 0] = 0
    inverse = powers[-log % (q - 1)]
    inverse[0] = 0
    add, minus = ((digits[:, None] + sign * digits[None, :]) % prime @ weights for sign in (1, -1))
    return Field(add, minus, times, inverse, powers)


def _orbits(prime: int, exponent: int, weights: Ints) -> Iterator[Ints]:
    """Powers of candidates for a primitive element: residues of a prime, or x modulo a polynomial of the degree."""
    if exponent == 1:
        yield from (_orbit(partial(_by_residue, factor=factor, prime=prime)) for factor in range(1, prime))
        return
    for low in itertools.product(range(prime), repeat=exponent):
        if low[0]:
            yield _orbit(partial(_by_x, low=np.array(low), prime=prime, weights=weights))


def _orbit(step: Callable[[int], int]) -> Ints:
    powers, power = [1], step(1)
    while power != 1:
        powers.append(power)
        power = step(power)
    return np.array(powers)


def _by_residue(element: int, factor: int, prime: int) -> int:
    return element * factor % prime


def _by_x(element: int, low: Ints, prime: int, weights: Ints) -> int:
    """An element times x, modulo x^n + low."""
    digits = element // weights % prime
    shifted = np.append(0, digits[:-1])
    return int((shifted - digits[-1] * low) % prime @ weights)

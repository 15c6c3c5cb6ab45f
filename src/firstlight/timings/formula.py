"""What a formula of a time is: physical parameters and shapes in, seconds out, all arrays [rows]."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from firstlight.twin.protocols import Floats

Arrays = Mapping[str, Floats]
"""Named arrays of equal length [rows]."""
Option = tuple[Floats, ...]
"""A choice that a kernel library makes (tile, split), one number a row or one for all."""


@dataclass(frozen=True)
class Parameter:
    """One physical number of a formula.

    Attributes:
        name: as the formula reads it.
        prior: where it is believed to lie before any timing is seen [SI].
        wide, narrow: standard deviation of its logarithm among operations and number types; among kernels below.
        least, most: bounds that physics sets (an efficiency is at most 1).
    """

    name: str
    prior: float
    wide: float
    narrow: float
    least: float
    most: float


@dataclass(frozen=True)
class Formula:
    """Time of one operation.

    Attributes:
        name: of the formula.
        seconds: (parameters, shape, option) -> time [s], all [rows].
        options: what the library chooses from; the fastest counts. One empty tuple where there is no choice.
        parameters: in the order of theta.
    """

    name: str
    seconds: Callable[[Arrays, Arrays, Option], Floats]
    parameters: tuple[Parameter, ...]
    options: tuple[tuple[float, ...], ...] = ((),)

    @property
    def prior(self) -> Floats:
        """Logarithms of the parameters' priors [parameters]."""
        return np.log([p.prior for p in self.parameters])

    def values(self, theta: Floats) -> Arrays:
        """Parameters within their bounds by name, from their logarithms [rows, parameters]."""
        return {p.name: np.clip(np.exp(theta[:, column]), p.least, p.most) for column, p in enumerate(self.parameters)}

    def best(self, theta: Floats, shape: Arrays) -> tuple[Floats, Option]:
        """Logarithm of the time with the fastest option, and that option of each row."""
        values = self.values(theta)
        times = self.seconds(values, shape, _whole(self.options[0]))
        chosen = np.zeros(len(theta), dtype=int)
        for index, option in enumerate(self.options[1:], 1):
            tried = self.seconds(values, shape, _whole(option))
            better = tried < times
            times, chosen[better] = np.where(better, tried, times), index
        table = np.array(self.options, dtype=float)
        return np.log(times), tuple(table[chosen, column] for column in range(table.shape[1]))

    def at(self, theta: Floats, shape: Arrays, option: Option) -> Floats:
        """Logarithm of the time with given options."""
        return np.log(self.seconds(self.values(theta), shape, option))


def _whole(option: Sequence[float]) -> Option:
    return tuple(np.asarray(value, dtype=float) for value in option)


def join(exponent: float | Floats, *times: ArrayLike) -> Floats:
    """Times that overlap, as a p-norm: the longest counts, near ties cost a little more [same unit]."""
    total = sum(np.asarray(time, dtype=float) ** exponent for time in times)
    return np.asarray(total ** (1.0 / exponent))


def soft_minimum(sharpness: Floats | float, *times: Floats) -> Floats:
    """The smallest of some times, a little less where two are near each other [same unit]."""
    stacked = np.stack(np.broadcast_arrays(*times))
    least = stacked.min(axis=0)
    return least * ((least / stacked) ** sharpness).sum(axis=0) ** (-1.0 / sharpness)

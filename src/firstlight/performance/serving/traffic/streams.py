"""Streams of requests that know nothing of each other, and users who ask one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight import units
from firstlight.errors import UsageError
from firstlight.performance.serving.events.requests import Requests
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class Lengths:
    """Tokens of a prompt or an answer.

    Attributes:
        mean: tokens.
        spread: standard deviation over mean of a log-normal distribution; 0: all are equal.
        least: share of `most` that the shortest has, of lengths that are equally likely up to `most` = mean / ((1 +
            least) / 2), as serving benchmarks draw them; 1: not so.
    """

    mean: float
    spread: float = 0.0
    least: float = 1.0

    def __post_init__(self) -> None:
        if self.mean < 1 or self.spread < 0 or not 0 < self.least <= 1 or (self.spread and self.least < 1):
            raise UsageError(
                "lengths have a mean of at least one token, and either a spread from 0 on or a least share in (0, 1]"
            )

    def draw(self, count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """So many lengths, each at least one token [count]."""
        if self.spread:
            sigma = np.sqrt(np.log1p(self.spread**2))
            drawn = random.lognormal(np.log(self.mean) - sigma**2 / 2.0, sigma, count)
        else:
            most = self.mean / ((1.0 + self.least) / 2.0)
            drawn = random.uniform(self.least * most, most, count)
        return np.maximum(np.round(drawn), 1).astype(np.int64)


def poisson(rate: float, count: int, prompt: Lengths, answer: Lengths, random: np.random.Generator) -> Requests:
    """Requests at random [rate 1/s]: independent users."""
    return bursty(rate, 1.0, count, prompt, answer, random)


def bursty(
    rate: float, variation: float, count: int, prompt: Lengths, answer: Lengths, random: np.random.Generator
) -> Requests:
    """Requests whose gaps vary more (or less) than at random: gamma distributed.

    Args:
        rate: of all requests, in the mean [1/s].
        variation: standard deviation of the gaps over their mean; 1 is Poisson.
        count: requests.

    Raises:
        UsageError: a rate or a variation that is not above zero.
    """
    if rate <= 0 or variation <= 0:
        raise UsageError(f"a stream has a rate and a variation above zero, not {rate:g} 1/s and {variation:g}")
    shape = 1.0 / variation**2
    gaps = random.gamma(shape, 1.0 / (rate * shape), count)
    return Requests.of(np.cumsum(gaps), prompt.draw(count, random), answer.draw(count, random))


def day(
    rate: Callable[[Floats], Floats], most: float, duration: float, prompt: Lengths, answer: Lengths,
    random: np.random.Generator,
) -> Requests:  # fmt: skip
    """Requests at random at a rate that changes with time (thinning; Lewis and Shedler 1979).

    Args:
        rate: of the times [s], [1/s], never above `most`.
        most: [1/s]. duration: [s].
    """
    times = np.cumsum(random.exponential(1.0 / most, int(most * duration + 6 * np.sqrt(most * duration) + 10)))
    times = times[times < duration]
    times = times[random.uniform(0.0, most, len(times)) < rate(times)]
    if not len(times):
        raise UsageError("no request comes in this time; raise the rate or the duration")
    return Requests.of(times, prompt.draw(len(times), random), answer.draw(len(times), random))


def swing(mean: float, depth: float, peak_hour: float = 14.0) -> Callable[[Floats], Floats]:
    """A day of requests: mean (1 + depth cos) around its busiest hour, [1/s] of times [s]."""
    return lambda times: mean * (1.0 + depth * np.cos((times / units.HOUR - peak_hour) * 2.0 * np.pi / 24.0))


def closed_loop(
    users: int, count: int, prompt: Lengths, answer: Lengths, random: np.random.Generator, *, think: float = 0.0
) -> Requests:
    """Users who send their next request when the last is answered: so many are always under way.

    Args:
        users: concurrency. count: requests of all of them. think: mean of the pauses between, which are exponentially
            distributed, as the times of the first requests are [s].
    """
    number = np.arange(count)
    pauses = random.exponential(think, count) if think else np.zeros(count)
    after = np.stack([number[:-users], number[users:]], axis=1) if count > users else ()
    return Requests.of(
        np.where(number < users, pauses, 0.0), prompt.draw(count, random), answer.draw(count, random),
        pause=np.where(number < users, 0.0, pauses),
        after=after,
    )  # fmt: skip

"""Prompts in the passes of an engine: how many meet in one, and what a pass then takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.step import chunk_time
from firstlight.twin.protocols import Floats

ROUNDS = 6
"""Of the fixed point of an open stream's passes."""
NODES = (0.0, 0.25, 1.0)
"""Where the time of a pass is computed, from the shortest to the longest; between them it is linear."""
TINY = 1e-12
DOUBLINGS = np.arange(0.0, 17.0, 0.25)
"""Where the longest of several lengths is worked out, in doublings of their number."""
LEAST_ROOM = 0.98
"""Of the budget's load, beyond which its queue is taken as long."""


@dataclass(frozen=True)
class Pieces:
    """Prompts as passes read them; arrays (n,).

    Attributes:
        passes: that a prompt takes alone. tokens: of it in each.
        ranks: attention ranks, which read side by side; a pass ends with the slowest of them.
        most: pieces in a pass at the most. times: engine time of a pass at `NODES` [s], each (n,).
        chunk: tokens of a pass on one rank at the most.
        spread: of the prompts' lengths (log-normal, over their mean). sooner: engine time by which a pass of the median
            prompt is shorter than one of the mean [s] (n,).
    """

    passes: Floats
    tokens: Floats
    ranks: Floats
    most: Floats
    times: tuple[Floats, ...]
    chunk: float
    spread: float
    sooner: Floats

    @classmethod
    def of(cls, case: Case) -> Pieces:
        """The prompts of a case."""
        chunk, one = float(case.a["performance.serving_prefill_chunk"]), np.ones(len(case.layouts))
        passes = np.ceil(case.prompt / chunk) * one
        tokens, ranks = case.prompt / passes, case.layouts.data.astype(float)
        times = tuple(
            chunk_time(case, tokens + (chunk - tokens) * share, case.prompt) / case.layouts.pipeline for share in NODES
        )
        sooner = np.zeros_like(tokens)
        if case.spread:
            less = np.sqrt(1.0 + case.spread**2)
            sooner = times[0] - chunk_time(case, tokens / less, case.prompt / less) / case.layouts.pipeline
        return cls(passes, tokens, ranks, ranks * chunk / tokens, times, chunk, case.spread, sooner)

    def read(self, pieces: ArrayLike) -> Floats:
        """Engine time of a pass that reads so many pieces, at least one [s] (..., n).

        Ranks read one piece each while there are no more pieces than ranks: as long as one takes.
        """
        load = np.clip(np.asarray(pieces) / self.ranks, 1.0, np.maximum(self.chunk / self.tokens, 1.0))
        share = (load - 1.0) / np.maximum(self.chunk / self.tokens - 1.0, 1e-9)
        total = self.times[0] + np.zeros_like(share)
        for i in range(len(NODES) - 1):
            within = np.clip((share - NODES[i]) / (NODES[i + 1] - NODES[i]), 0.0, 1.0)
            total = total + within * (self.times[i + 1] - self.times[i])
        return total

    @property
    def taken(self) -> Floats:
        """Passes of the engine that a prompt takes up where the budget is spent (n,)."""
        return self.passes / self.most

    def queue(self, prompts: ArrayLike) -> Floats:
        """Passes that a prompt waits for the budget, where so many come in each: M/D/1 (..., n)."""
        load = np.minimum(np.asarray(prompts) * self.taken, LEAST_ROOM)
        return load / (2.0 * (1.0 - load)) * self.taken

    def joined(self, requests: ArrayLike, stay: Floats) -> Floats:
        """Prompts in each pass of a closed loop whose requests stay for `stay` passes and their wait (..., n).

        The root of requests = prompts (stay + queue), a quadratic equation for the load, in the form that loses no
        digits where requests are few.
        """
        n, whole = np.asarray(requests, dtype=float), stay / self.taken
        return 2.0 * n / (whole + n + np.sqrt((whole + n) ** 2 - 2.0 * n * (2.0 * whole - 1.0))) / self.taken

    def passes_that_read(self, mean: Floats, load: Floats) -> Floats:
        """Share of passes that read, where `mean` pieces come in each and those that meet are `load` (..., n)."""
        return np.minimum(-np.expm1(-mean) * np.maximum(load / self.most, 1.0), 1.0)

    def busiest(self, mean: ArrayLike) -> Floats:
        """Pieces that a pass counts with, in the mean over passes that read: max(ranks, k) with k Poisson (..., n)."""
        m = np.maximum(np.asarray(mean, dtype=float), 1e-9)
        few = np.maximum(_at_most(self.ranks, m) - np.exp(-m), 0.0) * self.ranks * self.longest(m / -np.expm1(-m))
        return (few + m * (1.0 - _at_most(self.ranks - 1.0, m))) / -np.expm1(-m)

    def longest(self, pieces: Floats) -> Floats:
        """The longest of so many pieces, one on each rank, over their mean: a pass ends with it (..., n)."""
        if not self.spread or np.max(self.ranks) == 1:
            return np.ones_like(pieces)
        return np.interp(np.log2(np.clip(pieces, 1.0, self.ranks)), DOUBLINGS, _longest(self.spread))

    def met(self, mean: ArrayLike) -> Floats:
        """The same in the pass of a given piece, which `mean` others meet: max(ranks, 1 + k) (..., n)."""
        m = np.maximum(np.asarray(mean, dtype=float), 1e-9)
        few = _at_most(self.ranks - 1.0, m)
        return few * self.ranks * self.longest(1.0 + m) + (1.0 - few) + m * (1.0 - _at_most(self.ranks - 2.0, m))


@dataclass(frozen=True)
class Meeting:
    """Prompts and passes in steady state; arrays (..., n).

    Attributes:
        reading: share of the passes that read. read: engine time that those take for it [s].
        own: the same of the passes of a given prompt [s].
        cost: engine time that one more prompt takes [s].
    """

    reading: Floats
    read: Floats
    own: Floats
    cost: Floats


def loop(pieces: Pieces, others: Floats) -> Meeting:
    """Passes of a closed loop: answers end, and prompts follow, at any pass alike.

    Args:
        others: prompts of other requests that come in each pass (..., n).
    """
    mean = np.minimum(others * pieces.passes, pieces.most)
    load = pieces.busiest(mean)
    reading, read = pieces.passes_that_read(mean, load), pieces.read(load)
    own = pieces.read(pieces.met(mean))
    cost = np.where(mean > 0, reading * read / np.maximum(mean, TINY), own) * pieces.passes
    return Meeting(reading, read, own, cost)


def stream(pieces: Pieces, step: Floats, rate: ArrayLike) -> Meeting:
    """Passes of an open stream: longer passes meet more prompts, so that passes which read follow each other.

    Args:
        step: of decoding [s] (..., n). rate: requests of a replica [1/s], one or (..., n).
    """
    arriving, read = np.asarray(rate, dtype=float) * pieces.passes, pieces.read(1.0) + np.zeros_like(step)
    short = np.minimum(arriving * step, pieces.most)
    some = -np.expm1(-short)
    reading, long, begun, met = np.zeros_like(step), short, some, np.ones_like(step)
    for _ in range(ROUNDS):
        long = np.minimum(arriving * (step + read), pieces.most)
        reading = some / (some + np.exp(-long))
        after, fresh = reading * -np.expm1(-long), (1.0 - reading) * some
        begun = np.maximum(after + fresh, TINY)
        met = (after * pieces.busiest(long) + fresh * pieces.busiest(short)) / begun
        read = pieces.read(met)
    mean = np.maximum(reading * long + (1.0 - reading) * short, TINY)
    reading = np.minimum(reading * np.maximum(met / pieces.most, 1.0), 1.0)
    return Meeting(reading, read, pieces.read(pieces.met(mean)), pieces.passes * read * np.minimum(begun / mean, 1.0))


@cache
def _longest(spread: float) -> Floats:
    """Mean of the greatest of 2^x log-normal lengths of mean one, for the x of `DOUBLINGS`, by quadrature."""
    from scipy.special import ndtri  # heavy

    sigma = np.sqrt(np.log1p(spread**2))
    places, widths = np.polynomial.legendre.leggauss(64)
    greatest = np.exp(sigma * ndtri(((places + 1.0) / 2.0) ** (0.5 ** DOUBLINGS[:, None])) - sigma**2 / 2.0)
    return np.maximum((greatest * widths / 2.0).sum(axis=1), 1.0)


def _at_most(k: ArrayLike, mean: Floats) -> Floats:
    """Probability that a Poisson number is at most k; 0 below 0."""
    from scipy.special import pdtr  # heavy

    k = np.asarray(k, dtype=float)
    return np.where(k < 0, 0.0, pdtr(np.maximum(k, 0.0), mean))

"""Speculative decoding: drafted tokens, of which a step keeps those that the model would have written itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from firstlight.spec import workload
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class Drafts:
    """Tokens that a small part of the model drafts one after the other (multi-token prediction, EAGLE).

    Attributes:
        tokens: drafted before each step.
        first: probability that the first is accepted. later: that each further one is, where the one before was.
    """

    tokens: int
    first: float
    later: float

    @classmethod
    def of(cls, given: workload.Drafts | None, a: Assumptions) -> Drafts | None:
        """As a workload asks for; None where it does not."""
        if given is None:
            return None
        first = a["performance.serving_drafts_first"] if given.accepted is None else given.accepted
        later = first * a["performance.serving_drafts_later"] if given.later is None else given.later
        return cls(given.tokens, first, later)

    @property
    def gain(self) -> float:
        """Tokens that a step writes on average: the model's own, and the drafts that are accepted."""
        return float(accepted(self.tokens, self.first, self.later))

    @property
    def verified(self) -> float:
        """Tokens of a request that a step computes."""
        return self.tokens + 1.0


def accepted(tokens: ArrayLike, first: ArrayLike, later: ArrayLike) -> Floats:
    """Tokens of a step with so many drafts: 1 + a (1 - b^K) / (1 - b), the mean acceptance length.

    With b = a this is the (1 - a^(K + 1)) / (1 - a) of Leviathan et al. (arXiv 2211.17192); measured lengths grow more
    slowly, as later drafts are guessed from guesses.

    Args:
        tokens: K. first: a. later: b, below 1.
    """
    drafted, more = np.asarray(tokens, dtype=float), np.minimum(np.asarray(later, dtype=float), 1.0 - 1e-9)
    return 1.0 + np.asarray(first) * -np.expm1(drafted * np.log(np.maximum(more, 1e-12))) / (1.0 - more)

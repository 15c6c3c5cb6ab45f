"""Exchanges of routed tokens: how many copies of a token go where, and the bytes of dispatch and combine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from firstlight.network.collectives.tiers import Group
from firstlight.network.collectives.timed.shapes import distinct
from firstlight.twin.protocols import Floats

Once = Literal["expert", "rank", "domain"]
"""What gets one copy of a token at most: each of its experts, each rank, or each scale-up domain that passes it on."""
ONCE: tuple[Once, ...] = ("expert", "rank", "domain")


@dataclass(frozen=True)
class Tokens:
    """Tokens that a rank dispatches to experts, or gets back combined; experts are drawn evenly.

    Attributes:
        count: of a rank; each: bytes of a token, with its scales [B].
        active: experts of a token. once: who gets one copy at most.
    """

    count: float
    each: float
    active: float
    once: Once = "domain"

    def sent(self, group: Group) -> tuple[Floats, Floats]:
        """Bytes that a rank sends inside its domain (its own and passed on for others), and to other domains [B]."""
        n, m = group.inner, group.domains
        copies = distinct(group.ranks, np.asarray(self.active)) if self.once != "expert" else np.asarray(self.active)
        across = copies * (m - 1) / m
        inside = copies * (n - 1) / group.ranks
        if self.once == "domain":
            across = distinct(m, np.asarray(self.active)) * (m - 1) / m
            inside = copies * (n - 1) / n
        held = self.count * self.each
        return held * inside, held * across

"""Complete graphs by arithmetic: each pair of members joined by equally many links, or as near to that as it goes.

A round joins each pair once, circle by circle: circle d joins every member i with i + d (mod members), and of an even
number of members the last circle is half a one. Circles beyond the last whole round join the nearest members again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.twin.protocols import Ints


@dataclass(frozen=True)
class Circles:
    """Links among the members of one group, numbered round by round.

    Attributes:
        size: members.
        rounds: links of every pair.
        extra: circles beyond, at most (size - 1) / 2: members that far apart or nearer have one link more.
    """

    size: int
    rounds: int
    extra: int = 0

    @property
    def whole(self) -> int:
        """Links of one round."""
        return self.size * (self.size - 1) // 2

    @property
    def count(self) -> int:
        """All links."""
        return self.rounds * self.whole + self.extra * self.size

    @property
    def degree(self) -> int:
        """Links of one member."""
        return self.rounds * (self.size - 1) + 2 * self.extra

    def _circle(self, links: Ints) -> tuple[Ints, Ints, Ints]:
        """Round, circle from 0, and the member that each link begins at."""
        turn, index = np.divmod(links, max(self.whole, 1))
        circle, start = np.divmod(index, self.size)
        return turn, circle, start

    def ends(self, links: Ints) -> tuple[Ints, Ints]:
        """Both members of each link; like `links`."""
        _, circle, start = self._circle(links)
        return start, (start + circle + 1) % self.size

    def ports(self, links: Ints) -> tuple[Ints, Ints]:
        """Port of each end, from 0 below `degree`; like `links`."""
        turn, circle, _ = self._circle(links)
        port = turn * (self.size - 1) + 2 * circle
        return port, port + (2 * (circle + 1) != self.size)

    def width(self, one: Ints, other: Ints) -> Ints:
        """Links between two members; like `one`."""
        apart = (other - one) % self.size
        near = np.minimum(apart, self.size - apart) <= self.extra
        return np.where(apart == 0, 0, self.rounds + near)

    def find(self, one: Ints, other: Ints, which: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """The link number `which` (below `width`) of two members, and whether it begins at `one`; like `one`."""
        apart = (other - one) % self.size
        back = (2 * apart > self.size) | ((2 * apart == self.size) & (2 * one >= self.size))
        start, circle = np.where(back, other, one), np.where(back, self.size - apart, apart) - 1
        return which * self.whole + circle * self.size + start, ~back

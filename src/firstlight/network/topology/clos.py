"""The folded Clos network (fat tree): any endpoint to any leaf, in the order of their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from firstlight.network.topology.base import Made, Switched, Wishes, tiers_and_bundles
from firstlight.network.topology.fold import fold
from firstlight.twin.protocols import Ints


@final
@dataclass(frozen=True)
class Clos(Switched):
    """Endpoints fill the leaves one after the other, evenly."""

    def attach(self, endpoints: Ints) -> tuple[Ints, Ints, Ints]:
        """See `Switched.attach`."""
        leaf, port = self.shape.seat(endpoints)
        return np.zeros_like(leaf), leaf, port


def clos(endpoints: int, planes: int, wishes: Wishes, made: Made) -> Clos:
    """A Clos network on each plane.

    Raises:
        UsageError: the link does not fit the switch's ports, or the network cannot be built so.
    """
    shape = fold(endpoints, 1, made.limits(wishes))
    tiers, bundles = tiers_and_bundles(shape, endpoints, planes, 1, made)
    return Clos("clos", endpoints, planes, 1, shape, tiers, bundles)

"""The folded Clos network (fat tree): any endpoint to any leaf, in the order of their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from firstlight.network.topology.base import Switched, links_per_switch, tiers_and_bundles
from firstlight.network.topology.stages import fold
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Ints


@final
@dataclass(frozen=True)
class Clos(Switched):
    """Endpoints fill the leaves one after the other, evenly."""

    def attach(self, endpoints: Ints) -> tuple[Ints, Ints, Ints]:
        """See `Switched.attach`."""
        leaf, port = self.shape.seat(endpoints)
        return np.zeros_like(leaf), leaf, port


def clos(endpoints: int, planes: int, taper: float, switch: Switch, link: float) -> Clos:
    """A Clos network on each plane; `link` is the speed of one plane's link [B/s].

    Raises:
        UsageError: the link does not fit the switch's ports, or four tiers do not hold the endpoints.
    """
    shape = fold(endpoints, 1, links_per_switch(switch, link), taper)
    tiers, bundles = tiers_and_bundles(shape, endpoints, planes, 1, switch, link)
    return Clos("clos", endpoints, planes, 1, shape, tiers, bundles)

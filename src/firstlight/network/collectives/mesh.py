"""Collectives on a three-dimensional torus of accelerators.

Ring operations run along one dimension after the other (Chan et al., "Collective communication: theory, practice, and
experience", 2007), so that two of an accelerator's six links are busy at a time: a third of them all, which is what is
measured. An all-to-all is limited by the mean distance, a quarter of each dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from firstlight.network.collectives.tiers import Group, Tier
from firstlight.spec.assumptions import Assumptions
from firstlight.twin.protocols import Floats, Operation


@dataclass(frozen=True)
class Mesh:
    """Time of collectives over a cube-like part of a torus.

    Attributes:
        links: bandwidth of all links of one accelerator, one direction [B/s].
        base, hop: to start, and for each step to a neighbour [s].
        efficiency: share of the links' bandwidth that is reached.
    """

    tiers: ClassVar[tuple[Tier, ...]] = ()
    links: float
    base: float
    hop: float
    efficiency: float

    def seconds(self, operation: Operation, size: Floats, group: Group) -> Floats:
        """Time [s]; size [B] and members broadcast. All levels of the group are one level here."""
        members = group.ranks
        side = np.cbrt(members)
        reach = 3 * (side - 1)
        bandwidth = self.links * self.efficiency
        share = (members - 1) / members
        steps, volume = {
            "all_reduce": (2 * reach, 2 * size * share),
            "all_gather": (reach, size * share),
            "reduce_scatter": (reach, size * share),
            "broadcast": (reach, size),
            "all_to_all": (reach / 2, size * np.maximum(0.75 * side, share)),
            "send_receive": (reach / 4, 2 * size),  # one link, of the two that a ring keeps busy
        }[operation]
        return self.base + steps * self.hop + volume / bandwidth


def mesh(links: float, a: Assumptions) -> Mesh:
    """The times on a torus whose accelerators have links of `links` [B/s] together."""
    return Mesh(links, a["network.torus_base"], a["network.torus_hop"], a.positive("network.torus_efficiency"))

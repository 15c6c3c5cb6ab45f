"""The arithmetic of a folded Clos network: how many switches in each tier, and which link joins which.

A network of T tiers is built of equal groups: leaves with their spines are a pod, pods with the tier above them a
larger group, up to the top tier, which uses all of its ports downwards (Clos 1953; Al-Fares et al., SIGCOMM 2008).
How many switches of each tier it takes is `fold`'s to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from firstlight.twin.protocols import Ints


@dataclass(frozen=True)
class Stage:
    """All links of one network between two neighbouring tiers of switches, in equal groups.

    Uplink i of a group leaves lower switch i // up and enters upper switch i % upper: consecutive uplinks spread over
    all upper switches, so that loads differ by at most one link.

    Attributes:
        groups: groups side by side that share nothing.
        lower: lower switches of one group; up: uplinks of each.
        upper: upper switches of one group.
    """

    groups: int
    lower: int
    up: int
    upper: int

    @property
    def links(self) -> int:
        """All links of the stage."""
        return self.groups * self.lower * self.up

    def ends(self, links: Ints) -> tuple[Ints, Ints]:
        """Lower and upper switch of each link, numbered through the network; like `links`."""
        group, i = np.divmod(links, self.lower * self.up)
        return group * self.lower + i // self.up, group * self.upper + i % self.upper

    def ports(self, links: Ints) -> tuple[Ints, Ints]:
        """Uplink port of the lower and downlink port of the upper switch, each from 0; like `links`."""
        i = links % (self.lower * self.up)
        return i % self.up, i // self.upper


@dataclass(frozen=True)
class Shape:
    """One network that is connected in itself.

    Attributes:
        radix: links that one switch can hold.
        members: members to attach: endpoints, or nodes where each node brings one endpoint to each leaf of a unit.
        unit: leaves that a member is attached to (1, or the rails of a rail-optimised unit).
        units: groups of `unit` leaves that share the same members.
        stages: links between the tiers of switches, from the leaves up; none where one switch is enough.
    """

    radix: int
    members: int
    unit: int
    units: int
    stages: tuple[Stage, ...]

    @property
    def leaves(self) -> int:
        """Leaf switches."""
        return self.unit * self.units

    @property
    def switches(self) -> tuple[int, ...]:
        """Switches of each tier, from the leaves up."""
        return (self.leaves, *(stage.groups * stage.upper for stage in self.stages))

    @property
    def members_each(self) -> int:
        """Members of the fullest unit, which is the downlinks of its leaves."""
        return math.ceil(self.members / self.units)

    @property
    def taper(self) -> float:
        """Downlinks over uplinks of the fullest leaf (1 where there is one switch)."""
        return max(1.0, self.members_each / self.stages[0].up) if self.stages else 1.0

    def seat(self, members: Ints) -> tuple[Ints, Ints]:
        """Unit of each member and its downlink port there: as even as whole numbers allow; like `members`."""
        unit = members * self.units // self.members
        first = -(-unit * self.members // self.units)
        return unit, members - first

    @property
    def leaves_below(self) -> tuple[int, ...]:
        """Leaves of one of the parts that each stage joins: 1, then those of a pod, ..."""
        return (1, *(self.leaves // stage.groups for stage in self.stages[:-1])) if self.stages else ()

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Switches on the shortest path between members of two leaves; like `sources`."""
        apart = [(sources // leaves != targets // leaves).astype(np.int64) for leaves in self.leaves_below]
        return 1 + 2 * sum(apart, np.zeros_like(sources))

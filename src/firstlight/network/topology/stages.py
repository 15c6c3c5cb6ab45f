"""The arithmetic of a folded Clos network: how many switches in each tier, and which link joins which.

A network of T tiers is built of equal groups: leaves with their spines are a pod, pods with the tier above them a
larger group, up to the top tier, which uses all of its ports downwards (Clos 1953; Al-Fares et al., SIGCOMM 2008).
Below the top, half of a switch's ports go up; only the leaf may be tapered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from firstlight.errors import UsageError
from firstlight.twin.protocols import Ints

MAX_TIERS = 4

EQUAL_LINKS_ALLOWANCE = 9 / 8
"""Spines bought beyond the fewest so that all trunks between a leaf and a spine are equally wide. NVIDIA's B300
SuperPOD of 4 units does it (72 uplinks: 18 spines with trunks of 4, where 16 would leave trunks of 4 and of 5). Where
pairs are joined by single links there are no trunks to keep equal, and the fewest spines do."""


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


def split(radix: int, taper: float) -> tuple[int, int]:
    """Most downlinks of a leaf and the uplinks that go with them, so that downlinks / uplinks <= taper."""
    ratio = Fraction(taper).limit_denominator(1000)
    up = math.floor(radix / (1 + ratio))
    return math.floor(up * ratio), up


def capacity(radix: int, unit: int, taper: float) -> int:
    """Most members of one network of four tiers (taper 1, one leaf each: radix^4 / 8)."""
    return split(radix, taper)[0] * (radix // 2 // unit) * (radix // 2) * radix


def fold(members: int, unit: int, radix: int, taper: float) -> Shape:
    """The network with the fewest tiers that attaches so many members.

    Args:
        members: endpoints, or nodes with one endpoint on each of `unit` rails.
        unit: leaves that a member is attached to.
        radix: links of a switch.
        taper: greatest downlinks over uplinks of a leaf.

    Raises:
        UsageError: the taper leaves no uplink, or four tiers do not hold the members; says what would do.
    """
    if members * unit <= radix:
        return Shape(radix, members * unit, 1, 1, ())
    down, up = split(radix, taper)
    if not up:
        raise UsageError(
            f"a taper of {taper:g}:1 leaves no uplink on a switch of {radix} links; "
            f"choose at most {radix - 1}:1, or a switch with more ports"
        )
    most = capacity(radix, unit, taper)
    sizes = _sizes(math.ceil(members / down), unit, radix)
    if sizes is None:
        raise UsageError(
            f"{members * unit:,} endpoints do not fit {MAX_TIERS} tiers of switches with {radix} links each at "
            f"{taper:g}:1: these hold at most {most * unit:,}; choose a switch with more ports, or more planes"
        )
    units = math.prod(sizes)
    up = math.ceil(math.ceil(members / units) / Fraction(taper).limit_denominator(1000))
    return Shape(radix, members, unit, units, _stages(sizes, unit, up, radix))


def _sizes(units: int, unit: int, radix: int) -> tuple[int, ...] | None:
    """Units in a pod, pods in the group above, ...; equal groups, as few as hold all units. None: too many."""
    half, counts = radix // 2, [units]
    room, top = half // unit, radix // unit
    while counts[-1] > top:
        if not room or len(counts) == MAX_TIERS - 1:
            return None
        counts.append(math.ceil(counts[-1] / room))
        room, top = half, radix
    sizes, above = list[int](), 1
    for count in reversed(counts):
        sizes.insert(0, math.ceil(count / above))
        above *= sizes[0]
    return tuple(sizes)


def _stages(sizes: tuple[int, ...], unit: int, up: int, radix: int) -> tuple[Stage, ...]:
    stages, switches = list[Stage](), unit
    for level, size in enumerate(sizes):
        top = level == len(sizes) - 1
        lower = size * switches
        upper = _uppers(lower * up, radix if top else radix // 2, up if level == 0 else 0)
        stages.append(Stage(math.prod(sizes[level + 1 :]), lower, up, upper))
        switches, up = upper, math.ceil(lower * up / upper)
    return tuple(stages)


def _uppers(links: int, ports: int, up: int) -> int:
    """Fewest whole switches for the links; for leaves' `up` links, the next count with equal trunks if it is near."""
    fewest = math.ceil(links / ports)
    equal = next((n for n in range(fewest, up // 2 + 1) if up % n == 0), 0)
    return equal if 0 < equal <= fewest * EQUAL_LINKS_ALLOWANCE else fewest

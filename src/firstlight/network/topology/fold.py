"""The folded Clos network with the fewest tiers: how many switches each tier takes, and where a wish cannot be met."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from firstlight.errors import UsageError
from firstlight.network.topology.stages import Shape, Stage

MAX_TIERS = 4

EQUAL_LINKS_ALLOWANCE = 9 / 8
"""Spines bought beyond the fewest so that all trunks between a leaf and a spine are equally wide. NVIDIA's B300
SuperPOD of 4 units does it (72 uplinks: 18 spines with trunks of 4, where 16 would leave trunks of 4 and of 5). Where
pairs are joined by single links there are no trunks to keep equal, and the fewest spines do."""


@dataclass(frozen=True)
class Limits:
    """What a folded network may be made of.

    Attributes:
        radix: links that a leaf holds.
        above: links that a switch of the tiers above holds.
        tapers: downlinks over uplinks, tier by tier from the leaves; 1 where none is given.
        groups: members of a leaf (of a unit's leaves), of a pod, ...: as many as fit where none is given.
        trunk: most parallel links between a leaf and a spine; None: any.
        outside: downlinks over links to other sites of a top switch; None: there are no other sites.
    """

    radix: int
    above: int
    tapers: tuple[float, ...] = (1.0,)
    groups: tuple[int, ...] = ()
    trunk: int | None = None
    outside: float | None = None

    def taper(self, tier: int) -> float:
        """Downlinks over uplinks of a switch of a tier below the top."""
        return self.tapers[tier] if tier < len(self.tapers) else 1.0

    def holds(self, tier: int) -> int:
        """Links of a switch of a tier."""
        return self.above if tier else self.radix

    def down(self, tier: int) -> int:
        """Most downlinks of a switch of a tier below the top."""
        return split(self.holds(tier), self.taper(tier))[0]

    def down_top(self, tier: int) -> int:
        """Most downlinks of a switch of the top tier."""
        return self.holds(tier) if self.outside is None else split(self.holds(tier), self.outside)[0]


def split(radix: int, taper: float) -> tuple[int, int]:
    """Most downlinks of a switch and the uplinks that go with them, so that downlinks / uplinks <= taper; 0 uplinks
    where a switch has not so many links."""
    ratio = _exact(taper)
    if radix < 1 + ratio:
        return radix, 0
    down = math.floor(radix * ratio / (1 + ratio))
    return down, math.ceil(down / ratio)


def _exact(taper: float) -> Fraction:
    return Fraction(taper).limit_denominator(1000)


def fold(members: int, unit: int, limits: Limits) -> Shape:
    """The network with the fewest tiers that attaches so many members.

    Args:
        members: endpoints, or nodes with one endpoint on each of `unit` rails.
        unit: leaves that a member is attached to.
        limits: switches, tapers and wishes.

    Raises:
        UsageError: a taper leaves no uplink, a group does not fit, a wish has no effect, or four tiers do not hold the
            members; says what would do.
    """
    if members * unit <= limits.down_top(0) and not limits.groups:
        _require_effect(limits, 0)
        return Shape(limits.radix, members * unit, 1, 1, ())
    down = _leaf(limits)
    sizes = _sizes(math.ceil(members / down), unit, limits)
    if sizes is None:
        raise UsageError(
            f"{members * unit:,} endpoints do not fit {MAX_TIERS} tiers of switches with {_held(limits)} links each at "
            f"{_ratios(limits)}: these hold at most {capacity(unit, limits) * unit:,}; choose a switch with more "
            "ports, or more planes"
        )
    _require_effect(limits, len(sizes))
    units = math.prod(sizes)
    up = math.ceil(math.ceil(members / units) / _exact(limits.taper(0)))
    return Shape(limits.radix, members, unit, units, _stages(sizes, unit, up, limits))


def capacity(unit: int, limits: Limits) -> int:
    """Most members of one network of four tiers (taper 1, one leaf each: radix^4 / 8)."""
    down = limits.groups[0] if limits.groups else limits.down(0)
    return down * (limits.down(1) // unit) * limits.down(2) * limits.down_top(MAX_TIERS - 1)


def _held(limits: Limits) -> str:
    return f"{limits.radix}" if limits.radix == limits.above else f"{limits.radix} and {limits.above}"


def _ratios(limits: Limits) -> str:
    return ", ".join(f"{taper:g}:1" for taper in limits.tapers)


def _leaf(limits: Limits) -> int:
    """Most members of a leaf."""
    down, up = split(limits.radix, limits.taper(0))
    if not down or not up:
        raise UsageError(
            f"a taper of {limits.taper(0):g}:1 leaves no {'uplink' if down else 'downlink'} on a switch of "
            f"{limits.radix} links; choose at most {limits.radix - 1}:1, or a switch with more ports"
        )
    for tier, taper in enumerate(limits.tapers[1:], 1):
        if not all(split(limits.above, taper)):
            raise UsageError(
                f"a taper of {taper:g}:1 above tier {tier} leaves no uplink or downlink on a switch of "
                f"{limits.above} links; choose at most {limits.above - 1}:1"
            )
    if not limits.groups:
        return down
    if limits.groups[0] > down:
        up = math.ceil(limits.groups[0] / _exact(limits.taper(0)))
        raise UsageError(
            f"a leaf with {limits.groups[0]} endpoints of a group needs {limits.groups[0]} + {up} links at "
            f"{limits.taper(0):g}:1, and a switch holds {limits.radix}: at most {down} endpoints"
        )
    return limits.groups[0]


def _sizes(units: int, unit: int, limits: Limits) -> tuple[int, ...] | None:
    """Units in a pod, pods in the group above, ...; equal groups, as few as hold all units. None: too many."""
    counts, tier = [units], 1
    while True:
        wide = unit if tier == 1 else 1
        wish = _wish(limits, tier)
        if counts[-1] <= limits.down_top(tier) // wide and not (wish and wish < counts[-1]):
            break
        room = limits.down(tier) // wide
        if not room or tier == MAX_TIERS - 1:
            return None
        if wish and wish > room:
            raise UsageError(
                f"groups of {limits.groups[tier]:,} on {limits.groups[tier - 1]:,} are {wish * wide} links for a "
                f"switch of tier {tier + 1}, which has {limits.down(tier)} downlinks at {limits.taper(tier):g}:1; "
                f"write at most {room * limits.groups[tier - 1]:,}"
            )
        counts.append(math.ceil(counts[-1] / (wish or room)))
        tier += 1
    sizes, above = list[int](), 1
    for count in reversed(counts):
        sizes.insert(0, math.ceil(count / above))
        above *= sizes[0]
    return tuple(sizes)


def _wish(limits: Limits, tier: int) -> int:
    """Groups of the tier below that a group of this tier is to hold; 0: any."""
    if tier >= len(limits.groups):
        return 0
    whole, rest = divmod(limits.groups[tier], limits.groups[tier - 1])
    if rest or not whole:
        near = max(whole, 1) * limits.groups[tier - 1]
        raise UsageError(
            f"a group of {limits.groups[tier]:,} is not whole groups of {limits.groups[tier - 1]:,}; the nearest are "
            f"{near:,} and {near + limits.groups[tier - 1]:,}"
        )
    return whole


def _require_effect(limits: Limits, stages: int) -> None:
    """Refuse tapers and groups of tiers that the network does not have."""
    if any(taper != 1 for taper in limits.tapers[max(stages, 1) :]):
        raise UsageError(
            f"a taper of {len(limits.tapers)} tiers has no effect: of {stages + 1} tiers {stages} have uplinks; "
            f"write {max(stages, 1)}"
        )
    if len(limits.groups) > stages:
        raise UsageError(f"the last of {len(limits.groups)} groups has no effect: it holds all endpoints; leave it out")
    if limits.trunk and not stages:
        raise UsageError("a trunk has no effect: one switch joins all endpoints; leave it out")


def _stages(sizes: tuple[int, ...], unit: int, up: int, limits: Limits) -> tuple[Stage, ...]:
    stages, switches = list[Stage](), unit
    for level, size in enumerate(sizes):
        tier, top = level + 1, level == len(sizes) - 1
        lower = size * switches
        ports = limits.down_top(tier) if top else limits.down(tier)
        upper = _uppers(lower * up, ports, up, limits.trunk) if level == 0 else math.ceil(lower * up / ports)
        stages.append(Stage(math.prod(sizes[level + 1 :]), lower, up, upper))
        switches, up = upper, math.ceil(math.ceil(lower * up / upper) / _exact(limits.taper(tier)))
    return tuple(stages)


def _uppers(links: int, ports: int, up: int, trunk: int | None) -> int:
    """Fewest whole switches for leaves' `up` links; the next count with equal trunks if that is near."""
    fewest = max(math.ceil(links / ports), math.ceil(up / trunk) if trunk else 1)
    equal = next((n for n in range(fewest, up // 2 + 1) if up % n == 0), 0)
    return equal if 0 < equal <= fewest * EQUAL_LINKS_ALLOWANCE else fewest

"""Links that are down or slow: by name, by number, or drawn with a seed; whole switches, planes and rails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.spec import near
from firstlight.twin.protocols import Floats, Ints, Topology

FORM = re.compile(
    r"(?P<kind>[a-z][a-z0-9-]*)(?:#(?P<number>\d+)|:(?:(?P<part>\d+(?:\.\d+)?) ?%|(?P<drawn>\d+)))?"
    r"(?:@(?P<share>\d+(?:\.\d+)?) ?%)?"
)


@dataclass(frozen=True)
class Failures:
    """Directed links that have lost capacity; all others are healthy.

    Attributes:
        links: rising, each once.
        share: what is left of the capacity of each, 0 where it is down, below 1 [like `links`].
    """

    links: Ints
    share: Floats

    def shares(self, topology: Topology) -> Floats:
        """What is left of the capacity of each directed link [2 * links]."""
        found = np.ones(2 * topology.links)
        found[self.links] = self.share
        return found

    @property
    def down(self) -> Ints:
        """Directed links that carry nothing."""
        return self.links[self.share == 0]


def degraded(topology: Topology, links: Ints, share: float = 0.0) -> Failures:
    """Links, by their numbers through all bundles, that are left with a share of their capacity in both directions.

    Raises:
        UsageError: a link does not exist, or the share is not one of [0, 1).
    """
    links = np.unique(np.asarray(links, np.int64))
    wrong = links[(links < 0) | (links >= topology.links)]
    if wrong.size:
        raise UsageError(f"link {wrong[0]} does not exist; this fabric has the links 0 to {topology.links - 1:,}")
    if not 0 <= share < 1:
        raise UsageError(f"a share of {share:g} of the capacity is no loss; write 0 (down) or more, below 1")
    both = np.concatenate([links, links + topology.links])
    return Failures(both, np.full(both.size, share))


def merge(*parts: Failures) -> Failures:
    """All of them at once; a link in several has the least share."""
    every, share = (np.concatenate([getattr(part, name) for part in parts]) for name in ("links", "share"))
    links, first = np.unique(every[np.lexsort((share, every))], return_index=True)
    return Failures(links, share[np.lexsort((share, every))][first])


def fail(topology: Topology, names: Sequence[str], seed: int = 0) -> Failures:
    """Failures by name, as on the command line: what, which, and what speed is left.

    "spine#3" is a switch by its tier and number, "leaf-spine#17" a link by its bundle and number, "plane#1" and
    "rail#2" all links of these; "spine:2" are two drawn at random, "leaf-spine:0.5%" half a per cent; "@25%" behind
    any leaves a quarter of the speed.

    Raises:
        UsageError: nothing has that name or number; says which there are.
    """
    seeds = np.random.SeedSequence(seed).spawn(len(names))
    none = Failures(np.zeros(0, np.int64), np.zeros(0))
    parts = [_one(topology, name, np.random.default_rng(own)) for name, own in zip(names, seeds, strict=True)]
    return merge(*parts) if parts else none


def _one(topology: Topology, name: str, rng: np.random.Generator) -> Failures:
    found = FORM.fullmatch(name.strip())
    if not found:
        raise UsageError(
            f'"{name}" is no failure; write one like "spine#3", "spine:2", "leaf-spine:0.5%" or "plane#1@25%"'
        )
    kind, counts = found["kind"], _counts(topology)
    if kind not in counts:
        remedy = near.hint(kind, tuple(counts), f"It has {', '.join(counts)}.")
        raise UsageError(f'"{name}": this {topology.kind} fabric has no {kind}. {remedy}')
    numbers = _numbers(name, counts[kind], found["number"], found["drawn"], found["part"], rng)
    share = float(found["share"] or 0) / 100
    return degraded(topology, _links(topology, kind, numbers), share)


def _counts(topology: Topology) -> dict[str, int]:
    """What can fail, by name, and how many of it there are."""
    found = {tier.name: tier.switches for tier in topology.tiers}
    found |= {bundle.name: bundle.count for bundle in topology.bundles}
    found |= {"plane": topology.planes} if topology.planes > 1 else {}
    return found | ({"rail": rails_of(topology)} if rails_of(topology) > 1 else {})


def _numbers(
    name: str, count: int, number: str | None, drawn: str | None, part: str | None, rng: np.random.Generator
) -> Ints:
    if number is not None:
        if int(number) >= count:
            raise UsageError(f'"{name}": there are the numbers 0 to {count - 1:,}')
        return np.array([int(number)])
    if drawn is None and part is None:
        raise UsageError(f'"{name}" does not say which of {count:,}; write "{name}#0", "{name}:2" or "{name}:1%"')
    some = int(drawn) if drawn is not None else round(float(part or 0) / 100 * count)
    if some > count:
        raise UsageError(f'"{name}": there are {count:,} of it, not {some:,}')
    if part is not None and not some and float(part) > 0:
        raise UsageError(
            f'"{name}": {part} % of {count:,} are {float(part) / 100 * count:.2g}, which rounds to none; write '
            f'"{name.split(":")[0]}:1" for one of it, or leave it out'
        )
    return np.sort(rng.choice(count, some, replace=False))


def _links(topology: Topology, kind: str, numbers: Ints) -> Ints:
    """Links, through all bundles, of the named bundle, switches, planes or rails."""
    offsets = dict(zip((bundle.name for bundle in topology.bundles), topology.offsets, strict=True))
    if kind in offsets:
        return offsets[kind] + numbers
    if kind == "plane":
        return np.concatenate([_of_planes(bundle.count, topology.planes, numbers) + offsets[bundle.name]
                               for bundle in topology.bundles])  # fmt: skip
    if kind == "rail":
        endpoint, leaf = topology.ends(0, np.arange(topology.bundles[0].count))
        return _of_switches(topology, 0, np.unique(leaf[np.isin(endpoint % rails_of(topology), numbers)]))
    return _of_switches(topology, [tier.name for tier in topology.tiers].index(kind), numbers)


def _of_planes(count: int, planes: int, numbers: Ints) -> Ints:
    each = count // planes
    return (numbers[:, None] * each + np.arange(each)).ravel()


def _of_switches(topology: Topology, tier: int, numbers: Ints) -> Ints:
    """All links of some switches of a tier."""
    lost, found = np.zeros(topology.tiers[tier].switches, np.bool_), list[Ints]()
    lost[numbers] = True
    for index, bundle in enumerate(topology.bundles):
        if tier in (bundle.lower, bundle.upper):
            lower, upper = topology.ends(index, np.arange(bundle.count))
            hit: NDArray[np.bool_] = np.zeros(bundle.count, np.bool_)
            hit |= lost[lower] if bundle.lower == tier else False
            hit |= lost[upper] if bundle.upper == tier else False
            found.append(topology.offsets[index] + np.flatnonzero(hit))
    return np.concatenate(found)


def require_ways(sources: Ints, targets: Ints, found: NDArray[np.bool_]) -> None:
    """Pass pairs of endpoints that all have a way left [pairs].

    Raises:
        UsageError: some have none; names the first, and says how many there are.
    """
    lost = np.flatnonzero(~found)
    if lost.size:
        raise UsageError(
            f"no way is left from endpoint {sources[lost[0]]} to {targets[lost[0]]} ({lost.size:,} such pairs in all); "
            "take a failure out, or place the work elsewhere"
        )


def rails_of(topology: Topology) -> int:
    """Rails of a rail fabric, 1 of all others."""
    from firstlight.network.topology import RailOnly, RailOptimised

    if isinstance(topology, RailOptimised):
        return topology.shape.unit
    return topology.rails if isinstance(topology, RailOnly) else 1

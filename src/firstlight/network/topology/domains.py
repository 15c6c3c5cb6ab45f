"""Scale-up domains (NVLink of 8, 72, 144, 576 accelerators, UALink) as networks, and as the level below a fabric."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.topology.base import Made, Switched, tiers_and_bundles
from firstlight.network.topology.digits import digit
from firstlight.network.topology.fold import Limits, fold
from firstlight.network.topology.stages import Shape
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Bundle, Hashes, Ints, Level, Paths, Tier, Topology

_EDGE = 1e-9
_NIC = 2000
"""Digit of the hash that chooses among an accelerator's NICs."""


@final
@dataclass(frozen=True)
class Domains(Switched):
    """Accelerators numbered domain by domain; `rails` are the domains, without a path between them."""

    def attach(self, endpoints: Ints) -> tuple[Ints, Ints, Ints]:
        """See `Switched.attach`."""
        domain, member = np.divmod(endpoints, self.endpoints // self.rails)
        leaf, port = self.shape.seat(member)
        return domain, leaf, port

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`; the last one is a domain."""
        scale = 1 / self.rails
        found = super().levels()
        return tuple(
            replace(level, endpoints=level.endpoints * scale, neighbour=max(1.0, level.neighbour * scale))
            for level in found
        )


def scale_up(accelerators: int, domain: int, bandwidth: float, switch: Switch) -> Domains:
    """Domains of accelerators that are joined to every scale-up switch of theirs by as many links.

    One tier where a switch has a port for each accelerator, with as few switches as hold all links evenly; otherwise a
    folded network for each link of an accelerator.

    Args:
        accelerators: in all.
        domain: accelerators of one domain.
        bandwidth: of all links of one accelerator, one direction [B/s].
        switch: scale-up switch.

    Raises:
        UsageError: no whole domains, or bandwidth that is not whole links of the switch's ports.
    """
    if accelerators % domain:
        near = max(accelerators // domain, 1) * domain
        raise UsageError(
            f"{accelerators:,} accelerators are not whole domains of {domain}; the nearest are {near:,} and "
            f"{near + domain:,}"
        )
    each = round(bandwidth / switch.port_bandwidth)
    if not each or abs(bandwidth / switch.port_bandwidth - each) > _EDGE * each:
        wanted, port = (units.show(b, "bandwidth") for b in (bandwidth, switch.port_bandwidth))
        raise UsageError(
            f"{wanted} of scale-up bandwidth are {bandwidth / switch.port_bandwidth:.4g} ports of {switch.name} "
            f"({port}), not whole ones; choose a switch of the accelerator's own generation"
        )
    if domain <= switch.ports:
        fewest = math.ceil(domain * each / switch.ports)
        planes = next(n for n in range(fewest, each + 1) if each % n == 0 and domain * (each // n) <= switch.ports)
        shape = Shape(switch.ports, domain, 1, 1, ())
    else:
        planes, shape = each, fold(domain, 1, Limits(switch.ports, switch.ports))
    wide = switch.model_copy(update={"port_bandwidth": bandwidth / planes, "ports": switch.ports * planes // each})
    made, count = Made(wide, wide, bandwidth / planes), accelerators // domain
    tiers, bundles = tiers_and_bundles(shape, accelerators, planes, count, made)
    named = tuple(replace(tier, name=f"scale-up-{tier.name}") for tier in tiers)
    own = (replace(bundle, name=f"scale-up-{bundle.name}") for bundle in bundles)
    return Domains("scale-up", accelerators, planes, count, shape, named, tuple(own))


@final
@dataclass(frozen=True)
class Joined(Topology):
    """Scale-up domains under a scale-out fabric: the endpoints are accelerators, the bundles of the domains come first.

    Attributes:
        inside: the domains.
        outside: the fabric of their NICs.
    """

    kind: str
    endpoints: int
    planes: int
    tiers: tuple[Tier, ...]
    bundles: tuple[Bundle, ...]
    inside: Domains
    outside: Topology

    def _nics(self, accelerators: Ints, hashes: Hashes | None = None) -> Ints:
        """The NIC of each accelerator; of several the first, or by a digit of the hash; like `accelerators`."""
        first = accelerators * self.outside.endpoints // self.endpoints
        several = self.outside.endpoints // self.endpoints
        return first if hashes is None or several < 2 else first + digit(hashes, _NIC, np.asarray(several))

    def _accelerators(self, nics: Ints) -> Ints:
        """The accelerator of each NIC, the first of several; like `nics`."""
        return -(-nics * self.endpoints // self.outside.endpoints)

    def ends(self, bundle: int, links: Ints) -> tuple[Ints, Ints]:
        """Both ends of some links of a bundle; see `Topology.ends`."""
        own = len(self.inside.bundles)
        if bundle < own:
            return self.inside.ends(bundle, links)
        lower, upper = self.outside.ends(bundle - own, links)
        return self._accelerators(lower) if self.bundles[bundle].lower < 0 else lower, upper

    def bisection(self) -> float:
        """Bandwidth between two halves of the endpoints, one direction [B/s]: between domains, that of the fabric."""
        return self.outside.bisection() if self.inside.rails > 1 else self.inside.bisection()

    def hops(self) -> int:
        """Switches on the longest shortest path."""
        return max(self.inside.hops(), self.outside.hops()) if self.inside.rails > 1 else self.inside.hops()

    def distance(self, sources: Ints, targets: Ints) -> Ints:
        """Switches on the path: of the domain inside it, of the fabric between domains; -1 where there is none."""
        inner = self.inside.distance(sources, targets)
        outer = self.outside.distance(self._nics(np.asarray(sources)), self._nics(np.asarray(targets)))
        return np.where(inner >= 0, inner, outer)

    def levels(self) -> tuple[Level, ...]:
        """See `Topology.levels`: the domain, then the fabric's."""
        scale = self.endpoints / self.outside.endpoints
        outer = (replace(level, endpoints=level.endpoints * scale) for level in self.outside.levels())
        domain = self.inside.levels()[-1]
        return domain, *(level for level in outer if level.endpoints > domain.endpoints)

    def routes(self, sources: Ints, targets: Ints, hashes: Hashes) -> Paths:
        """See `Topology.routes`."""
        sources, targets = self.pairs(sources, targets)
        inner = self.inside.distance(sources, targets) >= 0
        near, far = np.flatnonzero(inner), np.flatnonzero(~inner)
        out, into = (self._nics(ends[far], hashes[far]) for ends in (sources, targets))
        found = (
            (near, self.inside.routes(sources[near], targets[near], hashes[near]), self.inside.links, 0),
            (far, self.outside.routes(out, into, hashes[far]), self.outside.links, self.inside.links),
        )
        paths = np.full((len(sources), max(part.shape[1] for _, part, _, _ in found)), -1, np.int32)
        for rows, part, links, first in found:
            moved = part + first + (part >= links) * (self.links - links)
            paths[rows, : part.shape[1]] = np.where(part < 0, -1, moved)
        return paths


def joined(inside: Domains, outside: Topology) -> Joined:
    """Scale-up domains under the fabric that joins their NICs.

    Raises:
        UsageError: the fabric is a torus, which has no NICs.
    """
    if not outside.tiers:
        raise UsageError("a torus joins accelerators, and no NICs of scale-up domains; choose a fabric of switches")
    own = len(inside.tiers)
    shifted = (
        replace(bundle, lower=bundle.lower + own if bundle.lower >= 0 else -1, upper=bundle.upper + own)
        for bundle in outside.bundles
    )
    tiers, bundles = (*inside.tiers, *outside.tiers), (*inside.bundles, *shifted)
    return Joined(outside.kind, inside.endpoints, outside.planes, tiers, bundles, inside, outside)

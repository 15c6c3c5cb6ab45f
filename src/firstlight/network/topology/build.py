"""From a fabric design to its topology."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.topology.base import Made, Wishes, links_per_switch
from firstlight.network.topology.clos import clos
from firstlight.network.topology.dragonfly import dragonfly
from firstlight.network.topology.dual import dual_tor
from firstlight.network.topology.hyperx import hyperx
from firstlight.network.topology.rail import rail_only, rail_optimised
from firstlight.network.topology.sites import sites
from firstlight.network.topology.slices import slices
from firstlight.network.topology.slimfly import slim_fly
from firstlight.network.topology.torus import torus
from firstlight.spec.fabric import FabricDesign, without_effect
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Topology


@dataclass(frozen=True)
class _Job:
    """What the builders of switched kinds are given: endpoints of one site; `link` is the whole NIC port's [B/s]."""

    design: FabricDesign
    endpoints: int
    rails: int
    planes: int
    switch: Switch
    spine: Switch
    link: float

    @property
    def made(self) -> Made:
        return Made(self.switch, self.spine, self.link / self.planes)

    @property
    def wishes(self) -> Wishes:
        taper = self.design.taper or 1.0
        outside = self.design.sites.taper if self.design.sites else None
        tapers = taper if isinstance(taper, tuple) else (taper,)
        return Wishes(tapers, self.design.groups or (), self.design.trunk, outside)


def build(
    design: FabricDesign, endpoints: int, endpoints_per_node: int, switch: Switch | None, spine: Switch | None = None
) -> Topology:
    """The fabric that joins so many endpoints.

    Args:
        design: with kind and link resolved; planes and taper default to 1.
        endpoints: NICs of accelerators (accelerators, on a torus).
        endpoints_per_node: of one host: its rails.
        switch: the part that `design.switch` names; None on a torus.
        spine: the part that `design.spine_switch` names; None: as `switch`.

    Raises:
        UsageError: the fabric cannot be built so, or a choice would have no effect; says what would do.
    """
    if design.kind is None or design.link is None:
        missing = "kind" if design.kind is None else "link"
        raise UsageError(f"design.fabric.{missing} is open; write one, such as {_EXAMPLES[missing]}")
    if endpoints < 1:
        raise UsageError(f"a fabric joins at least one endpoint, not {endpoints}")
    for name, why in without_effect(design):
        raise UsageError(f"design.fabric.{name} has no effect {why}; leave it out, or choose another kind")
    if design.kind == "torus":
        if switch is not None:
            raise UsageError("design.fabric.switch has no effect on a torus; leave it out, or choose kind: clos")
        if design.torus and design.torus.slices:
            return slices(endpoints, design.torus.slices, design.link)
        return torus(endpoints, endpoints_per_node, design.link, design.torus)
    if switch is None:
        raise UsageError(f"design.fabric.switch is open; a {design.kind} fabric needs a switch id of the catalogue")
    for part in (switch, spine or switch):
        _require_split(part, design.link, 2 if design.kind == "dual-tor" else design.planes or 1)
    each = _of_a_site(design, endpoints)
    job = _Job(design, each, endpoints_per_node, design.planes or 1, switch, spine or switch, design.link)
    inside = _BUILDERS[design.kind](job)
    if design.sites is None:
        return inside
    top = job.spine if len(inside.tiers) > 1 else job.switch
    link = inside.bundles[0].bandwidth
    return sites(inside, design.sites, links_per_switch(top, link), link)


_EXAMPLES = {"kind": '"kind: clos"', "link": '"link: 400 Gb/s"'}
_BUILDERS: Mapping[str, Callable[[_Job], Topology]] = {
    "clos": lambda j: clos(j.endpoints, j.planes, j.wishes, j.made),
    "rail-optimised": lambda j: rail_optimised(j.endpoints, j.rails, j.planes, j.wishes, j.made),
    "rail-only": lambda j: rail_only(j.endpoints, j.rails, j.planes, j.wishes, j.made),
    "dual-tor": lambda j: dual_tor(j.endpoints, j.rails, j.planes, j.wishes, Made(j.switch, j.spine, j.link)),
    "dragonfly": lambda j: dragonfly(j.endpoints, j.planes, j.design.dragonfly, j.switch, j.link / j.planes),
    "slim-fly": lambda j: slim_fly(j.endpoints, j.planes, j.design.slim_fly, j.switch, j.link / j.planes),
    "hyperx": lambda j: hyperx(j.endpoints, j.planes, j.design.hyperx, j.switch, j.link / j.planes),
}


def _require_split(switch: Switch, link: float, ways: int) -> None:
    """Refuse planes whose links are no part that the switch's ports split into; `link` of the whole NIC port [B/s]."""
    port = switch.port_bandwidth
    parts = [port / breakout for breakout in switch.breakouts]
    if ways == 1 or link / ways > port * (1 + 1e-9) or any(math.isclose(link / ways, part) for part in parts):
        return
    whole, each = units.show(port, "bandwidth"), units.show(link / ways, "bandwidth")
    splits, speeds = map(str, switch.breakouts), (units.show(part, "bandwidth") for part in parts)
    real = sorted({1, *(round(link / p) for p in parts if link >= p and math.isclose(link / p, round(link / p)))})
    raise UsageError(
        f"{units.show(link, 'bandwidth')} split in {ways} are links of {each}, and a port of {switch.name} ({whole}) "
        f"splits in {' or '.join(splits)}: links of {' or '.join(speeds)}. Write design.fabric.planes: "
        f"{' or '.join(map(str, real))}, or choose a switch with other breakouts"
    )


def _of_a_site(design: FabricDesign, endpoints: int) -> int:
    """Endpoints of one site."""
    if design.sites is None:
        return endpoints
    count = design.sites.count
    if endpoints % count:
        near = endpoints // count * count
        raise UsageError(
            f"{endpoints:,} endpoints are not {count} equal sites; the nearest are {near:,} and {near + count:,}"
        )
    return endpoints // count

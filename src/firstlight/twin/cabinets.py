"""How many systems or switches one rack takes: by what its strips deliver, its height, and the heat to air."""

from __future__ import annotations

import math
from dataclasses import dataclass

from firstlight import units
from firstlight.errors import InfeasibleError, Limit, UsageError
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Rack, Switch, System, Transceiver
from firstlight.spec.site import Site
from firstlight.twin.protocols import Topology

_EDGE = 1e-9


@dataclass(frozen=True)
class Cabinet:
    """A rack as it is filled.

    Attributes:
        rack: part of the catalogue; None where a system brings cabinets of its own.
        holds: systems or switches in one (rack-scale systems: 1).
        racks_each: racks that one system takes.
        width, depth: footprint [m].
        mass: empty [kg]; 0 where a system brings its own.
    """

    rack: Rack | None
    holds: int
    racks_each: int
    width: float
    depth: float
    mass: float


@dataclass(frozen=True)
class Shelf:
    """The switches of one tier and the racks that they stand in.

    Attributes:
        cabinet: the rack, and how many switches it holds.
        power, idle: of one switch with its optics [W].
        mass: of one switch [kg].
    """

    cabinet: Cabinet
    power: float
    idle: float
    mass: float


def require_cooling(system: System, site: Site) -> None:
    """Pass a system whose heat the site can take.

    Raises:
        InfeasibleError: a share of the heat goes where the site takes none; says what to change.
    """
    shares = {"liquid": system.liquid, "air": 1 - system.liquid}
    for kind, share in shares.items():
        if share > _EDGE and kind not in site.cooling:
            other = "an air-cooled system" if kind == "liquid" else "a system that gives all its heat to liquid"
            limit = Limit(
                "site.cooling",
                f"{kind} for {units.show(share, 'fraction')} of the heat of {system.id}",
                " and ".join(site.cooling),
                f"Add {kind} to site.cooling, or choose {other}.",
            )
            raise InfeasibleError(f"the site cannot cool {system.name}:", (limit,))


def compute_cabinet(system: System, catalog: Catalog, a: Assumptions) -> Cabinet:
    """The rack that takes the most systems, up to the system's `per_rack`, at the least price.

    Rack-scale systems, and servers of cabinets wider than any rack of the catalogue (HPE Cray EX), bring their own.

    Raises:
        UsageError: no rack takes even one, by power, height or heat to air; says which and what to change.
    """
    own = Cabinet(None, system.per_rack, system.racks_each, system.rack_width, system.rack_depth, 0.0)
    wide = [rack for rack in catalog.parts(Rack) if rack.width >= system.rack_width - _EDGE]
    if system.racks == "rack" or not wide:
        _require_air(system.power * (1 - system.liquid) * own.holds / own.racks_each, system.id, a)
        return own
    most = min(system.per_rack, _fitting(a.positive("twin.air_rack_power"), system.power * (1 - system.liquid)))
    if not most:
        _require_air(system.power * (1 - system.liquid), system.id, a)
    held = {rack.id: min(most, _held(rack, system.power, system.rack_units)) for rack in wide}
    best = min(wide, key=lambda rack: (-held[rack.id], _price(rack)))
    if not held[best.id]:
        raise UsageError(
            f"no rack of the catalogue takes one {system.id}: {units.show(system.power, 'power')}, "
            f"{system.rack_units:g} U; add a rack that does"
        )
    return _cabinet(best, held[best.id])


def service_cabinet(catalog: Catalog, a: Assumptions) -> Cabinet:
    """The cheapest rack that delivers the power of a storage or management rack.

    Raises:
        UsageError: there is none, or that is more than air takes from a rack.
    """
    _require_air(a["twin.service_rack_power"], "storage", a)
    return _cabinet(_cheapest(catalog, a["twin.service_rack_power"], 1.0, "storage rack"), 1)


def shelf(topology: Topology, tier: int, catalog: Catalog, a: Assumptions) -> Shelf:
    """The racks of a tier's switches: the cheapest rack that takes one, filled up to a share of its height.

    Raises:
        UsageError: no rack takes one of these switches, or one is more than air takes from a rack.
    """
    switch = catalog.part(Switch, topology.tiers[tier].switch)
    optics = optics_power(topology, tier, switch, catalog)
    power = switch.power + optics
    _require_air(power, switch.id, a)
    rack = _cheapest(catalog, power, switch.rack_units, switch.id)
    height = math.floor(a["twin.network_rack_fill"] * rack.rack_units / switch.rack_units + _EDGE)
    holds = max(1, min(height, _fitting(min(rack.power, a["twin.air_rack_power"]), power)))
    idle = a["twin.switch_idle"] * switch.power + optics
    return Shelf(_cabinet(rack, holds), power, idle, a["twin.switch_mass"] * switch.rack_units)


def optics_power(topology: Topology, tier: int, switch: Switch, catalog: Catalog) -> float:
    """Power of the pluggable optics in one switch of a tier [W], as if all its links were optical.

    Each link takes its share, by bandwidth, of the transceiver with the least power per bandwidth that fits the ports.
    """
    if switch.optics == "co-packaged":
        return 0.0
    fitting = [t for t in catalog.parts(Transceiver) if t.bandwidth <= switch.port_bandwidth * (1 + _EDGE)]
    per_bandwidth = min((t.power / t.bandwidth for t in fitting), default=0.0)
    traffic = sum(b.count * b.bandwidth * ((b.lower == tier) + (b.upper == tier)) for b in topology.bundles)
    return traffic / topology.tiers[tier].switches * per_bandwidth


def _fitting(whole: float, each: float) -> int:
    """How often `each` goes into `whole`; without end where it is nothing."""
    return math.floor(whole / each + _EDGE) if each > _EDGE * whole else 1 << 30


def _held(rack: Rack, power: float, height: float) -> int:
    return min(_fitting(rack.power, power), _fitting(rack.rack_units, height))


def _price(rack: Rack) -> tuple[float, str]:
    return (math.inf if rack.price is None else rack.price), rack.id


def _cheapest(catalog: Catalog, power: float, height: float, what: str) -> Rack:
    """The cheapest rack that takes one piece of this power [W] and height [U]."""
    fitting = [rack for rack in catalog.parts(Rack) if _held(rack, power, height)]
    if not fitting:
        raise UsageError(
            f"no rack of the catalogue takes one {what}: {units.show(power, 'power')}, {height:g} U; "
            "add a rack that does"
        )
    return min(fitting, key=_price)


def _cabinet(rack: Rack, holds: int) -> Cabinet:
    return Cabinet(rack, holds, 1, rack.width, rack.depth, rack.mass)


def _require_air(heat: float, what: str, a: Assumptions) -> None:
    """Refuse a rack that gives more heat to air [W] than air can take."""
    if heat > a.positive("twin.air_rack_power") * (1 + _EDGE):
        raise UsageError(
            f"a rack of {what} gives {units.show(heat, 'power')} to air, and air takes "
            f"{units.show(a['twin.air_rack_power'], 'power')} from a rack; choose one that gives less, "
            "or raise assumptions.twin.air_rack_power"
        )

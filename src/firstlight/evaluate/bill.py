"""The bill of materials, gathered from what the factory, the fabric and the plant say is needed."""

from __future__ import annotations

import math

import numpy as np

from firstlight.evaluate.build import Built
from firstlight.facility.result import FacilityResult
from firstlight.network.result import NetworkResult
from firstlight.spec import parts as kinds
from firstlight.spec.catalog import Catalog
from firstlight.spec.parts import Part
from firstlight.spec.site import Site
from firstlight.twin.bill import BillLine
from firstlight.twin.factory import RackKind

_PLANT = {
    kinds.Transformer: ("Power", "transformer"),
    kinds.Ups: ("Power", "ups"),
    kinds.Generator: ("Power", "generator"),
    kinds.Battery: ("Power", "battery"),
    kinds.Cdu: ("Cooling", "cdu"),
    kinds.Chiller: ("Cooling", "chiller"),
    kinds.DryCooler: ("Cooling", "dry-cooler"),
    kinds.AirHandler: ("Cooling", "air-handler"),
}


def bill(
    built: Built, network: NetworkResult, facility: FacilityResult, catalog: Catalog, site: Site
) -> tuple[BillLine, ...]:
    """All that is bought in pieces; buildings, installation and the like are added by `economics` from the power.

    A substation that already stands is not bought.
    """
    return (
        _line("IT", built.parts.system, built.factory.systems, "accelerators"),
        *_racks(built, catalog),
        *_switches(network, catalog),
        *_cables(network, catalog),
        *_plant(facility, catalog, "utility" in site.existing),
    )


def _line(category: str, part: Part, count: float, lead: str) -> BillLine:
    fact = part.provenance("price")
    price = math.nan if part.price is None else part.price
    rating = float(getattr(part, "rating", getattr(part, "capacity", 0.0)))
    return BillLine(category, part.name, part.id, count, "", price, fact.source, fact.standing, lead, rating)


def _racks(built: Built, catalog: Catalog) -> list[BillLine]:
    """Empty racks, for servers and for switches; rack-scale systems bring their own."""
    kind = built.factory.racks.kind
    own = built.parts.system.racks == "rack"
    count = int(np.sum(kind != RackKind.COMPUTE)) if own else len(kind)
    fitting = [rack for rack in catalog.parts(kinds.Rack) if rack.price is not None]
    if not count or not fitting:
        return []
    cheapest = min(fitting, key=lambda rack: rack.price or 0.0)
    return [_line("IT", cheapest, count, "racks")]


def _switches(network: NetworkResult, catalog: Catalog) -> list[BillLine]:
    counts: dict[str, int] = {}
    for _, switch, count in network.tiers:
        counts[switch] = counts.get(switch, 0) + count
    return [_line("Network", catalog.part(kinds.Switch, ident), n, "switches") for ident, n in counts.items()]


def _cables(network: NetworkResult, catalog: Catalog) -> list[BillLine]:
    lines: list[BillLine] = []
    modules: dict[str, int] = {}
    for line in network.cables:
        cable = catalog.part(kinds.Cable, line.part)
        fact = cable.provenance("price")
        each = (cable.price or 0.0) + cable.price_per_metre * line.length
        item = f"{cable.name}, {line.length:g} m"
        lines.append(BillLine("Network", item, cable.id, line.count, "", each, fact.source, fact.standing, "cables"))
        for module, count in line.modules:
            modules[module] = modules.get(module, 0) + count
    optics = [_line("Network", catalog.part(kinds.Transceiver, ident), n, "optics") for ident, n in modules.items()]
    return optics + lines


def _plant(facility: FacilityResult, catalog: Catalog, substation_stands: bool) -> list[BillLine]:
    lines: list[BillLine] = []
    for unit in facility.plant:
        part = next(p for kind in _PLANT for p in catalog.parts(kind) if p.id == unit.part)
        category, lead = _PLANT[type(part)]
        if isinstance(part, kinds.Transformer) and part.high_voltage:
            if substation_stands:
                continue
            lead = "transformer-high-voltage"
        lines.append(_line(category, part, unit.count, lead))
    return lines

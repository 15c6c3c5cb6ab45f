"""Small choices among catalogue parts, each with its rule in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from firstlight import units
from firstlight.errors import UsageError
from firstlight.evaluate.build import Parts
from firstlight.network import topology
from firstlight.spec import parts as kinds
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import CoolingDesign, FabricDesign, PowerDesign
from firstlight.spec.parts import Part, Switch

Reasons = dict[str, str]
"""Why each proposed value was proposed, by its path in the document."""

P = TypeVar("P", bound=Part)
D = TypeVar("D", FabricDesign, PowerDesign, CoolingDesign)


def fill(given: D, path: str, proposals: Mapping[str, tuple[object, str]]) -> tuple[D, Reasons]:
    """The given part of a design with its open fields proposed, and the reasons of those that were open."""
    taken = {name: pair for name, pair in proposals.items() if getattr(given, name) is None}
    reasons = {f"{path}.{name}": f"{value}: {why}" for name, (value, why) in taken.items() if value is not None}
    return given.model_copy(update={name: value for name, (value, _) in taken.items()}), reasons


def fabric(given: FabricDesign, made_of: Parts, accelerators: int, catalog: Catalog) -> tuple[FabricDesign, Reasons]:
    """A fabric for so many accelerators: the system's own links, and the switches that cost least for them."""
    nic = made_of.nic
    if nic is None:
        proposals = {"kind": ("torus", f"{made_of.system.name} joins its accelerators directly")}
        return fill(given, "design.fabric", proposals)
    railed = made_of.endpoints_per_node > 1
    per_node = f"{made_of.endpoints_per_node} NIC{'s' if railed else ''} a node"
    design, reasons = fill(given, "design.fabric", {
        "kind": ("rail-optimised" if railed else "clos", per_node),
        "link": (nic.bandwidth, f"what {nic.name} has"),
        "planes": (1, "one plane is the simplest to run"),
        "taper": (1.0, "training wants a non-blocking fabric"),
    })  # fmt: skip
    if "design.fabric.link" in reasons:
        reasons["design.fabric.link"] = f"{units.show(nic.bandwidth, 'bandwidth')}: what {nic.name} has"
    if design.switch is None:
        switch = _cheapest_switch(design, made_of, accelerators, catalog)
        design = design.model_copy(update={"switch": switch.id})
        reasons["design.fabric.switch"] = f"{switch.id}: the lowest price for all switches of this fabric"
    return design, reasons


def _cheapest_switch(design: FabricDesign, made_of: Parts, accelerators: int, catalog: Catalog) -> Switch:
    costs: dict[str, float] = {}
    for switch in catalog.parts(Switch):
        try:
            tiers = topology.build(design, made_of.endpoints(accelerators), made_of.endpoints_per_node, switch).tiers
        except UsageError:
            continue  # this switch has no port of the link's speed, or too few of them
        if switch.price is not None:
            costs[switch.id] = switch.price * sum(tier.switches for tier in tiers)
    if not costs:
        link = units.show(design.link or 0.0, "bandwidth")
        raise UsageError(f"no switch of the catalogue joins {accelerators:,} accelerators at {link} a link")
    return catalog.part(Switch, min(costs, key=lambda ident: costs[ident]))


def block(parts: Sequence[P], load: float, size: str) -> P:
    """The largest block that still leaves eight of them for this load, so that a redundant one is a small share."""
    ordered = sorted(parts, key=lambda part: getattr(part, size))
    small_enough = [part for part in ordered if getattr(part, size) <= load / 8]
    return small_enough[-1] if small_enough else ordered[0]


def power(
    given: PowerDesign, load: float, training: bool, catalog: Catalog, smoothing: float
) -> tuple[PowerDesign, Reasons]:
    """The power chain for an IT load [W]; a battery where training swings more than `smoothing` [W]."""
    why = "largest block of which eight or more carry the load"
    substation = [part for part in catalog.parts(kinds.Transformer) if part.high_voltage]
    swings = training and load > smoothing
    battery = block(catalog.parts(kinds.Battery), load, "rating").id if swings else "none"
    return fill(given, "design.power", {
        "redundancy": ("n+1", "one UPS block may fail or be serviced"),
        "ups": (block(catalog.parts(kinds.Ups), load, "rating").id, why),
        "transformer": (block(substation, load, "rating").id, why),
        "generator": (block(catalog.parts(kinds.Generator), load, "rating").id, why),
        "battery": (battery, "smooths the swings of training steps" if swings else "no large training run"),
    })  # fmt: skip


def cooling(given: CoolingDesign, liquid_load: float, catalog: Catalog) -> tuple[CoolingDesign, Reasons]:
    """The cooling plant; CDUs only where racks give heat to liquid [W]."""
    proposals: dict[str, tuple[object, str]] = {
        "rejection": ("dry", "dry coolers with trim chillers behind them use the least power and water")
    }
    if liquid_load > 0:
        unit = block(catalog.parts(kinds.Cdu), liquid_load, "capacity")
        proposals["cdu"] = (unit.id, "largest block of which eight or more carry the load")
    return fill(given, "design.cooling", proposals)

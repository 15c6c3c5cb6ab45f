"""Small choices among catalogue parts, each with its rule in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from firstlight import units
from firstlight.errors import UsageError
from firstlight.evaluate.build import Parts
from firstlight.network import topology
from firstlight.spec import parts as kinds
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import CoolingDesign, FabricDesign, PowerDesign
from firstlight.spec.fabric import FOLDED
from firstlight.spec.parts import Part, Switch

MOST_LINKS = 2
"""Links of the NIC's speed that a proposed switch's port is split into: twin-port modules are what is plugged."""
Reasons = dict[str, str]
"""Why each proposed value was proposed, by its path in the document."""

_TWO = "largest of which two or more carry the load"

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
    if (given.kind == "torus") != (nic is None) and given.kind is not None:
        raise UsageError(_wrong_kind(made_of))
    if nic is None:
        return fill(given, "design.fabric", _torus(made_of))
    railed = made_of.endpoints_per_node > 1
    per_node = f"{made_of.endpoints_per_node} NIC{'s' if railed else ''} a node"
    proposals: dict[str, tuple[object, str]] = {
        "kind": ("rail-optimised" if railed else "clos", per_node),
        "link": (nic.bandwidth, f"what {nic.name} has"),
        "planes": (1, "one plane is the simplest to run"),
    }
    if given.kind in (None, *FOLDED):
        proposals["taper"] = (1.0, "training wants a non-blocking fabric")
    design, reasons = fill(given, "design.fabric", proposals)
    if "design.fabric.link" in reasons:
        reasons["design.fabric.link"] = f"{units.show(nic.bandwidth, 'bandwidth')}: what {nic.name} has"
    if design.switch is None:
        switch = _cheapest_switch(design, made_of, accelerators, catalog)
        design = design.model_copy(update={"switch": switch.id})
        reasons["design.fabric.switch"] = f"{switch.id}: the lowest price for all switches of this fabric"
    return design, reasons


def _wrong_kind(made_of: Parts) -> str:
    if made_of.nic is None:
        return f"{made_of.system.id} has no NICs and is joined by a torus; leave design.fabric.kind out"
    return f"{made_of.system.id} joins its nodes by NICs and makes no torus; choose fabric kind: clos"


def _torus(made_of: Parts) -> dict[str, tuple[object, str]]:
    """A torus of the accelerator's own links: one to each of its six neighbours."""
    total = made_of.accelerator.scale_up_bandwidth
    proposals: dict[str, tuple[object, str]] = {
        "kind": ("torus", f"{made_of.system.name} joins its accelerators directly")
    }
    if total is not None:
        proposals["link"] = (total / 6, f"a sixth of what {made_of.accelerator.name} has")
    return proposals


def _cheapest_switch(design: FabricDesign, made_of: Parts, accelerators: int, catalog: Catalog) -> Switch:
    costs: dict[str, float] = {}
    for switch in catalog.parts(Switch):
        try:
            endpoints, each = made_of.endpoints(accelerators), made_of.endpoints_per_node
            tiers = topology.build(design, endpoints, each, switch, made_of.spine).tiers
        except UsageError:
            continue  # this switch has no port of the link's speed, or too few of them
        if switch.price is not None and switch.port_bandwidth <= MOST_LINKS * (design.link or 0.0) * (1 + 1e-9):
            prices = {part.id: part.price or 0.0 for part in (switch, made_of.spine or switch)}
            costs[switch.id] = sum(prices[tier.switch] * tier.switches for tier in tiers)
    if not costs:
        link = units.show(design.link or 0.0, "bandwidth")
        remedy = "write a slower design.fabric.link, or split it over more planes"
        raise UsageError(f"no switch of the catalogue joins {accelerators:,} accelerators at {link} a link; {remedy}")
    return catalog.part(Switch, min(costs, key=lambda ident: costs[ident]))


def block(parts: Sequence[P], load: float, size: str, *, piece: float = 0.0, least: int = 8) -> P:
    """The largest block of which at least so many carry a load, so that a redundant one is a small share.

    Args:
        parts: to choose from.
        load: of all blocks together.
        size: field of a part: the greatest load of one block.
        piece: load that no two blocks can share (a rack's); one block takes it.
        least: how many blocks carry the load.
    """
    ordered = sorted(parts, key=lambda part: getattr(part, size))
    ordered = [part for part in ordered if getattr(part, size) >= piece] or ordered[-1:]
    small_enough = [part for part in ordered if getattr(part, size) <= load / least]
    return small_enough[-1] if small_enough else ordered[0]


def power(
    given: PowerDesign, load: float, rack: float, training: bool, catalog: Catalog, a: Assumptions
) -> tuple[PowerDesign, Reasons]:
    """The power chain for an IT load in racks of so much [W]; a battery where training swings the load of a large site.

    Args:
        given: what is chosen already.
        load: of all racks [W].
        rack: of one of them [W].
        training: something is trained.
        catalog: parts.
        a: assumptions.
    """
    why = "largest block of which eight or more carry the load"
    swings = training and load > a["design.smoothing_load"]
    battery = block(catalog.parts(kinds.Battery), load, "rating").id if swings else "none"
    return fill(given, "design.power", {
        "redundancy": ("n+1", "one UPS block may fail or be serviced"),
        "ups": (block(catalog.parts(kinds.Ups), load, "rating", piece=rack).id, why),
        "transformer": _transformer(load, catalog, a),
        "generator": (block(catalog.parts(kinds.Generator), load, "rating", least=2).id, _TWO),
        "battery": (battery, "smooths the swings of training steps" if swings else "no large training run"),
    })  # fmt: skip


def _transformer(load: float, catalog: Catalog, a: Assumptions) -> tuple[str, str]:
    """Those of a substation; of the halls where the site is small enough for the utility's medium voltage."""
    own = load > a["design.substation_load"]
    parts = [part for part in catalog.parts(kinds.Transformer) if part.high_voltage == own]
    return block(parts, load, "rating", least=2).id, _TWO if own else f"{_TWO}, at the utility's medium voltage"


def cooling(given: CoolingDesign, liquid: float, rack: float, catalog: Catalog) -> tuple[CoolingDesign, Reasons]:
    """The cooling plant; CDUs only where racks give heat to liquid, all together and one of them [W]."""
    proposals: dict[str, tuple[object, str]] = {
        "rejection": ("dry", "dry coolers with trim chillers behind them use the least power and water")
    }
    if liquid > 0:
        unit = block(catalog.parts(kinds.Cdu), liquid, "capacity", piece=rack)
        proposals["cdu"] = (unit.id, "largest block of which eight or more carry the load")
    return fill(given, "design.cooling", proposals)

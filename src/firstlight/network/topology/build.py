"""From a fabric design to its topology."""

from __future__ import annotations

from firstlight.errors import UsageError
from firstlight.network.topology.clos import clos
from firstlight.network.topology.rail import rail_only, rail_optimised
from firstlight.network.topology.torus import torus
from firstlight.spec.design import FabricDesign
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Topology


def build(design: FabricDesign, endpoints: int, endpoints_per_node: int, switch: Switch | None) -> Topology:
    """The fabric that joins so many endpoints.

    Args:
        design: with kind and link resolved; planes and taper default to 1.
        endpoints: NICs of accelerators (accelerators, on a torus).
        endpoints_per_node: of one host: its rails.
        switch: the part that `design.switch` names; None on a torus.

    Raises:
        UsageError: the fabric cannot be built so, or a choice would have no effect; says what would do.
    """
    if design.kind is None or design.link is None:
        missing = "kind" if design.kind is None else "link"
        raise UsageError(f"design.fabric.{missing} is open; write one, such as {_EXAMPLES[missing]}")
    if endpoints < 1:
        raise UsageError(f"a fabric joins at least one endpoint, not {endpoints}")
    if design.kind == "torus":
        _refuse_switches(design, switch)
        return torus(endpoints, endpoints_per_node, design.link)
    if switch is None:
        raise UsageError(f"design.fabric.switch is open; a {design.kind} fabric needs a switch id of the catalogue")
    planes, taper = design.planes or 1, design.taper or 1.0
    link = design.link / planes
    if design.kind == "clos":
        return clos(endpoints, planes, taper, switch, link)
    if design.kind == "rail-optimised":
        return rail_optimised(endpoints, endpoints_per_node, planes, taper, switch, link)
    return rail_only(endpoints, endpoints_per_node, planes, taper, switch, link)


_EXAMPLES = {"kind": '"kind: clos"', "link": '"link: 400 Gb/s"'}


def _refuse_switches(design: FabricDesign, switch: Switch | None) -> None:
    """A torus has no switches, planes or taper."""
    without = {
        "switch": switch is not None or design.switch is not None,
        "planes": (design.planes or 1) > 1,
        "taper": (design.taper or 1) > 1,
    }
    for name, given in without.items():
        if given:
            raise UsageError(f"design.fabric.{name} has no effect on a torus; leave it out, or choose kind: clos")

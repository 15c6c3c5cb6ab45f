"""The pages about topologies: published fabrics built anew, and what fabrics of 100,000 to 1,000,000 endpoints take."""

from __future__ import annotations

import math
from itertools import product

from pages import NOTE, ROOT

from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.network.topology.base import links_per_switch
from firstlight.operate.validation.topologies import Published, published
from firstlight.spec import catalog
from firstlight.spec.fabric import FabricDesign
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Topology

FOLDER = ROOT / "measurements" / "network"
TOPOLOGIES, SIZES = ROOT / "docs" / "accuracy-network-topologies.md", ROOT / "docs" / "network-sizes.md"
ENDPOINTS = (100_000, 200_000, 500_000, 1_000_000)
SWITCHES = ("broadcom-tomahawk5-64x800", "nvidia-sn6600", "nvidia-q3400-ra")
PLANES = (1, 2, 4, 8)
KINDS = ("dragonfly", "slim-fly", "hyperx")
LINK = 1e11
"""800 Gb/s [B/s]."""
TOPOLOGIES_HEAD = """# Accuracy of topologies

Published fabrics (`measurements/network/topologies.csv`) against the same fabrics built from what is published of their
structure (`measurements/network/designs.yaml`: kind, switches, planes, tapers, groups; never counts). Every number that
a row or its note states is compared: switches of each tier, tiers, links of each stage, ports, taper, endpoints of the
stated nodes, and for the computed rows the most endpoints that so many tiers hold. Written and checked by
`python scripts/scoreboards.py [--check]`, row by row in `tests/oracles/test_topologies_against_published.py`.

{rows} rows: {exact} agree in all of their {numbers} numbers, {silent} state no counts. What a source does not state, or
where sources disagree, is told beside the row.

| row | built | numbers that agree | remark |
|---|---|---|---|
"""
SIZES_HEAD = """# What large fabrics take

Clos fabrics without taper for so many NICs of 800 Gb/s, by switch and by planes (each NIC split over so many networks,
as far as the switch's ports split). Cables are physical links. Transceivers are modules if every link is optical: one
in each NIC and one in each switch port that is used. Power is that of the switches of the catalogue, without optics.
Written by `python scripts/scoreboards.py`; `firstlight plan` lays out any of them with its cables.

| endpoints | switch | planes | tiers | leaf | spine | super-spine | core | switches | cables | transceivers | power |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""
KINDS_HEAD = """
## Without tiers

The same NICs on one plane of directly joined switches, balanced as each kind proposes itself. Share is of the NIC's
bandwidth, for uniform traffic on minimal paths; hops are switches on the longest minimal path.

| endpoints | switch | kind | shape | switches | cables | hops | share | power |
|---|---|---|---|---|---|---|---|---|
"""


def topologies_page() -> str:
    """Published fabrics, row by row."""
    rows = published(FOLDER / "topologies.csv", FOLDER / "designs.yaml")
    exact = [one for one in rows if one.checks and all(check.agrees for check in one.checks)]
    head = TOPOLOGIES_HEAD.format(
        rows=len(rows), exact=len(exact), numbers=sum(len(one.checks) for one in exact),
        silent=sum(not one.checks for one in rows),
    )  # fmt: skip
    return NOTE.format(script="scoreboards.py") + head + "\n".join(map(_row, rows)) + "\n"


def _row(one: Published) -> str:
    agree = sum(check.agrees for check in one.checks)
    wrong = "; ".join(f"{c.what}: {c.stated:g} stated, {c.built:g} built" for c in one.checks if not c.agrees)
    numbers = f"{agree} of {len(one.checks)}" if one.checks else ""
    remark = "; ".join(filter(None, (wrong, one.why)))
    return f"| {one.name} | {_built(one.fabric)} | {numbers} | {remark} |"


def _built(fabric: Topology | None) -> str:
    if fabric is None:
        return ""
    if not fabric.tiers:
        return f"torus, {fabric.links:,} links"
    planes = f", {fabric.planes} planes" if fabric.planes > 1 else ""
    return f"{fabric.kind}{planes}: " + " + ".join(f"{tier.switches:,} {tier.name}" for tier in fabric.tiers)


def sizes_page() -> str:
    """What is needed for so many endpoints."""
    shelf = catalog.shipped()
    lines = [
        _size(endpoints, shelf.part(Switch, name), planes)
        for endpoints, name, planes in product(ENDPOINTS, SWITCHES, PLANES)
    ]
    others = [
        _direct(endpoints, shelf.part(Switch, name), kind)
        for endpoints, name, kind in product(ENDPOINTS, SWITCHES, KINDS)
    ]
    return NOTE.format(script="scoreboards.py") + SIZES_HEAD + "".join(lines) + KINDS_HEAD + "".join(others)


def _size(endpoints: int, switch: Switch, planes: int) -> str:
    """A row of the table; none where the ports do not split so far."""
    if LINK / planes < switch.port_bandwidth / max(switch.breakouts):
        return ""
    fabric = topology.build(
        FabricDesign.model_validate({"kind": "clos", "link": "800 Gb/s", "planes": planes}), endpoints, 1, switch
    )
    counts = {tier.name: tier.switches for tier in fabric.tiers}
    total, cables = sum(counts.values()), fabric.links
    parts = links_per_switch(switch, LINK / planes) // switch.ports
    modules = endpoints + math.ceil((2 * cables - planes * endpoints) / parts)
    cells = [f"{endpoints:,}", switch.name, planes, len(counts)]
    cells += [f"{counts[name]:,}" if name in counts else "" for name in ("leaf", "spine", "super-spine", "core")]
    return _line(*cells, f"{total:,}", f"{cables:,}", f"{modules:,}", _power(total, switch))


def _direct(endpoints: int, switch: Switch, kind: str) -> str:
    try:
        fabric = topology.build(FabricDesign.model_validate({"kind": kind, "link": "800 Gb/s"}), endpoints, 1, switch)
    except UsageError as error:
        return _line(f"{endpoints:,}", switch.name, kind, f"none: {str(error).split(';')[0]}", "", "", "", "", "")
    total, share = fabric.tiers[0].switches, fabric.levels()[-1].share
    cells = (f"{total:,}", f"{fabric.links:,}", fabric.hops(), f"{100 * share:.0f} %", _power(total, switch))
    return _line(f"{endpoints:,}", switch.name, kind, _shape(fabric), *cells)


def _shape(fabric: Topology) -> str:
    if isinstance(fabric, topology.Dragonfly):
        return f"p {fabric.seats}, a {fabric.inside.size}, h {fabric.reach}, g {fabric.across.size}"
    if isinstance(fabric, topology.SlimFly):
        return f"q {fabric.q}, p {fabric.seats}"
    assert isinstance(fabric, topology.HyperX)
    return f"{' x '.join(map(str, fabric.dimensions))}, p {fabric.seats}"


def _power(switches: int, switch: Switch) -> str:
    return f"{switches * switch.power / 1e6:.2f} MW"


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |\n"

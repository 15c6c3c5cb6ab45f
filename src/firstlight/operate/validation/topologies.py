"""Published fabrics against the same fabrics built: switches, tiers, cables, ports and tapers, row by row."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network import topology
from firstlight.network.topology import Torus
from firstlight.spec.fabric import FabricDesign
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Topology

_TIERS = ("leaf", "spine", "core")


@dataclass(frozen=True)
class Check:
    """One number of a row: what the source states, and what is built."""

    what: str
    stated: float
    built: float

    @property
    def agrees(self) -> bool:
        """They are the same number."""
        return abs(self.stated - self.built) <= 1e-9 * abs(self.stated)


@dataclass(frozen=True)
class Published:
    """A row and how it is written as a design.

    Attributes:
        row: of the CSV, as text.
        design: entry of the designs.
    """

    row: Mapping[str, str]
    design: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of the row."""
        return self.row["name"]

    @property
    def why(self) -> str:
        """What is told about the row."""
        return " ".join(str(self.design.get("why", "")).split())

    @cached_property
    def fabric(self) -> Topology | None:
        """The fabric, built; None where the row states no counts."""
        if "fabric" not in self.design:
            return None
        return self.build(int(self.row["endpoints"]))

    def build(self, endpoints: int) -> Topology:
        """This design with another number of endpoints."""
        design = FabricDesign.model_validate(self.design["fabric"])
        made = {role: _switch(self.design[role]) for role in ("switch", "spine") if role in self.design}
        return topology.build(design, endpoints, self.design.get("rails", 1), made.get("switch"), made.get("spine"))

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """All numbers that the row states about the fabric."""
        fabric = self.fabric
        if fabric is None:
            return ()
        if isinstance(fabric, Torus):
            return _torus(self.row, fabric)
        return (*self._switches(fabric), *_cables(self.row, fabric), *_ports(self.row, fabric), *_noted(self, fabric))

    def _switches(self, fabric: Topology) -> list[Check]:
        counts = tiers(fabric)
        found = [Check(tier, int(self.row[tier]), counts.get(tier, 0)) for tier in _TIERS if self.row[tier]]
        if self.row["tiers"].isdigit():
            found.append(Check("tiers", int(self.row["tiers"]), len(fabric.tiers)))
        if self.row["nodes"]:
            found.append(Check("endpoints of its nodes", int(self.row["nodes"]) * 8, fabric.endpoints))
        if ratio := re.fullmatch(r"(\d+):1", self.row["oversubscription"]):
            found.append(Check("taper", float(ratio[1]), 1 / min(level.share for level in fabric.levels())))
        return found


def published(cases: Path, designs: Path) -> tuple[Published, ...]:
    """Every row of a file like measurements/network/topologies.csv with its design.

    Raises:
        UsageError: a row without a design, or with several.
    """
    entries: Sequence[Mapping[str, Any]] = yaml.safe_load(designs.read_text("utf-8"))
    rows = list(csv.DictReader(cases.read_text("utf-8").splitlines()))
    return tuple(Published(row, _entry(row["name"], entries)) for row in rows)


def _entry(name: str, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    found = [entry for entry in entries if any(fnmatchcase(name, pattern) for pattern in entry["rows"])]
    if len(found) != 1:
        raise UsageError(f'"{name}" has {len(found)} designs; write one')
    return found[0]


def _switch(given: Mapping[str, Any]) -> Switch:
    """A switch whose ports split as far as is asked: the rows are about counts, not about parts."""
    return Switch.model_validate(
        {"id": "published", "name": f"a switch of {given['ports']} ports", "vendor": "any", "source": "the row"}
        | {"standing": "published", "protocol": "ethernet", "ports": given["ports"], "breakouts": (1, 2, 4, 8)}
        | {"port_bandwidth": given["bandwidth"], "latency": "1 us", "rack_units": 1, "power": "1 kW"}
    )


def tiers(fabric: Topology) -> dict[str, int]:
    """Switches by tier: the two middle tiers of four are one spine column, switches joined directly are leaves."""
    counts = {tier.name: tier.switches for tier in fabric.tiers}
    spine = counts.get("spine", 0) + counts.pop("super-spine", 0)
    return counts | {"spine": spine, "leaf": counts.get("leaf", counts.get("switch", 0))}


def _cables(row: Mapping[str, str], fabric: Topology) -> list[Check]:
    """Links as the row counts them: physical ones, those between switches, or stage by stage in NIC ports' speeds.

    Of the H100 SuperPOD the row counts with the NICs' links those of four managers of the fabric.
    """
    text = row["cables"]
    whole = [round(bundle.count * bundle.bandwidth / fabric.injection) for bundle in fabric.bundles]
    if physical := re.search(r"(\d+) 800G-equivalent \((\d+) physical links\)", text):
        links = sum(bundle.count for bundle in fabric.bundles)
        return [Check("cables in ports", int(physical[1]), sum(whole)), Check("cables", int(physical[2]), links)]
    if between := re.match(r"inter-switch (\d+)", text):
        return [Check("cables between switches", int(between[1]), sum(whole[1:]))]
    if stage := re.match(r"(\d+) per stage", text):
        return [Check(b.name, int(stage[1]), n) for b, n in zip(fabric.bundles, whole, strict=True)]
    managers = 4 if "incl. UFM" in text else 0
    stated = [int(n) for n in re.findall(r"\b\d+\b(?!:)", text) if int(n)]
    pairs = zip(fabric.bundles, stated, whole, strict=False)
    return [Check(b.name, s - managers * (b.lower < 0), n) for b, s, n in pairs]


def _ports(row: Mapping[str, str], fabric: Topology) -> list[Check]:
    """Links of a switch, at the speed that the row counts them at."""
    last = fabric.tiers[-1]
    speed = fabric.bundles[-1].bandwidth
    if parts := re.match(r"(?:\D*/ \w+ )?(\d+)x(\d+)G", row["radix"]):
        return [Check("ports", int(parts[1]), last.links_each * speed / (units.parse(f"{parts[2]} Gb/s", "bandwidth")))]
    if not row["radix"].isdigit():
        return []
    used = last.links_each
    if row["tiers"] == "direct":  # as many as are used
        used = max(int(np.max(port)) + 1 for b in range(len(fabric.bundles)) for port in _switch_ports(fabric, b))
    return [Check("ports", int(row["radix"]), used)]


def _switch_ports(fabric: Topology, bundle: int) -> list[Any]:
    lower, upper = fabric.ports(bundle, np.arange(fabric.bundles[bundle].count))  # type: ignore[attr-defined]
    return [upper] if fabric.bundles[bundle].lower < 0 else [lower, upper]


def _noted(one: Published, fabric: Topology) -> list[Check]:
    """Numbers in the notes: all switches; the most endpoints of so many tiers."""
    notes, total = one.row["notes"], sum(tier.switches for tier in fabric.tiers)
    found = [
        Check("switches", int(number[1]), total)
        for pattern in (r"switches (\d+)", r"(\d{2,}) switches", r"=(\d+) switches", r"3N/64=(\d+)")
        for number in [re.search(pattern, notes)]
        if number
    ][:1]
    if most := re.search(r"max of this shape (\d+)", notes):
        found.append(Check("most endpoints of so many tiers", int(most[1]), _most(one, int(most[1]))))
    return found


def _most(one: Published, stated: int) -> int:
    """The stated most endpoints where they fill the tiers and one more takes another tier; otherwise none."""
    tiers_of = int(one.row["tiers"])
    if len(one.build(stated).tiers) != tiers_of:
        return 0
    try:
        return stated if len(one.build(stated + 1).tiers) > tiers_of else 0
    except UsageError:  # beyond the last tier
        return stated


def _torus(row: Mapping[str, str], fabric: Torus) -> tuple[Check, ...]:
    """Of a torus of cubes: the circuit switches with their ports, fibres, and the links inside a cube."""
    made = topology.circuits(fabric)
    cube, notes = topology.CUBE**3, row["notes"]
    count = {
        "optical links": (r"(\d+) optical links", 2 * len(made.link)),
        "circuit switches": (r"(\d+) OCS", made.switches),
        "cubes": (r"(\d+) cubes", fabric.endpoints // cube),
        "optical links of a cube": (r"= ?(\d+)/cube", 2 * len(made.link) * cube // fabric.endpoints),
        "electrical links of a cube": (
            r"=(\d+) \(computed\)",
            (fabric.links - len(made.link)) * cube // fabric.endpoints,
        ),
    }
    found = [Check(what, float(_number(pattern, notes)), built) for what, (pattern, built) in count.items()]
    return *found, Check("ports of a circuit switch", float(_number(r"OCS (\d+) used", row["radix"])), made.ports)


def _number(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise UsageError(f"the row states no number like {pattern}")
    return found[1]

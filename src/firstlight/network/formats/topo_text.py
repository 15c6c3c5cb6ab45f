"""Topologies written as htsim's text; see `topo`, which reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.formats.fabric_file import FabricFile
from firstlight.network.formats.lines import written
from firstlight.network.formats.topo import GBPS, KEYS, NS
from firstlight.network.topology.base import Switched
from firstlight.twin.protocols import Topology


def write_topo(fabric: FabricFile, path: Path) -> None:
    """Write a fabric as a `.topo` file.

    Raises:
        UsageError: the format has no word for it (see `topo_text`), or the file cannot be written.
    """
    text = topo_text(fabric)
    with written(path):
        path.write_text(text, "utf-8")


def topo_text(fabric: FabricFile) -> str:
    """The text of `write_topo`.

    Raises:
        UsageError: the format has no word for it: no folded Clos network, one tier, four, several planes or rails,
            parts of uneven size.
    """
    topology = fabric.topology
    _require_words(topology)
    stages = topology.shape.stages
    down, pod = topology.endpoints // topology.shape.leaves, topology.endpoints // stages[0].groups
    out = [f"Nodes {topology.endpoints}", f"Tiers {len(stages) + 1}", f"Podsize {pod}"]
    slow = np.flatnonzero(fabric.share != 1)
    out += [f"# degraded: directed link {link} runs at {_plain(100 * fabric.share[link])} %" for link in slow]
    for t in range(len(stages) + 1):
        below = down if t == 0 else stages[t - 1].lower * stages[t - 1].up // stages[t - 1].upper
        out += ["", f"Tier {t}", *(f"{key} {_plain(value)}" for key, value in _tier(fabric, t, below).items())]
    return "\n".join(out) + "\n"


def _plain(value: float) -> str:
    """A number without an exponent, as the format reads it."""
    return np.format_float_positional(value, precision=9, trim="-")


def _require_words(topology: Topology) -> None:
    """Refuse what a `.topo` file cannot say."""
    instead = "Write its links as .csv or .parquet"
    if not isinstance(topology, Switched):
        raise UsageError(f"a .topo file tells a folded Clos network, and this is a {topology.kind}. {instead}")
    stages, leaves = topology.shape.stages, topology.shape.leaves
    if topology.planes * topology.rails > 1 or topology.shape.unit > 1 or not 1 <= len(stages) <= 2:
        what = [
            f"{topology.planes} planes" * (topology.planes > 1),
            "endpoints that go to leaves by rail" * (topology.rails > 1 or topology.shape.unit > 1),
            f"{len(stages) + 1} tiers".replace("1 tiers", "1 tier") * (not 1 <= len(stages) <= 2),
        ]
        raise UsageError(
            f"a .topo file has one plane of two or three tiers, and endpoints in the order of their leaves; this "
            f"{topology.kind} fabric has {' and '.join(filter(None, what))}. {instead}"
        )
    if topology.endpoints % leaves:
        raise UsageError(
            f"a .topo file has equal leaves, and {topology.endpoints:,} endpoints on {leaves:,} leaves are not; with "
            f"{-(-topology.endpoints // leaves) * leaves:,} they would be. {instead}"
        )
    for number, stage in enumerate(stages):
        uneven = stage.lower * stage.up % stage.upper or (number == 0 and stage.up % stage.upper)
        if uneven:
            raise UsageError(
                f"a .topo file has equal bundles between the switches of two tiers, and {stage.lower:,} switches with "
                f"{stage.up:,} uplinks each do not spread evenly over {stage.upper:,}. {instead}"
            )


def _tier(fabric: FabricFile, t: int, below: int) -> Mapping[str, float]:
    stages, bundles = fabric.topology.shape.stages, fabric.topology.bundles
    values = {
        KEYS["downlink_speed_gbps"]: bundles[t].bandwidth / GBPS,
        KEYS["radix_down"]: below,
        KEYS["downlink_latency_ns"]: round(fabric.latency.links[t] / NS, 6),
        KEYS["switch_latency_ns"]: round(fabric.latency.switches[t] / NS, 6),
    }
    if t < len(stages):
        values[KEYS["radix_up"]] = stages[t].up
        taper = below * bundles[t].bandwidth / (stages[t].up * bundles[t + 1].bandwidth)
        values[KEYS["oversubscribed"]] = max(1, round(taper))
    if t == 1:
        values[KEYS["bundle"]] = max(stages[0].up // stages[0].upper, 1)
    return values

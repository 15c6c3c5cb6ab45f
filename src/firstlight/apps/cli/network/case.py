"""What `simulate` and `export` are asked about: a fabric with its failures, and traffic on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firstlight.errors import UsageError

if TYPE_CHECKING:
    from firstlight.network.flows.traffic import Traffic
    from firstlight.network.transport.fabric import Latency
    from firstlight.twin.protocols import Floats, Topology

TRAFFIC = (
    "A .tm, .cm, .csv or .parquet file; or permutation:8MB, all-to-all:64kB[,window=8], shift:8MB, ring:1MB or "
    "incast:1MB over all endpoints (sizes of one flow); kv-transfer:2GB,prefill=64[,layers=61][,requests=256]"
    "[,every=5ms]: caches of requests from the first 64 endpoints to others that are drawn; checkpoint:16GB,stores=8: "
    "all write to the last 8"
)
"""Help of --traffic."""
FAIL = (
    "What to break, or to slow to a share of its speed, by number (spine#3, leaf-spine#17, plane#1, rail#2) or drawn "
    "at random with the seed (spine:2, leaf-spine:0.5%, leaf-spine:4@25%). May be given often."
)
"""Help of --fail."""


@dataclass(frozen=True)
class Case:
    """A fabric and traffic on it; `share` is left of each directed link."""

    topology: Topology
    latencies: Latency
    share: Floats
    flows: Traffic
    notes: tuple[str, ...]


def require_one(file: Path | None, topo: Path | None, sets: dict[str, str]) -> None:
    """Refuse both or none of a plan and a topology file."""
    if (file is None) == (topo is None):
        raise UsageError("name either a plan FILE or --topo X.topo")
    if topo is not None and sets:
        raise UsageError("--set changes a plan, and --topo is none; leave one of the two out")


def case(
    file: Path | None, topo: Path | None, traffic: str, fails: tuple[str, ...], seed: int, sets: dict[str, str]
) -> Case:
    """Read the fabric, break what is asked, and read or make the traffic."""
    from firstlight import design
    from firstlight.network.asked import flows
    from firstlight.network.formats import read_topo
    from firstlight.network.routing import fail, handed_over

    share, domain = 1.0, 1
    if topo is not None:
        read = read_topo(topo)
        topology, latencies, share = read.topology, read.latency, read.share
    else:
        topology, latencies, domain = design.fabric(file or Path(), sets=sets)
    share = share * fail(topology, fails, seed).shares(topology)
    asked = flows(traffic, topology.endpoints, seed)
    sent = handed_over(topology, asked, domain)
    moved = int((sent.source != asked.source).sum())
    notes = (
        f"{moved:,} flows between rails are handed over inside their sender's scale-up domain first (PXN); the time "
        "there is not counted",
    )
    return Case(topology, latencies, share, sent, notes if moved else ())

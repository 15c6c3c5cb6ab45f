"""The fabric of a plan, ready for traffic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from firstlight.design.propose import propose
from firstlight.evaluate import build
from firstlight.network.topology import Switched
from firstlight.network.transport.fabric import Latency
from firstlight.network.transport.protocol import latency
from firstlight.spec import load
from firstlight.spec.parts import Switch
from firstlight.twin.protocols import Topology


def fabric(
    path: Path | str, *, sets: Mapping[str, str] | None = None, today: dt.date | None = None
) -> tuple[Topology, Latency | None]:
    """Check a plan, propose what its design leaves open, and build its fabric.

    Switches have the latency that the catalogue states; a link has that of a packet-level run, and the one at the
    endpoint the NIC's besides.

    Args:
        path: of the plan document.
        sets: values to change for this run, by path ("design.fabric.taper": "2").
        today: the day of the run; start of the plan where it names none.

    Returns:
        The fabric, and its latencies; None where packets are not simulated on its kind.

    Raises:
        DocumentError: the document is wrong; all of its problems.
        InfeasibleError: no factory can meet its demand.
        UsageError: the fabric cannot be built so.
    """
    loaded = load.load_plan(Path(path), sets=sets or {}, today=today or dt.date.today())
    given = loaded.plan if loaded.plan.start else loaded.plan.model_copy(update={"start": today or dt.date.today()})
    design = propose(given, loaded.catalog, loaded.assumptions, loaded.base).plan.design
    made_of = build.parts(design, loaded.catalog)
    topology, _ = build.fabric(design.fabric, made_of, design.accelerators or 0, loaded.assumptions)
    if not isinstance(topology, Switched):
        return topology, None
    links, _ = latency(len(topology.bundles), 0)
    links[0] += loaded.assumptions["network.nic_latency"]
    switches = [loaded.catalog.part(Switch, tier.switch).latency for tier in topology.tiers]
    return topology, Latency(np.array(links), np.array(switches))

"""The fabric of a plan, ready for traffic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from firstlight.design.propose import propose
from firstlight.evaluate import build
from firstlight.network.transport.fabric import Latency
from firstlight.spec import load
from firstlight.twin.protocols import Topology


class PlannedFabric(NamedTuple):
    """The fabric of a plan.

    Attributes:
        topology: structure.
        latencies: of its links and switches.
        domain: endpoints (NICs) of a scale-up domain.
    """

    topology: Topology
    latencies: Latency
    domain: int


def fabric(path: Path | str, *, sets: Mapping[str, str] | None = None, today: dt.date | None = None) -> PlannedFabric:
    """Check a plan, propose what its design leaves open, and build its fabric.

    Args:
        path: of the plan document.
        sets: values to change for this run, by path ("design.fabric.taper": "2").
        today: the day of the run; start of the plan where it names none.

    Returns:
        The fabric, its latencies (see `evaluate.build.latencies`), and the endpoints of a scale-up domain.

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
    latencies, system = build.latencies(topology, loaded.catalog, loaded.assumptions), made_of.system
    domain = system.nics * system.scale_up_domain // system.accelerators if made_of.nic else 1
    return PlannedFabric(topology, latencies, domain)

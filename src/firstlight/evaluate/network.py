"""The fabric alone: what it consists of, cable by cable, and what to keep on the shelf for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from firstlight import __version__
from firstlight.evaluate.build import build
from firstlight.evaluate.run import input_hash, wire
from firstlight.network.cables import CablePlan
from firstlight.network.result import NetworkResult
from firstlight.reliability import fabric_spares
from firstlight.reliability.result import Spares
from firstlight.spec.assumptions import Assumption, Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.plan import Plan
from firstlight.twin.factory import Factory
from firstlight.twin.result import Result, plain, quantity

NETWORK_STEPS = ("fabric and factory", "cables")


@dataclass(frozen=True, repr=False)
class NetworkAnswer(Result):
    """The fabric of one plan."""

    name: str = quantity("", "name of the factory")
    version: str = quantity("", "version of firstlight")
    input_hash: str = quantity("", "SHA-256 of the resolved plan, the catalogue and the assumptions")
    network: NetworkResult = quantity("", "counts, bandwidths, latency, power, cost and collectives")
    spares: tuple[Spares, ...] = quantity("", "switches, modules and cables of each length on the shelf")
    assumptions: tuple[Assumption, ...] = quantity("", "every assumption that the run has read")
    proposed: tuple[str, ...] = quantity("", "paths of the design that firstlight chose, with the reason")
    plan: Plan = quantity("", "the plan with everything resolved")
    twin: Factory = quantity("", "the assembled factory (not part of the JSON)")
    cable_plan: CablePlan = quantity("", "every link (not part of the JSON)")
    base: Path = quantity("", "folder that the paths in the plan are relative to (not part of the JSON)")

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON has it, SI units."""
        hidden = ("twin", "cable_plan", "base")
        body = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name not in hidden}
        body["network"] = self.network.to_dict()
        return body | {"plan": self.plan.model_dump(mode="json", exclude_none=True)}


def evaluate_network(
    plan: Plan,
    catalog: Catalog,
    a: Assumptions,
    *,
    base: Path = Path(),
    proposed: tuple[str, ...] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> NetworkAnswer:
    """The fabric of a plan whose design is resolved, on its floor.

    Args:
        plan: nothing left open (see `design.propose`).
        catalog: parts.
        a: assumptions; those that are read are listed in the answer.
        base: folder that the plan's paths are relative to.
        proposed: what was chosen for the plan, and why.
        progress: called with each of `NETWORK_STEPS` as it begins.

    Raises:
        UsageError: the fabric cannot be built so, or a link is longer than any cable.
    """
    progress(NETWORK_STEPS[0])
    built = build(plan, catalog, a)
    progress(NETWORK_STEPS[1])
    cables, network = wire(built, catalog, a)
    kept = fabric_spares(_pieces(network), a)
    return NetworkAnswer(
        name=plan.name,
        version=__version__,
        input_hash=input_hash(plan, catalog, a),
        network=network,
        spares=kept,
        assumptions=a.used(),
        proposed=proposed,
        plan=plan,
        twin=built.factory,
        cable_plan=cables,
        base=base,
    )


def _pieces(network: NetworkResult) -> Iterator[tuple[str, str, int]]:
    """Every part of the fabric with its kind and how many are installed; cables by their length."""
    switches, modules, cables = (Counter[str]() for _ in range(3))
    for _, switch, count in network.tiers:
        switches[switch] += count
    for line in network.cables:
        cables[f"{line.part}, {line.length:g} m"] += line.count
        for module, count in line.modules:
            modules[module] += count
    for kind, counts in (("switch", switches), ("optic", modules), ("cable", cables)):
        yield from ((part, kind, count) for part, count in counts.items())

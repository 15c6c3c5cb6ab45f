"""What one discipline's answer looks like to the next: the handovers between rooms that do not know each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firstlight.economics.facts import BuildingFacts, EnergyFacts, WorkloadFacts
from firstlight.facility.result import FacilityResult
from firstlight.network.result import NetworkResult
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.reliability.facts import FabricCounts, RunFacts
from firstlight.reliability.result import RunReliability
from firstlight.schedule import BuildFacts, OrderItem
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.catalog import Catalog
from firstlight.spec.design import Design
from firstlight.spec.parts import Part
from firstlight.spec.plan import Plan
from firstlight.spec.site import Site
from firstlight.spec.workload import Training
from firstlight.twin.bill import BillLine
from firstlight.twin.factory import Factory
from firstlight.twin.protocols import Floats, Ints


@dataclass(frozen=True)
class Steady:
    """A power profile that is the same at every hour: workloads run back to back."""

    share: float

    def __call__(self, hour: Ints) -> Floats:
        """Share of the power range in use, like `hour`."""
        return np.full(np.shape(hour), self.share)


def power_profile(factory: Factory, training: Sequence[TrainingResult], serving: Sequence[ServingResult]) -> Steady:
    """Each workload uses its share of the systems' power range; accelerators without one are idle."""
    busy = sum(result.accelerators * result.utilisation for result in (*training, *serving))
    return Steady(min(busy / factory.accelerators, 1.0))


def usable(design: Design) -> int:
    """Accelerators of a resolved design that are not hot spares."""
    count = design.accelerators or 0
    return count - round(count * (design.spare or 0.0))


def holding(placed: int, spare: float) -> int:
    """The fewest accelerators of which so many are not hot spares, at a share of spares below 1."""
    count = max(placed, math.floor((placed - 1) / (1 - spare)))
    while count - round(count * spare) < placed:
        count += 1
    return count


def runs(training: Sequence[TrainingResult], design: Design, factory: Factory, a: Assumptions) -> tuple[RunFacts, ...]:
    """Training runs as `reliability` sees them; each has its share of the nodes that no placement has."""
    per_parameter = a["evaluate.checkpoint_bytes_per_parameter"]
    placed = usable(design)
    if design.placements is not None:
        placed = sum(placement.accelerators for placement in design.placements)
    spare = factory.nodes * (1.0 - placed / factory.accelerators) / max(placed, 1)
    return tuple(
        RunFacts(
            result.model, result.accelerators, result.duration, result.parameters * per_parameter,
            hot_spares=math.floor(result.accelerators * spare + 0.5),
        )
        for result in training
    )  # fmt: skip


def fabric_counts(network: NetworkResult) -> FabricCounts:
    """The fabric as `reliability` sees it."""
    tiers = [count for _, _, count in network.tiers]
    return FabricCounts(
        switches=sum(tiers),
        leaf_switches=tiers[0] if tiers else 0,
        endpoint_links=network.links[0][1],  # of a torus these are all links
        optics=sum(line.transceivers for line in network.cables),
        cables=sum(line.count for line in network.cables),
    )


def orders(bill: Sequence[BillLine], catalog: Catalog, released: int) -> tuple[OrderItem, ...]:
    """What is bought as `schedule` sees it: one order for each part, whatever its lengths.

    Args:
        bill: of materials.
        catalog: of its parts.
        released: year of the accelerator's first shipment.
    """
    counts: dict[tuple[str, str], float] = {}
    for line in bill:
        counts[line.part, line.lead] = counts.get((line.part, line.lead), 0.0) + line.count
    return tuple(
        OrderItem(catalog.part(Part, part).name, part, round(count), lead, released if lead == "accelerators" else None)
        for (part, lead), count in counts.items()
        if lead
    )


def build_facts(factory: Factory, network: NetworkResult, plan: Plan) -> BuildFacts:
    """The build as `schedule` sees it."""
    return BuildFacts(
        buildings=factory.buildings,
        halls=len(factory.halls),
        racks=len(factory.racks),
        nodes=factory.nodes,
        cables=sum(line.count for line in network.cables),
        it_power=factory.it_power,
        existing=frozenset(plan.site.existing),
        secured=frozenset(plan.secured),
    )


def energy_facts(site: Site, facility: FacilityResult) -> EnergyFacts:
    """A year at the feed as `economics` sees it."""
    return EnergyFacts(facility.energy, facility.peak, facility.water, facility.carbon, site.energy_price)


def building_facts(site: Site, facility: FacilityResult) -> BuildingFacts:
    """Plant and building as `economics` sees them."""
    return BuildingFacts(facility.it_peak, facility.floor_used, frozenset(site.existing))


def workload_facts(
    plan: Plan,
    factory: Factory,
    training: Sequence[TrainingResult],
    serving: Sequence[ServingResult],
    reliable: Sequence[RunReliability],
) -> tuple[WorkloadFacts, ...]:
    """The workloads as `economics` sees them, in the demand's order."""
    steady = power_profile(factory, training, serving).share
    trained, served = iter(zip(training, reliable, strict=True)), iter(serving)
    facts: list[WorkloadFacts] = []
    for workload in plan.demand:
        if isinstance(workload, Training):
            result, run = next(trained)
            share = _power_share(factory, result, steady)
            facts.append(WorkloadFacts(result.model, result.accelerators, share, run.duration, result.tokens))
        else:
            result = next(served)
            share = _power_share(factory, result, steady)
            facts.append(WorkloadFacts(result.model, result.accelerators, share, tokens_per_s=result.tokens_per_s))
    return tuple(facts)


def _power_share(factory: Factory, result: TrainingResult | ServingResult, steady: float) -> float:
    """Share of the factory's average power that a workload draws; network and services go with its accelerators."""
    span = factory.it_power - factory.idle_power
    own = factory.idle_power + result.utilisation * span
    whole = factory.idle_power + steady * span
    return result.accelerators / factory.accelerators * own / whole

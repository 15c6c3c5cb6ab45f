"""Everything that firstlight says about one plan, gathered."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from firstlight.economics.result import EconomicsResult
from firstlight.facility.result import FacilityResult
from firstlight.network.cables import CablePlan
from firstlight.network.result import NetworkResult
from firstlight.performance.result import ServingResult, TrainingResult
from firstlight.reliability.result import ReliabilityResult
from firstlight.schedule.result import ScheduleResult
from firstlight.spec.assumptions import Assumption
from firstlight.spec.plan import Plan
from firstlight.twin.bill import BillLine
from firstlight.twin.factory import Factory
from firstlight.twin.result import Result, plain, quantity

_NOT_JSON = ("plan", "twin", "cable_plan", "base")


@dataclass(frozen=True)
class Margin:
    """How close the factory comes to one limit.

    Attributes:
        name: as in the document ("site.power", "demand[1].per_token").
        used, available: in the unit of `dimension`.
        dimension: a key of `units.DIMENSIONS`, for printing.
        kind: "hard" (the factory does not exist beyond it) or "target" (the demand is not met beyond it).
    """

    name: str
    used: float
    available: float
    dimension: str
    kind: str

    @property
    def share(self) -> float:
        """Used over available; above 1 the limit is broken."""
        return self.used / self.available

    @property
    def broken(self) -> bool:
        """The limit is broken, by more than rounding."""
        return self.share > 1 + 1e-9


@dataclass(frozen=True)
class FactorySummary:
    """Counts of what was assembled."""

    system: str
    accelerator: str
    accelerators: int
    systems: int
    nodes: int
    compute_racks: int
    network_racks: int
    service_racks: int
    pods: int
    halls: int
    buildings: int
    scale_up_domain: int


@dataclass(frozen=True, repr=False)
class Evaluation(Result):
    """Everything that firstlight says about one plan."""

    name: str = quantity("", "name of the factory")
    version: str = quantity("", "version of firstlight")
    input_hash: str = quantity("", "SHA-256 of the resolved plan, the catalogue and the assumptions")
    seed: int = quantity("", "of everything random")
    plan: Plan = quantity("", "the plan with everything resolved")
    factory: FactorySummary = quantity("", "what was assembled")
    network: NetworkResult = quantity("", "the fabric")
    training: tuple[TrainingResult, ...] = quantity("", "one for each training workload, in the demand's order")
    serving: tuple[ServingResult, ...] = quantity("", "one for each serving workload, in the demand's order")
    facility: FacilityResult = quantity("", "power, cooling, water, carbon")
    reliability: ReliabilityResult = quantity("", "failures and what they cost in time")
    economics: EconomicsResult = quantity("", "cost")
    schedule: ScheduleResult = quantity("", "dates")
    bill: tuple[BillLine, ...] = quantity("", "bill of materials")
    margins: tuple[Margin, ...] = quantity("", "how close it comes to each limit, closest first")
    assumptions: tuple[Assumption, ...] = quantity("", "every assumption that the run has read")
    proposed: tuple[str, ...] = quantity("", "paths of the design that firstlight chose, with the reason")
    warnings: tuple[str, ...] = quantity("", "what a careful reader should know")
    twin: Factory = quantity("", "the factory itself (not part of the JSON)")
    cable_plan: CablePlan = quantity("", "every link (not part of the JSON)")
    base: Path = field(
        default=Path(),
        metadata={"unit": "", "meaning": "folder that the paths in the plan are relative to (not part of the JSON)"},
    )

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as JSON has it, SI units; `units` names the unit of each field."""
        body = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name not in _NOT_JSON}
        rooms = ("network", "facility", "reliability", "economics", "schedule")
        units = {room: getattr(self, room).units() for room in rooms}
        units |= {"training": TrainingResult.units(), "serving": ServingResult.units()}
        return {**body, "plan": self.plan.model_dump(mode="json", exclude_none=True), "units": units}

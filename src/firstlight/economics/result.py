"""What the economics room answers."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.twin.result import Prediction, Result, quantity


@dataclass(frozen=True)
class CostLine:
    """One line of the cost tree.

    Attributes:
        path: from the root ("Capital", "IT", "Accelerator systems").
        amount: [USD], or [USD] a year below "Running".
        quantity: units bought (0 where the line is no count).
        part: part id of the catalogue, or "".
        source: where the price is from.
        standing: vendor, measured, published or estimate.
    """

    path: tuple[str, ...]
    amount: float
    quantity: float
    part: str
    source: str
    standing: str


@dataclass(frozen=True)
class WorkloadCost:
    """What one workload costs.

    Attributes:
        model: model id.
        kind: "training" or "serving".
        accelerators: that it takes.
        per_run: [USD], a training run with its interruptions (None for serving).
        per_million_tokens: [USD], trained or generated.
        carbon_per_million_tokens: [kg].
    """

    model: str
    kind: str
    accelerators: int
    per_run: Prediction | None
    per_million_tokens: Prediction
    carbon_per_million_tokens: float


@dataclass(frozen=True, repr=False)
class EconomicsResult(Result):
    """What the factory costs to build and to run."""

    capital: float = quantity("USD", "to build")
    running: float = quantity("USD", "a year, energy included")
    annual: float = quantity("USD", "a year, with capital written off at the cost of capital")
    energy_cost: float = quantity("USD", "electricity a year")
    per_accelerator_hour: Prediction = quantity("USD", "all costs over accelerator-hours available")
    per_watt: float = quantity("USD/W", "capital over the greatest power at the feed")
    lines: tuple[CostLine, ...] = quantity("USD", "the cost tree, leaves only")
    workloads: tuple[WorkloadCost, ...] = quantity("", "in the demand's order")

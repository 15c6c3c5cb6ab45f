"""firstlight: the digital twin of an AI factory.

>>> evaluation = firstlight.plan("examples/superpod-127.yaml")
>>> evaluation.facility.pue
>>> firstlight.write(evaluation, "out/superpod")

Everything below is imported when it is first used, so that `import firstlight` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firstlight.design import build_network, plan, propose, serve, train
    from firstlight.economics.result import EconomicsResult
    from firstlight.errors import (
        DocumentError,
        FirstlightError,
        InfeasibleError,
        Limit,
        MissingExtraError,
        Problem,
        SolverError,
        UsageError,
    )
    from firstlight.evaluate import Evaluation, NetworkAnswer, ServingAnswer, TrainingAnswer
    from firstlight.export import write
    from firstlight.export.summary import summary
    from firstlight.facility.result import FacilityResult
    from firstlight.network.result import NetworkResult
    from firstlight.performance.result import ServingResult, TrainingResult
    from firstlight.performance.training.search.found import TrainingSearch
    from firstlight.reliability.result import ReliabilityResult
    from firstlight.schedule.result import ScheduleResult
    from firstlight.spec.assumptions import Assumptions
    from firstlight.spec.catalog import Catalog
    from firstlight.spec.design import Design
    from firstlight.spec.load import load_plan
    from firstlight.spec.model import Model
    from firstlight.spec.plan import Plan
    from firstlight.spec.schema import schema
    from firstlight.spec.site import Site
    from firstlight.spec.workload import Serving, Training
    from firstlight.twin.factory import Factory
    from firstlight.twin.result import Prediction

__version__ = "0.1.0"

__all__ = [
    "Assumptions",
    "Catalog",
    "Design",
    "DocumentError",
    "EconomicsResult",
    "Evaluation",
    "FacilityResult",
    "Factory",
    "FirstlightError",
    "InfeasibleError",
    "Limit",
    "MissingExtraError",
    "Model",
    "NetworkAnswer",
    "NetworkResult",
    "Plan",
    "Prediction",
    "Problem",
    "ReliabilityResult",
    "ScheduleResult",
    "Serving",
    "ServingAnswer",
    "ServingResult",
    "Site",
    "SolverError",
    "Training",
    "TrainingAnswer",
    "TrainingResult",
    "TrainingSearch",
    "UsageError",
    "build_network",
    "load_plan",
    "plan",
    "propose",
    "schema",
    "serve",
    "summary",
    "train",
    "write",
]

_HOMES = {
    "design": ("build_network", "plan", "propose", "serve", "train"),
    "economics.result": ("EconomicsResult",),
    "errors": (
        "DocumentError", "FirstlightError", "InfeasibleError", "Limit", "MissingExtraError", "Problem", "SolverError",
        "UsageError",
    ),
    "evaluate": ("Evaluation", "NetworkAnswer", "ServingAnswer", "TrainingAnswer"),
    "export": ("write",),
    "export.summary": ("summary",),
    "facility.result": ("FacilityResult",),
    "network.result": ("NetworkResult",),
    "performance.result": ("ServingResult", "TrainingResult"),
    "performance.training.search.found": ("TrainingSearch",),
    "reliability.result": ("ReliabilityResult",),
    "schedule.result": ("ScheduleResult",),
    "spec.assumptions": ("Assumptions",),
    "spec.catalog": ("Catalog",),
    "spec.design": ("Design",),
    "spec.load": ("load_plan",),
    "spec.model": ("Model",),
    "spec.plan": ("Plan",),
    "spec.schema": ("schema",),
    "spec.site": ("Site",),
    "spec.workload": ("Serving", "Training"),
    "twin.factory": ("Factory",),
    "twin.result": ("Prediction",),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"firstlight.{home}"), name)
    raise AttributeError(f"module 'firstlight' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

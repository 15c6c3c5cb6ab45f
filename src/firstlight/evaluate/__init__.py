"""Factory + workloads -> Evaluation: the one place that knows which discipline needs what from which."""

from __future__ import annotations

from firstlight.evaluate.evaluation import Evaluation, FactorySummary, Margin
from firstlight.evaluate.run import evaluate

__all__ = ["Evaluation", "FactorySummary", "Margin", "evaluate"]

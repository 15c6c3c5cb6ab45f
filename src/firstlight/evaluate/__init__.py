"""Factory + workloads -> Evaluation: the one place that knows which discipline needs what from which."""

from __future__ import annotations

from firstlight.evaluate.evaluation import Evaluation, FactorySummary, Margin
from firstlight.evaluate.run import evaluate
from firstlight.evaluate.training import TrainingAnswer, TrainingRun, evaluate_training

__all__ = [
    "Evaluation", "FactorySummary", "Margin", "TrainingAnswer", "TrainingRun", "evaluate", "evaluate_training",
]  # fmt: skip

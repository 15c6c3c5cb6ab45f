"""Factory + workloads -> Evaluation: the one place that knows which discipline needs what from which."""

from __future__ import annotations

from firstlight.evaluate.evaluation import Evaluation, FactorySummary, Margin
from firstlight.evaluate.network import NetworkAnswer, evaluate_network
from firstlight.evaluate.run import evaluate
from firstlight.evaluate.serving import ServingAnswer, ServingRun, evaluate_serving
from firstlight.evaluate.training import TrainingAnswer, TrainingRun, evaluate_training

__all__ = [
    "Evaluation", "FactorySummary", "Margin", "NetworkAnswer", "ServingAnswer", "ServingRun", "TrainingAnswer",
    "TrainingRun", "evaluate", "evaluate_network", "evaluate_serving", "evaluate_training",
]  # fmt: skip

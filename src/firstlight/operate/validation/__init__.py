"""Scoreboards: published measurements against predictions, row by row."""

from __future__ import annotations

from firstlight.operate.validation.memory import validate_memory
from firstlight.operate.validation.network import validate_network
from firstlight.operate.validation.score import Outcome, Scoreboard
from firstlight.operate.validation.serving.throughput import validate_throughput
from firstlight.operate.validation.serving.validate import validate_serving
from firstlight.operate.validation.timings.kernels import validate_collectives, validate_kernels
from firstlight.operate.validation.training import validate_training

__all__ = [
    "Outcome", "Scoreboard", "validate_collectives", "validate_kernels", "validate_memory", "validate_network",
    "validate_serving", "validate_throughput", "validate_training",
]  # fmt: skip

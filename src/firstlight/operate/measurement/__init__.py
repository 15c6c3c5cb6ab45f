"""Measurements of one's own accelerator: kernels and training steps, as the scoreboards and fits read them."""

from __future__ import annotations

from firstlight.operate.measurement.kernels import measure_kernels
from firstlight.operate.measurement.steps import measure_training

__all__ = ["measure_kernels", "measure_training"]

"""Coefficients fitted to measured runs, from where they are believed to lie."""

from __future__ import annotations

from firstlight.operate.calibration.timings.kernels import calibrate_kernels
from firstlight.operate.calibration.training import Calibration, calibrate_training

__all__ = ["Calibration", "calibrate_kernels", "calibrate_training"]

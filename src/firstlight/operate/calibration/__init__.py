"""Coefficients fitted to measured runs, from where they are believed to lie."""

from __future__ import annotations

from firstlight.operate.calibration.network import NetworkCalibration, calibrate_network
from firstlight.operate.calibration.timings.kernels import calibrate_kernels
from firstlight.operate.calibration.training import Calibration, calibrate_training

__all__ = ["Calibration", "NetworkCalibration", "calibrate_kernels", "calibrate_network", "calibrate_training"]

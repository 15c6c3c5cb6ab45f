"""Coefficients fitted to measured runs, from where they are believed to lie."""

from __future__ import annotations

from firstlight.operate.calibration.network import NetworkCalibration, calibrate_network
from firstlight.operate.calibration.serving import calibrate_serving
from firstlight.operate.calibration.throughput import calibrate_throughput
from firstlight.operate.calibration.timings.kernels import calibrate_kernels
from firstlight.operate.calibration.training import Calibration, calibrate_training

__all__ = [
    "Calibration", "NetworkCalibration", "calibrate_kernels", "calibrate_network", "calibrate_serving",
    "calibrate_throughput", "calibrate_training",
]  # fmt: skip

"""What serving draws of its systems' power."""

from __future__ import annotations

from firstlight.performance.power import utilisation
from firstlight.performance.result import ServingPower
from firstlight.performance.serving.steady import Flow
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import System


def share_of_power(found: Flow, used: float, a: Assumptions) -> float:
    """Share of the power range: decode steps and prefill by their shares of the time that the accelerators work.

    Args:
        found: one replica at work. used: share of the accelerators that are in a replica.
    """
    filling, decoding = float(found.filling[0]), float(found.decoding[0])
    shares = {name: share * decoding for name, share in _shares(found).items()}
    return float(utilisation({**shares, "gemm": filling}, used * min(decoding + filling, 1.0), a))


def powers(found: Flow, system: System, share: float, per_token: float, a: Assumptions) -> ServingPower:
    """Watts of an accelerator with its share of the system by phase, and joules for an output token.

    Args:
        found: one replica at work. share: of the power range, in the mean. per_token: accelerators for each output
            token a second [s].
    """
    filling, decoding = float(found.filling[0]), float(found.decoding[0])

    def watts(part: float) -> float:
        return (system.idle_power + part * (system.power - system.idle_power)) / system.accelerators

    mean = watts(share)
    return ServingPower(
        idle=watts(0.0),
        prefill=watts(float(utilisation({"gemm": 1.0}, 1.0, a))),
        decode=watts(float(utilisation(_shares(found), 1.0, a))) if decoding > 0 else 0.0,
        mean=mean,
        prefill_share=filling,
        decode_share=decoding,
        joules_per_token=mean * per_token,
    )


def _shares(found: Flow) -> dict[str, float]:
    """Parts of a decode step, over the step."""
    step = max(float(found.step.ravel()[0]), 1e-12)
    return {name: time / step for name, time in found.shown.items()}

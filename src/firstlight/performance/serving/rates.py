"""Rates of serving's kernels on one machine."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.performance.machine import Machine
from firstlight.performance.rates import Rates
from firstlight.spec.assumptions import Assumptions

SPLITS = (1, 2, 4, 8)
"""Ways that serving kernels cut the inner length, so that a few requests still fill the machine."""


@dataclass(frozen=True)
class ServingRates:
    """Rates of one pass (decode or prefill).

    Attributes:
        dense: dense products at the served type. head: the output head, in bf16.
        experts: of expert products: launch [s], rate [FLOP/s], memory bandwidth [B/s], bytes per weight and per copy.
    """

    dense: Rates
    head: Rates
    experts_launch: float
    experts_rate: float
    experts_bandwidth: float
    expert_weight: float
    expert_activation: float


def serving_rates(work: Machine, dense: str, a: Assumptions, *, prefill: bool) -> ServingRates:
    """Rates from the kernel tables, with the factors by which engines are slower or faster under load.

    Args:
        work: machine at the served type. dense: type of all but the routed experts, the served one or "bf16".

    A type without hardware keeps its small weights and computes in the next wider type (weight-only quantisation);
    kernels of 4-bit experts on machines without FP4 compute in 16 bits, as no activations are quantised (MXFP4), and
    unpack the weights first, which has a launch of its own.
    """
    kind, stored = work.runs_as, a[f"performance.weight_bytes_{work.precision}"]
    unpacked = work.precision == "fp4" != kind
    expert, peak = ("bf16", work.peak16) if unpacked else (kind, work.peak)
    path = "unpacked" if unpacked else expert
    compute = _prefill_time(work, a) if prefill else 1.0
    memory = a[f"performance.serving_memory_time_{known_family(work)}"]
    return ServingRates(
        dense=_products(work, *(("bf16", 2.0) if dense == "bf16" else (kind, stored)), compute, memory, a),
        head=_products(work, "bf16", 2.0, compute, memory, a),
        experts_launch=a[f"performance.serving_experts_launch_{path}"],
        experts_rate=peak * a[f"performance.serving_experts_gemm_{path}"] / compute,
        experts_bandwidth=work.bandwidth * a[f"performance.serving_experts_memory_{expert}"] / memory,
        expert_weight=stored,
        expert_activation=a[f"performance.serving_experts_activation_{expert}"],
    )


def known_family(work: Machine) -> str:
    """The family whose engines' runs are known, or "other"."""
    return work.family if work.family in ("hopper", "blackwell") else "other"


def _products(work: Machine, kind: str, stored: float, compute: float, memory: float, a: Assumptions) -> Rates:
    family = "other" if work.family not in ("hopper", "blackwell", "ampere") else "hopper"
    relative = a[f"performance.gemm_ceiling_{work.family}"] / a[f"performance.gemm_ceiling_{family}"]
    return Rates(
        peak=work.peak if kind == work.runs_as else work.peak16,
        efficiency=a[f"performance.serving_gemm_{kind}"] * min(relative, 1.0),
        bandwidth=work.bandwidth * a[f"performance.serving_memory_{kind}"],
        weight=stored,
        activation=a[f"performance.weight_bytes_{kind}"],
        output=2.0,
        units=work.units,
        wave=a["performance.gemm_wave"],
        ramp=a["performance.gemm_ramp"],
        small_tile=a["performance.gemm_small_tile"],
        quantisation=a["performance.gemm_quantisation"],
        misaligned=1.0,
        launch=a[f"performance.serving_launch_{kind}"],
        norm=a["performance.serving_norm"],
        splits=SPLITS,
        compute_time=compute,
        memory_time=memory,
    )


def _prefill_time(work: Machine, a: Assumptions) -> float:
    if work.family != "blackwell":
        return a["performance.serving_prefill_time_other"]
    return a["performance.serving_prefill_time_blackwell" + ("_fp4" if work.runs_as == "fp4" else "")]

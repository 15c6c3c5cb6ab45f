"""What the kernel models read of an accelerator in its system, at one number type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight.errors import UsageError
from firstlight.performance.rates import Rates
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.parts import Accelerator, Host, System

FAMILIES = {
    "pascal": "ampere", "volta": "ampere", "turing": "ampere", "ampere": "ampere", "ada": "ampere",
    "hopper": "hopper", "blackwell": "blackwell", "rubin": "blackwell", "cdna": "cdna", "gaudi": "gaudi", "tpu": "tpu",
    "trainium": "trainium", "neuron": "trainium", "inferentia": "trainium",
}  # fmt: skip
"""Kernel family by the beginning of the catalogue's architecture; "other" for the rest."""

TRAINED = frozenset({
    "nvidia-a100-sxm-80gb", "nvidia-a100-sxm-40gb", "nvidia-h100-sxm-80gb", "nvidia-h100-sxm-96gb", "nvidia-h200-sxm",
    "nvidia-gb200", "google-tpu-v4", "google-tpu-v5e", "google-tpu-v5p", "google-tpu-v6e",
})  # fmt: skip
"""Accelerators whose training runs are among those that the intervals were learnt on."""

SERVED = frozenset({"nvidia-h100-sxm-80gb", "nvidia-h200-sxm", "nvidia-b200-sxm", "nvidia-gb200"})
"""Accelerators whose serving runs are among those that the intervals were learnt on."""

TYPES = ("fp4", "fp8", "bf16")
"""From narrow to wide; a type without hardware is computed in the next wider one that has it."""
WEIGHTS_ONLY = {"int4": "bf16"}
"""Types of weights that are brought to another one inside products (GPTQ, arXiv 2210.17323; AWQ, 2306.00978)."""


@dataclass(frozen=True)
class Machine:
    """One accelerator as the models see it.

    Attributes:
        accelerator: catalogue id.
        family: kernel family, a value of `FAMILIES` or "other".
        software: "gpu" (Megatron-Core) or "xla".
        precision: number type that was asked for.
        runs_as: type that the hardware computes in. cached: of keys and values, in serving.
        integers: its 8-bit products are of integers (TPUs).
        peak: dense peak of `runs_as` [FLOP/s]; peak16: of 16-bit floats.
        efficiency, efficiency16: what large products reach of `peak` and `peak16` in training.
        attention_efficiency: what fused attention reaches of `peak16`, forward, long sequences.
        maturity: growth of the software's kernels since mid-2024.
        units: compute units (SMs, matrix units).
        exponentials: softmax exponentials per second [1/s].
        memory: capacity [B]; bandwidth: peak of the memory [B/s].
        scale_up: bandwidth to the scale-up domain, one direction [B/s]; domain: its members in this system.
        host_link: bandwidth to the host's memory, one direction [B/s]; 0 where it is not known.
        host_memory, host_bandwidth: an accelerator's share of the host's memory [B] and of its bandwidth [B/s].
        arm: the host launches from Arm cores.
        fused_experts: products, activations and casts of all experts are one kernel, and a step is one graph.
        trained, served: the accelerator is in the data of the training and serving intervals.
    """

    accelerator: str
    family: str
    software: str
    precision: str
    runs_as: str
    cached: str
    integers: bool
    peak: float
    peak16: float
    efficiency: float
    efficiency16: float
    attention_efficiency: float
    maturity: float
    units: float
    exponentials: float
    memory: float
    bandwidth: float
    scale_up: float
    domain: int
    host_link: float
    host_memory: float
    host_bandwidth: float
    arm: bool
    fused_experts: bool
    trained: bool
    served: bool

    @property
    def low(self) -> bool:
        """Products run in fewer than 16 bits."""
        return self.runs_as != "bf16"

    @property
    def note(self) -> str:
        """Where another type than the asked one is computed, in words; empty otherwise."""
        if self.integers:
            return f"; {self.accelerator} computes 8-bit products in int8"
        if self.runs_as == WEIGHTS_ONLY.get(self.precision, self.precision):
            return ""
        return f"; {self.accelerator} has no {self.precision} hardware, products are computed in {self.runs_as}"

    def rates(self, kind: str, a: Assumptions) -> Rates:
        """Rates of training's matrix products in a type ("bf16" or the machine's `runs_as`)."""
        wide = kind == "bf16"
        size = a[f"performance.weight_bytes_{kind}"]
        return Rates(
            peak=self.peak16 if wide else self.peak,
            efficiency=self.efficiency16 if wide else self.efficiency,
            bandwidth=self.bandwidth * a["performance.memory_efficiency"],
            weight=size,
            activation=size,
            output=2.0,
            units=self.units,
            wave=a["performance.gemm_wave"],
            ramp=a["performance.gemm_ramp"],
            small_tile=a["performance.gemm_small_tile"],
            quantisation=a["performance.gemm_quantisation"],
            misaligned=a["performance.gemm_misaligned"] if self.software == "gpu" else 1.0,
            reread=4.0 / a["performance.gemm_reread"] if self.family == "tpu" else 0.0,
        )


def family(architecture: str) -> str:
    """The kernel family of a catalogue architecture: "cdna3" is "cdna"; "other" where none is known."""
    known = [name for prefix, name in FAMILIES.items() if architecture.lower().startswith(prefix)]
    return known[0] if known else "other"


def runs_as(accelerator: Accelerator, precision: str) -> str:
    """The type that the hardware computes in: the asked one, or the next wider one that it has.

    Raises:
        UsageError: the accelerator has no 16-bit matrix rate at all.
    """
    for kind in TYPES[TYPES.index(WEIGHTS_ONLY.get(precision, precision)) :]:
        if getattr(accelerator, kind) is not None or (kind == "fp8" and _integers(accelerator)):
            return kind
    raise UsageError(f"{accelerator.id} has no bf16 rate in the catalogue; add `bf16:` to it, or choose another system")


def _integers(accelerator: Accelerator) -> bool:
    """The accelerator's faster 8-bit type is int8, and its software trains in it (AQT on TPUs, arXiv 2105.03536)."""
    rates = [rate for rate in (accelerator.bf16, accelerator.fp8) if rate is not None]
    faster = accelerator.int8 is not None and all(accelerator.int8 > rate for rate in rates)
    return faster and family(accelerator.architecture) == "tpu"


def machine(accelerator: Accelerator, host: Host, system: System, precision: str, a: Assumptions) -> Machine:
    """The machine that a system's accelerator is, for work in this precision ("bf16", "fp8", "fp4", "int4").

    Efficiencies in training are the family's, scaled by (achieved matmul share / the reference chip's)^power where the
    catalogue has an achieved rate, slower where the power limit leaves less for each FLOP/s than on the reference chip,
    growing with the year of the software and bounded by the kernels' ceiling.
    """
    kind, group = runs_as(accelerator, precision), family(accelerator.architecture)
    integers = kind == "fp8" and _integers(accelerator)
    peak = getattr(accelerator, "int8" if integers else kind)
    peak16 = accelerator.bf16 or peak
    software = "xla" if group in ("tpu", "trainium") else "gpu"
    growth = np.exp(a[f"performance.software_growth_{software}"] * software_age(a))
    clock = _clock(accelerator, group, a)
    relative = _relative(accelerator, group, a) * clock
    base16 = a[f"performance.gemm_bf16_{group}"] * relative
    ceiling = a[f"performance.gemm_ceiling_{group}"]
    efficiency16 = np.minimum(base16 * growth, ceiling)
    low = np.minimum(_efficiency8(group, a) * relative * growth, a["performance.gemm_fp8_ceiling"])
    sockets = system.sockets / system.accelerators
    attention = a["performance.attention_efficiency"] * efficiency16 / a["performance.gemm_bf16_ampere"]
    if group not in ("ampere", "tpu"):
        attention = attention * a["performance.attention_ported"]
    return Machine(
        accelerator=accelerator.id,
        family=group,
        software=software,
        precision=precision,
        runs_as=kind,
        cached="bf16" if precision in ("bf16", "int4") else "fp8",
        integers=integers,
        peak=peak,
        peak16=peak16,
        efficiency=efficiency16 if kind == "bf16" else low,
        efficiency16=efficiency16,
        attention_efficiency=attention * (a["performance.attention_efficiency_xla"] if software == "xla" else 1.0),
        maturity=growth,
        units=a[f"performance.units_{group}"],
        exponentials=_exponentials(accelerator.architecture.lower(), group, a) * clock,
        memory=accelerator.memory,
        bandwidth=accelerator.memory_bandwidth,
        scale_up=accelerator.scale_up_bandwidth or accelerator.memory_bandwidth,
        domain=system.scale_up_domain,
        host_link=accelerator.host_link or 0.0,
        host_memory=host.memory * sockets,
        host_bandwidth=host.memory_bandwidth * sockets,
        arm=host.vendor.lower() == "nvidia",
        fused_experts=group == "blackwell" and kind != "bf16" and a["performance.fused_experts"] >= 0.5,
        trained=accelerator.id in TRAINED,
        served=accelerator.id in SERVED,
    )


def software_age(a: Assumptions) -> float:
    """Years of the training software after mid-2024, within the years that runs were seen in."""
    return min(max(a["performance.software_year"] - 2024.5, -2.0), 2.5)


def _relative(accelerator: Accelerator, group: str, a: Assumptions) -> float:
    name = f"performance.achieved_{group}"
    if accelerator.matmul is None or accelerator.bf16 is None or name not in a:
        return 1.0
    return float((accelerator.matmul / accelerator.bf16 / a[name]) ** a["performance.achieved_power"])


def _clock(accelerator: Accelerator, group: str, a: Assumptions) -> float:
    """The clock under load over that of the family's reference chip: less where there is less power for each FLOP/s."""
    name = f"performance.power_{group}"
    if accelerator.bf16 is None or name not in a:
        return 1.0
    return min(accelerator.tdp / accelerator.bf16 / a[name], 1.0) ** a["performance.power_limited"]


def _efficiency8(group: str, a: Assumptions) -> float:
    if group in ("hopper", "blackwell", "tpu"):
        return a[f"performance.gemm_fp8_{group}"]
    own = a[f"performance.gemm_bf16_{group}"] / a["performance.gemm_bf16_hopper"]
    return a["performance.gemm_fp8_other"] * own


def _exponentials(architecture: str, group: str, a: Assumptions) -> float:
    own = f"performance.exponentials_{architecture}"
    return a[own] if own in a else a[f"performance.exponentials_{group}"]

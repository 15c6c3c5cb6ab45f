"""The operations that have a timed formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from math import inf
from typing import Any

import yaml

from firstlight import units
from firstlight.performance.kernels.timed import collectives, context, convolution, exchange, experts, gemm, generation
from firstlight.performance.kernels.timed.formula import Formula, Parameter

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECONDS: Mapping[str, tuple[Callable[..., Any], tuple[tuple[float, ...], ...]]] = {
    "gemm": (gemm.gemm, gemm.OPTIONS),
    "context": (context.context, ((),)),
    "generation": (generation.generation, generation.OPTIONS),
    "experts": (experts.experts, experts.OPTIONS),
    "convolution": (convolution.convolution, ((),)),
    "nccl": (collectives.nccl, ((),)),
    "all_reduce": (collectives.all_reduce, ((),)),
    "low_latency": (exchange.low_latency, ((),)),
    "normal": (exchange.normal, ((),)),
    "domain": (exchange.domain, ((),)),
}
OPERATIONS: Mapping[str, str] = {
    "gemm": "gemm",
    "context_attention": "context",
    "context_mla": "context",
    "generation_attention": "generation",
    "generation_mla": "generation",
    "moe": "experts",
    "wideep_moe": "experts",
    "mamba2": "convolution",
    "nccl": "nccl",
    "allreduce_other_source": "nccl",
    "custom_allreduce": "all_reduce",
    "deepep_ll": "low_latency",
    "deepep_normal": "normal",
    "moe_a2a": "domain",
    "trtllm_alltoall": "domain",
}
"""Formula of each operation."""


@cache
def formula(operation: str) -> Formula:
    """The formula of an operation, with the priors of data/kernels/parameters.yaml."""
    name = OPERATIONS[operation]
    seconds, options = _SECONDS[name]
    return Formula(seconds, tuple(_parameter(key, raw) for key, raw in _priors()[name].items()), options)


@cache
def _priors() -> Mapping[str, Mapping[str, Any]]:
    file = resources.files("firstlight.data") / "kernels" / "parameters.yaml"
    return yaml.load(file.read_text("utf-8"), Loader=_LOADER)


def _parameter(name: str, raw: Mapping[str, Any]) -> Parameter:
    prior = raw["prior"]
    if isinstance(prior, str):
        prior = units.parse(prior, "bandwidth" if "/" in prior else "time")
    bounds = (float(raw.get("least", 0.0)), float(raw.get("most", inf)))
    return Parameter(name, float(prior), float(raw["wide"]), float(raw["narrow"]), *bounds)

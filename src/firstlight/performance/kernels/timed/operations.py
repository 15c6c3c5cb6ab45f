"""The timed kernels: their formulas, and the coefficients that come with firstlight."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from firstlight.performance.kernels.timed import context, convolution, experts, gemm, generation
from firstlight.timings import coefficients
from firstlight.timings.coefficients import Coefficients
from firstlight.timings.formula import Formula
from firstlight.timings.priors import formulas

OPERATIONS: Mapping[str, str] = {
    "gemm": "gemm",
    "context_attention": "context",
    "context_mla": "context",
    "generation_attention": "generation",
    "generation_mla": "generation",
    "moe": "experts",
    "wideep_moe": "experts",
    "mamba2": "convolution",
}
"""Formula of each operation."""


@cache
def kernels() -> Mapping[str, Formula]:
    """The formula of each operation, with the priors of data/kernels/parameters.yaml."""
    found = formulas("kernels", {
        "gemm": (gemm.gemm, gemm.OPTIONS),
        "context": (context.context, ((),)),
        "generation": (generation.generation, generation.OPTIONS),
        "experts": (experts.experts, experts.OPTIONS),
        "convolution": (convolution.convolution, ((),)),
    })  # fmt: skip
    return {operation: found[name] for operation, name in OPERATIONS.items()}


@cache
def shipped() -> Coefficients:
    """The coefficients of kernels that come with firstlight."""
    return coefficients.read(resources.files("firstlight.data") / "kernels" / "fitted", kernels(), "shipped")

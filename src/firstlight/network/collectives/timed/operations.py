"""The timed collectives: their formulas, and the coefficients that come with firstlight."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from firstlight.network.collectives.timed import exchange, nccl
from firstlight.timings import coefficients
from firstlight.timings.coefficients import Coefficients
from firstlight.timings.formula import Formula
from firstlight.timings.priors import formulas

OPERATIONS: Mapping[str, str] = {
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
def collectives() -> Mapping[str, Formula]:
    """The formula of each operation, with the priors of data/collectives/parameters.yaml."""
    found = formulas("collectives", {
        "nccl": (nccl.nccl, ((),)),
        "all_reduce": (nccl.all_reduce, ((),)),
        "low_latency": (exchange.low_latency, ((),)),
        "normal": (exchange.normal, ((),)),
        "domain": (exchange.domain, ((),)),
    })  # fmt: skip
    return {operation: found[name] for operation, name in OPERATIONS.items()}


@cache
def shipped() -> Coefficients:
    """The coefficients of collectives that come with firstlight."""
    return coefficients.read(resources.files("firstlight.data") / "collectives" / "fitted", collectives(), "shipped")

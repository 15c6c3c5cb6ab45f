from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from firstlight.reliability.facts import FabricCounts
from firstlight.spec.assumptions import Assumptions, shipped, with_overrides
from firstlight.spec.parts import Accelerator, Host, Nic, System
from firstlight.twin.factory import Factory

_PART = {"vendor": "test", "source": "test", "standing": "estimate"}


def make_factory(
    accelerators: int, *, each: int = 8, nodes: int = 1, memory: str = "HBM3", year: int = 2022
) -> Factory:
    """A factory of `accelerators`, `each` in a system of `nodes` hosts; nothing of its layout matters here."""
    accelerator = Accelerator.model_validate(
        {"id": "acc", "name": "acc", "architecture": "hopper", "released": year, "memory": "80 GB", **_PART}
        | {"memory_type": memory, "memory_bandwidth": "3.35 TB/s", "tdp": "700 W"}
    )
    host = {"id": "host", "name": "host", "cores": 56, "memory": "1 TB", "memory_bandwidth": "300 GB/s"}
    nic = {"id": "nic", "name": "nic", "ports": 1, "bandwidth": "400 Gb/s", "power": "25 W"}
    system = {"id": "sys", "name": "sys", "accelerator": "acc", "accelerators": each, "nodes": nodes, "host": "host"}
    system |= {"scale_up_domain": each, "sockets": 2, "nic": "nic", "nics": each, "power": "10 kW", "liquid": 0}
    system |= {"idle_power": "3 kW", "racks": "server", "rack_units": 8, "mass": "130 kg"}
    nothing: Any = np.zeros(0)
    return Factory(
        name="test", system=System.model_validate(system | _PART), accelerator=accelerator,
        host=Host.model_validate(host | {"tdp": "350 W"} | _PART), nic=Nic.model_validate(nic | _PART),
        topology=cast("Any", None), systems=accelerators // each, halls=cast("Any", None), pods=nothing,
        racks=cast("Any", None), switch_rack=(), feed_power=nothing, loop_power=nothing, site_width=1, site_depth=1,
    )  # fmt: skip


@pytest.fixture
def factory() -> Callable[..., Factory]:
    return make_factory


@pytest.fixture
def assumptions() -> Callable[..., Assumptions]:
    def make(**overrides: str | float) -> Assumptions:
        return with_overrides(shipped(), {f"reliability.{k}": v for k, v in overrides.items()})

    return make


@pytest.fixture
def llama() -> Callable[[int], FabricCounts]:
    """The fabric of the Llama 3 cluster: 16 accelerators on a leaf switch (Llama 3 paper), three tiers."""

    def make(n: int) -> FabricCounts:
        leaves = -(-n // 16)
        return FabricCounts(leaves + leaves // 8, leaves, n, 4 * n, 2 * n)

    return make

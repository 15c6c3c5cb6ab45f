"""Accelerators, hosts and the systems they come in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from firstlight.spec.parts.base import Part
from firstlight.spec.quantity import Bandwidth, Compute, Duration, Fraction, Length, Mass, Power, Size


class Accelerator(Part):
    """One accelerator package. Compute rates are dense peaks; a rate left out is not supported in hardware."""

    kind: Literal["accelerator"] = "accelerator"
    architecture: str
    """Family that kernels are written for: "hopper", "blackwell", "cdna3", "tpu-v5", "gaudi3"."""
    released: int = Field(ge=2010, le=2035)
    """Year of first shipment."""
    fp64: Compute | None = None
    fp32: Compute | None = None
    """Vector rate."""
    tf32: Compute | None = None
    bf16: Compute | None = None
    """Tensor rate of 16-bit floats (fp16 where the part has no bf16)."""
    fp8: Compute | None = None
    fp4: Compute | None = None
    int8: Compute | None = None
    memory: Size
    """HBM (or GDDR) that a process can have, as the driver tells it."""
    memory_type: str
    memory_bandwidth: Bandwidth
    scale_up_bandwidth: Bandwidth | None = None
    """To the other accelerators of the scale-up domain, one direction, all links together."""
    scale_up_domain: int = Field(default=1, ge=1)
    """Accelerators in the largest scale-up domain that is sold (the system says what it has)."""
    host_link: Bandwidth | None = None
    """To the host's memory, one direction (PCI Express, NVLink-C2C)."""
    tdp: Power
    """Thermal design power of the package."""
    matmul: Compute | None = None
    """Best achieved bf16 matrix multiplication, where somebody measured it."""
    all_reduce_latency: Duration | None = None
    """Of the smallest all-reduce (8 bytes, NCCL) over the accelerators of a node, where somebody measured it: sets the
    factor on all latencies of collectives, which no specification tells."""
    all_reduce_ranks: int | None = Field(default=None, ge=2)
    """Accelerators of that all-reduce, where not all of a node."""


class Host(Part):
    """A node's CPUs and memory."""

    kind: Literal["host"] = "host"
    cores: int = Field(ge=1)
    """Per socket."""
    memory: Size
    """Per socket, as usually fitted."""
    memory_bandwidth: Bandwidth
    """Per socket."""
    tdp: Power
    """Per socket."""


class Nic(Part):
    """A network adapter of the scale-out fabric."""

    kind: Literal["nic"] = "nic"
    ports: int = Field(ge=1)
    bandwidth: Bandwidth
    """Of the whole card, one direction."""
    power: Power
    """Without pluggable optics."""


class System(Part):
    """What is bought and racked: a server with its accelerators, or a rack-scale system."""

    kind: Literal["system"] = "system"
    accelerator: str
    """Accelerator id."""
    accelerators: int = Field(ge=1)
    """In one system."""
    nodes: int = Field(default=1, ge=1)
    """Hosts (operating systems) in one system; divides the accelerators."""
    scale_up_domain: int = Field(ge=1)
    """Accelerators that share a scale-up domain in this system."""
    host: str
    """Host id (a CPU socket with its memory)."""
    sockets: int = Field(ge=0)
    """CPU sockets in one system."""
    nic: str | None = None
    """NIC id of the scale-out fabric; none for systems joined by a torus."""
    nics: int = Field(default=0, ge=0)
    """In one system."""
    power: Power
    """Of one system at the rack's feed, greatest (design power)."""
    idle_power: Power
    """Of one system at the rack's feed, idle."""
    liquid: Fraction
    """Share of the heat that goes to liquid."""
    racks: Literal["server", "rack"]
    """A server goes into racks with others; a rack-scale system is (one or more) racks of its own."""
    rack_units: float = Field(ge=0)
    """Height of a server [U]; 0 for rack-scale systems."""
    racks_each: int = Field(default=1, ge=1)
    """Racks that one rack-scale system takes."""
    per_rack: int = Field(default=1, ge=1)
    """Systems put into one rack where power and cooling allow it (1 for rack-scale systems)."""
    rack_width: Length = 0.6
    rack_depth: Length = 1.2
    mass: Mass
    """Of one system."""
    sold: bool = True
    """It can be bought. What its maker rents out but does not sell is never proposed; a design may name it."""

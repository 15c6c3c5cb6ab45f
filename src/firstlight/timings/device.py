"""What the timed formulas read of accelerators, from the catalogue and from the table of processors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from firstlight import units
from firstlight.spec.parts import Accelerator
from firstlight.twin.protocols import Floats

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
WIDER = {"fp4": "fp8", "fp8": "bf16", "int8": "bf16"}
"""Type in which products run where the hardware lacks one."""


@dataclass(frozen=True)
class Device:
    """One accelerator.

    Attributes:
        id: in the catalogue. generation: whose kernels it runs ("hopper"); sisters share them.
        peaks: dense rate by type, with wider types in place of missing ones [FLOP/s].
        bandwidth: of the memory [B/s]; cache: last-level cache [B].
        units, clock: compute units and their clock under load [Hz].
        exponential: softmax exponentials per clock and unit over those of Ampere.
        link: scale-up bandwidth, one direction [B/s]; node: accelerators of a node; switched: links meet in switches.
        sync, peer, host: latencies over the H100's: of NCCL, of kernels that wait for peers, of launches by the host.
        relatives: measured generations whose kernels come nearest, in order.
        known: its units, clock and cache are in the table of processors, not taken from its generation.
    """

    id: str
    generation: str
    peaks: Mapping[str, float] = field(hash=False)
    bandwidth: float
    cache: float
    units: float
    clock: float
    exponential: float
    link: float
    node: int
    switched: bool
    sync: float
    peer: float
    host: float
    relatives: tuple[str, ...]
    known: bool


@cache
def processors() -> Mapping[str, Any]:
    """data/kernels/processors.yaml."""
    file = resources.files("firstlight.data") / "kernels" / "processors.yaml"
    return yaml.load(file.read_text("utf-8"), Loader=_LOADER)


def device(part: Accelerator) -> Device:
    """The device that a part of the catalogue is; what the table of processors lacks comes from its generation."""
    table = processors()
    name = generation(part.architecture)
    family, own = table["generations"][name], table["accelerators"].get(part.id, {})
    values = {**family, **own}
    link = part.scale_up_bandwidth
    return Device(
        id=part.id,
        generation=name,
        peaks=_peaks(part),
        bandwidth=part.memory_bandwidth,
        cache=units.parse(values["cache"], "bytes"),
        units=float(values["units"]),
        clock=units.parse(values["clock"], "frequency"),
        exponential=float(values["exponential"]),
        link=link or units.parse(table["link"], "bandwidth"),
        node=int(values["node"]),
        switched=bool(values["switched"]) and bool(link and link >= units.parse(table["switched"], "bandwidth")),
        sync=float(values["sync"]),
        peer=float(values["peer"]),
        host=float(values["host"]),
        relatives=tuple(family["relatives"]),
        known=bool(own),
    )


def generation(architecture: str) -> str:
    """The generation of a catalogue architecture: "blackwell-ultra" is "blackwell"; "other" where none is known."""
    known = [name for name in processors()["generations"] if architecture.lower().startswith(name)]
    return max(known, key=len, default="other")


def _peaks(part: Accelerator) -> dict[str, float]:
    bf16 = part.bf16 or part.fp8 or part.fp32 or part.memory_bandwidth
    peaks = {"bf16": bf16}
    for kind in ("int8", "fp8", "fp4"):
        peaks[kind] = getattr(part, kind) or peaks[WIDER[kind]]
    return peaks


def columns(one: Device, rows: int) -> dict[str, Floats]:
    """Values of a device as the formulas read them, the same for each call [rows]."""
    names = ("bandwidth", "cache", "units", "clock", "exponential", "link", "node", "switched", "sync", "peer", "host")
    found = {name: float(getattr(one, name)) for name in names}
    found |= {f"peak_{kind}": peak for kind, peak in one.peaks.items()}
    found["network"] = units.parse(processors()["network"], "bandwidth")
    return {name: np.full(rows, value) for name, value in found.items()}

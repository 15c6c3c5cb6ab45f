"""Switches, transceivers and cables."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from firstlight.spec.parts.base import Part
from firstlight.spec.quantity import Bandwidth, Duration, Length, Power


class Switch(Part):
    """A switch of the scale-out fabric; or of a scale-up domain, which its system brings along (nvlink)."""

    kind: Literal["switch"] = "switch"
    protocol: Literal["ethernet", "infiniband", "nvlink"]
    ports: int = Field(ge=1)
    """At `port_bandwidth`."""
    port_bandwidth: Bandwidth
    """Of one port, one direction."""
    breakouts: tuple[int, ...] = (1,)
    """Into how many links of equal speed one port may be split."""
    latency: Duration
    """Port to port, unloaded."""
    rack_units: float = Field(ge=1)
    power: Power
    """Typical, without pluggable optics."""
    optics: Literal["pluggable", "co-packaged"] = "pluggable"
    reduces: bool = False
    """Adds up what accelerators send (NVIDIA SHARP), so that an all-reduce crosses each link once."""


class Transceiver(Part):
    """A pluggable optical module."""

    kind: Literal["transceiver"] = "transceiver"
    bandwidth: Bandwidth
    """Of the module, one direction."""
    reach: Length
    fibre: Literal["multimode", "single-mode"]
    power: Power


class Cable(Part):
    """A cable, or the fibre between two transceivers. Price is per cable plus per metre."""

    kind: Literal["cable"] = "cable"
    medium: Literal["dac", "aec", "aoc", "multimode", "single-mode"]
    """dac: passive copper; aec: active copper; aoc: active optical, modules attached. Fibres need a module an end."""
    bandwidth: Bandwidth
    """Greatest link that it carries, one direction."""
    reach: Length
    """Greatest length."""
    power: Power | None = None
    """Of both ends together (active cables)."""
    price_per_metre: float = Field(ge=0)
    """[USD/m]"""

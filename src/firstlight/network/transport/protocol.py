"""The constants of the packet transport, in SI: Ultra Ethernet's sender-driven congestion control (UET 1.0, NSCC)."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml

from firstlight import units

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Protocol(NamedTuple):
    """What packets, queues and windows are like; every value with its source is in data/network/transport.yaml.

    Attributes:
        packet, header, acknowledgement: on the wire [B]; coalesced: received before an acknowledgement [B].
        window, queue, mark_low, mark_high: over bandwidth times round trip; target: queueing delay over round trip.
        entropies: values that a sprayer cycles through; recycled: those that REPS keeps.
        reference_rate, reference_trip: of the network that increases are scaled from [B/s], [s].
        proportional, fair, steady, fast: increases of the window; no_delay: below it there is no queue [s].
        decrease, deepest, smoothing: of the window at a mark, its bound, and the weight of a delay in the mean.
        adapt_share, adapt_delay: of the largest window and of the target, where the window is set to what arrived.
        adjust: packets received before the window is adjusted.
        timeout, timeout_trips: wait for an acknowledgement: [s], and longest round trips more.
        look: age at which adaptive routing looks at a queue again [s]; looks_low, looks_mid, looks_high: of a queue.
    """

    packet: float
    header: float
    acknowledgement: float
    coalesced: float
    window: float
    target: float
    queue: float
    mark_low: float
    mark_high: float
    entropies: float
    recycled: float
    reference_rate: float
    reference_trip: float
    proportional: float
    fair: float
    steady: float
    fast: float
    no_delay: float
    decrease: float
    deepest: float
    smoothing: float
    adapt_share: float
    adapt_delay: float
    adjust: float
    timeout: float
    timeout_trips: float
    look: float
    looks_low: float
    looks_mid: float
    looks_high: float

    @property
    def payload(self) -> float:
        """Bytes of a message that one packet carries [B]."""
        return self.packet - self.header


@cache
def data() -> dict[str, Any]:
    """The file of constants, as it is written."""
    file = resources.files("firstlight.data") / "network" / "transport.yaml"
    return yaml.load(file.read_text("utf-8"), Loader=_LOADER)


@cache
def protocol() -> Protocol:
    """The shipped protocol."""
    return Protocol(**{name: units.parse(raw["value"], raw["dimension"]) for name, raw in data()["protocol"].items()})


def latency(bundles: int, tiers: int) -> tuple[list[float], list[float]]:
    """Unloaded latencies where none are stated: of a link of each bundle, of a switch of each tier [s]."""
    link, switch = (units.parse(data()["latency"][name]["value"], "time") for name in ("link", "switch"))
    return [link] * bundles, [switch] * tiers

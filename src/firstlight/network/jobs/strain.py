"""How much longer the NICs of a job are busy with a collective than they would be alone: its congestion factor.

Messages of one step are equally large and start together, so that the busiest link says when the last one ends (a
slower flow never shares its bottleneck with a faster one). What packets add is the transport's formula, for folded
networks of switches.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np

from firstlight.network.jobs.fabric import Fabric, Loads, Usage
from firstlight.network.jobs.wave import Wave
from firstlight.network.topology.base import Switched
from firstlight.network.transport import bands, estimate
from firstlight.network.transport.fabric import round_trip
from firstlight.network.transport.protocol import protocol

KEPT = 512
"""Loads that are kept, by signature."""
UNKNOWN = 0.3
"""Half width of an interval that no packet-level run stands behind, upwards, in the logarithm (see network.fluid)."""
BINDING = 3
"""Busiest links that are told."""
_kept: OrderedDict[tuple[object, ...], Loads] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class Strain:
    """A collective's relative excess over the time of its NICs.

    Attributes:
        p10, p50, p90: time over that of healthy NICs that nothing holds up, less one.
        calibrated: packet-level runs stand behind the interval.
        binding: the busiest links, busiest first.
    """

    p10: float
    p50: float
    p90: float
    calibrated: bool
    binding: tuple[Usage, ...]


def strain(fabric: Fabric, wave: Wave, size: float, bandwidth: float) -> Strain:
    """The excess of a collective, with the loads kept by the signature of fabric, failures, routing and placement.

    Args:
        fabric: with its failures and routing.
        wave: of one step, between endpoints; each message has a way. Without any there is no excess.
        size: bytes that one rank sends in all steps [B].
        bandwidth: of a rank's NICs, nothing broken [B/s].
    """
    if not len(wave):
        return Strain(0.0, 0.0, 0.0, True, ())
    loads, ideal = _loads(fabric, wave), size / bandwidth
    times, width, known = _times(fabric, loads, wave, size, bandwidth)
    low, middle, high = np.quantile(times / ideal, (0.1, 0.5, 0.9)).tolist()
    tenth = bands.TENTH * width
    upper = math.exp(tenth if known else tenth + UNKNOWN)
    binding = tuple(Usage(one.name, one.busy * bandwidth) for one in loads.busiest[:BINDING])
    low = max(low * math.exp(-tenth), 1.0)
    return Strain(low - 1, max(middle, low) - 1, max(high, low) * upper - 1, known, binding)


def _loads(fabric: Fabric, wave: Wave) -> Loads:
    digest = hashlib.blake2b(digest_size=16)
    for part in (wave.source, wave.target, wave.weight):
        digest.update(np.ascontiguousarray(part).tobytes())
    key = (*fabric.signature, wave.others, digest.digest())
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = fabric.loads(wave)
    with _lock:
        _kept[key] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def _times(fabric: Fabric, loads: Loads, wave: Wave, size: float, bandwidth: float) -> tuple[np.ndarray, float, bool]:
    """Time of all steps in each draw [s], standard deviation of what is not known, and whether that was measured."""
    busiest = np.maximum(loads.nic, loads.fabric) * size
    if not isinstance(fabric.topology, Switched):
        return busiest, 0.0, False
    known = bands.scatter(fabric.routing, "pairs", "fluid")
    p, rate = protocol(), fabric.topology.bundles[0].bandwidth
    trip, message = round_trip(fabric.latencies, rate, p), size / wave.steps / wave.parts / fabric.topology.planes
    packets = max(np.ceil(message / p.packet), 1.0)
    if fabric.routing == "ecmp":
        k = estimate.constants()
        more = k["hash_trip"] * trip * wave.steps ** k["hash_row"] * min(1.0, np.log2(1 + packets / k["hash_packets"]))
        return busiest * (1 + k["hash"]) + more * (loads.fabric > 0), known, True
    load = estimate.Load(
        nic=float(loads.nic[0]) * size, trunk=float(loads.fabric[0]) * size, stages=max(loads.hops - 1, 0),
        trip=trip, packet=p.packet / rate, packets=float(packets), chain=wave.steps, row=size / bandwidth, fan=1.0,
        links=loads.links, parallel=loads.parallel,
    )  # fmt: skip
    added = estimate.excess(fabric.routing, load, estimate.constants(), int(p.entropies))
    return busiest + added, known, True

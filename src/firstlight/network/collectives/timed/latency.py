"""The factor on all latencies of an accelerator's collectives, from one measured latency.

Latencies of NCCL go up and down together from one accelerator to the next, and no specification tells by how much: the
smallest all-reduce does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight.network.collectives.timed import table
from firstlight.network.collectives.timed.operations import shipped
from firstlight.spec.parts import Accelerator
from firstlight.timings.device import Device, device
from firstlight.timings.predict import predict
from firstlight.twin.protocols import Floats

LEAST = 512.0
"""Smallest message that was timed, of which as of 8 bytes nothing but latency counts [B]."""


def device_of(part: Accelerator) -> Device:
    """The device of a part; where it states `all_reduce_latency`, with the factor on latencies that gives it."""
    one = device(part)
    if part.all_reduce_latency is None:
        return one
    return with_latency(one, part.all_reduce_latency, float(part.all_reduce_ranks or one.node))


def with_latency(one: Device, latency: float, ranks: float) -> Device:
    """A device whose smallest all-reduce over so many ranks takes `latency` [s].

    Latencies are proportional to the factor.
    """
    case = table.cases(replace(one, sync=1.0), "all_reduce", np.array([LEAST]), np.array([ranks]))
    least: Floats = predict(case, shipped()).p50
    return replace(one, sync=latency / float(least[0]))

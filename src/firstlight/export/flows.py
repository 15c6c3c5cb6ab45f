"""A simulation of traffic in lines of text."""

from __future__ import annotations

import numpy as np

from firstlight import units
from firstlight.network.flow_result import FlowResult


def summary(found: FlowResult) -> str:
    """The answer in lines of text."""

    def show(seconds: float) -> str:
        return units.show(seconds, "time")

    span = found.makespan
    middle, tail = np.quantile(found.completion, (0.5, 0.99))
    lines = [
        f"{found.flows:,} flows over {found.endpoints:,} endpoints ({found.kind}), {found.routing}",
        f"makespan    {show(span.p50)} (P10 {show(span.p10)}, P90 {show(span.p90)})",
        f"flows end   {show(float(middle))} at the median, {show(float(tail))} at the 99th percentile",
    ]
    for one in found.worst:
        way = "up" if one.upward else "down"
        lines.append(f"full queue  {one.bundle} link {one.link} {way}: {one.trimmed:,} packets trimmed")
    return "\n".join([*lines, *(f"note        {note}" for note in found.notes)])

"""Completion times of flows that share links max-min fairly at every moment."""

from __future__ import annotations

import numpy as np

from firstlight.errors import SolverError, UsageError
from firstlight.network.flows import engine
from firstlight.network.flows.classes import Classes, group
from firstlight.network.flows.reduce import BOUNDLESS, Fillable, fillable
from firstlight.network.flows.shares import shares
from firstlight.network.flows.traffic import Traffic, successors
from firstlight.twin.protocols import Floats, Paths

RESOLUTION = 2e-3
"""Length of a bucket of time, of what the quickest flow takes alone."""
TOLERANCE = 1e-3
"""Relative change of what a link offers that is passed on. With both, completion times lie within 1e-3 of re-solving at
every event, and makespans within 1e-5 (tests/oracles/test_flows_against_resolving.py)."""
LOOSEST = 0.03
"""The same where many links with many flows each move each other all the time, as those of a million flows over tapered
leaves: of 100 completion times 99 then lie within 2 %, and makespans within 1 %; a single flow can be off by more
(tests/oracles/test_flows_against_resolving.py; among a million 9 % was seen, benchmarks/test_network.py's traffic)."""
BUCKETS = 1 << 20
"""Fewest buckets that the time of the busiest link is cut into where quick flows ask for more."""


def finish(
    routes: Paths,
    capacity: Floats,
    traffic: Traffic,
    delay: Floats | float = 0.0,
    cap: Floats | None = None,
    resolution: float = RESOLUTION,
    tolerance: float = TOLERANCE,
    loosest: float = LOOSEST,
) -> Floats:
    """When each flow ends [flows] [s]; a flow without a link ends as it starts.

    Args:
        routes: directed links of each flow, -1 behind the last [flows, longest].
        capacity: of each link [links] [B/s].
        traffic: the flows; one that waits for others starts when the last of them has ended.
        delay: from a flow's last byte to its end, such as its acknowledgement's way back, [flows] or one for all [s].
        cap: a limit on each flow's own rate [flows] [B/s].
        resolution: length of a bucket of time, of what the quickest flow takes alone.
        tolerance: relative change of a link's share that is passed on; loosest: and up to which it may grow where much
            is passed on.

    Raises:
        UsageError: routes and traffic differ in length, or a route uses a link without capacity.
        SolverError: the rates did not come to an agreement.
    """
    count = len(traffic)
    if len(routes) != count:
        raise UsageError(f"there are routes for {len(routes):,} flows, and traffic of {count:,}; each flow has one")
    if not count:
        return np.zeros(0)
    flows = fillable(routes, capacity, cap)
    classes = group(flows)
    laid = _flows(traffic, classes, np.broadcast_to(np.asarray(delay, np.float64), count))
    calendar = _calendar(_step(flows, traffic, resolution), len(classes.paths), count)
    ended, _ = engine.run(shares(classes), laid, calendar, tolerance, max(tolerance, loosest))
    if ended < count:
        raise SolverError(f"{count - ended:,} of {count:,} flows never ended")
    return laid.end


def _step(flows: Fillable, traffic: Traffic, resolution: float) -> float:
    """Length of a bucket [s]."""
    alone = (traffic.size / flows.cap)[(flows.cap < BOUNDLESS) & (traffic.size > 0)]
    if not alone.size:
        return 1.0
    on = flows.paths >= 0
    sizes = np.broadcast_to(traffic.size[:, None], flows.paths.shape)[on]
    load = np.bincount(flows.paths[on], sizes, len(flows.capacity)) / flows.capacity
    horizon = max(float(load.max(initial=0.0)), float(alone.max()))
    return max(resolution * float(alone.min()), horizon / BUCKETS)


def _flows(traffic: Traffic, classes: Classes, delay: Floats) -> engine.Flows:
    count, kinds = len(traffic), len(classes.paths)
    then = successors(traffic.after)
    first = np.concatenate([[0], np.cumsum(np.bincount(classes.of, minlength=kinds))])
    return engine.Flows(
        classes.of, traffic.size, traffic.start.copy(), np.diff(traffic.after.indptr).astype(np.int32),
        then.indptr, then.indices, np.ascontiguousarray(delay), np.zeros(count), np.zeros(count),
        np.empty(count, np.int32), first,
    )  # fmt: skip


def _calendar(step: float, classes: int, flows: int) -> engine.Calendar:
    def none(count: int) -> np.ndarray:
        return np.full(count, -1, np.int32)

    of = np.zeros(classes, engine.CLOCK)
    of["bucket"] = of["after"] = of["before"] = -1
    return engine.Calendar(np.array([step]), none(engine.SLOTS), of, none(engine.SLOTS), none(flows))

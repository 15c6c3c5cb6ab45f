"""Waits of flows as htsim's triggers: a flow fires one when it has been sent, and another when it has been received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from firstlight.errors import UsageError
from firstlight.network.flows.traffic import Traffic

SENT, RECEIVED = "send_done_trigger", "recv_done_trigger"


@dataclass(frozen=True)
class Triggers:
    """Which flow starts and fires what.

    Attributes:
        starts: trigger that each waiting flow starts by.
        fires: triggers of each flow, by `SENT` and `RECEIVED`.
        counts: flows that fire each trigger.
    """

    starts: Mapping[int, int]
    fires: Mapping[int, Mapping[str, int]]
    counts: Mapping[int, int]


def triggers(flows: Traffic) -> Triggers:
    """One trigger for all flows that wait for the same others.

    What the receiver of a flow passes on waits until that is received, what its sender goes on with until it is sent;
    of two triggers at one end the second takes the word that is left.

    Raises:
        UsageError: a flow waits and has a start of its own, or sets off more than two different sets of flows: the
            format has no word for either.
    """
    indptr, indices = flows.after
    waiting = np.flatnonzero(np.diff(indptr) > 0)
    late = waiting[flows.start[waiting] > 0]
    if late.size:
        raise UsageError(
            f"flow {late[0]} waits for others and has a start of its own; a .tm flow has one or the other. Write the "
            "flows as .csv or .parquet"
        )
    groups, starts, senders = dict[tuple[int, ...], int](), dict[int, int](), dict[int, set[int]]()
    for flow, source in zip(waiting.tolist(), flows.source[waiting].tolist(), strict=True):
        before = tuple(np.unique(indices[indptr[flow] : indptr[flow + 1]]).tolist())
        starts[flow] = groups.setdefault(before, len(groups) + 1)
        senders.setdefault(starts[flow], set()).add(source)
    fired = dict[int, list[int]]()
    for before, trigger in groups.items():
        for earlier in before:
            fired.setdefault(earlier, []).append(trigger)
    fires = {flow: _words(flows, flow, those, senders) for flow, those in fired.items()}
    return Triggers(starts, fires, {trigger: len(before) for before, trigger in groups.items()})


def _words(flows: Traffic, flow: int, fired: list[int], senders: Mapping[int, set[int]]) -> Mapping[str, int]:
    """The triggers of one flow by the word that fires them."""
    if len(fired) > 2:
        raise UsageError(
            f"flow {flow} sets off {len(fired)} different sets of flows, and a .tm flow fires two triggers, when it "
            "has been sent and when it has been received. Write the flows as .csv or .parquet"
        )
    source, target = int(flows.source[flow]), int(flows.target[flow])
    passed_on = [target in senders[trigger] and source not in senders[trigger] for trigger in fired]
    if len(fired) == 1:
        return {RECEIVED if passed_on[0] else SENT: fired[0]}
    sent, received = fired if passed_on[1] or not passed_on[0] else fired[::-1]
    return {SENT: sent, RECEIVED: received}

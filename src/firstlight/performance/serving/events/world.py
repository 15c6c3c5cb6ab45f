"""Everything that changes while requests are played, as arrays that compiled functions share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.performance.serving.events.prefix import Kept, Tiers, empty
from firstlight.performance.serving.events.requests import Requests
from firstlight.twin.protocols import Floats

IDLE = np.inf
AWAY = 1e12
"""Requests that a replica counts with to which none come."""
STOPS, BEGINS, FAILS = range(3)
"""What a replica does: takes no more requests and ends those that it has, takes requests, loses all that it has."""
REQUEST = np.dtype(
    [
        ("arrival", "f8"),  # at its replica [s]
        ("sent", "f8"),  # first of all [s]
        ("pause", "f8"),
        ("first", "f8"),  # first and last token [s]; not a number: never
        ("finish", "f8"),
        ("held", "f8"),  # room that it was given
        ("prompt", "i8"),
        ("answer", "i8"),
        ("cached", "i8"),
        ("brought", "f8"),  # time to bring what is kept of its prompt to the accelerators, until it is there [s]
        ("waits", "i8"),
        ("affinity", "i8"),
        ("where", "i8"),  # replica
        ("life", "i8"),  # times that had failed
        ("thrown", "i8"),  # times it was thrown out
        ("lost", "i8"),  # times its replica failed
        ("left", "i8"),  # tokens of its prompt still to be read
        ("taken", "i8"),  # of them in the pass under way
        ("done", "i8"),  # tokens written when it began to run
        ("behind", "i8"),  # the next that waits
        ("admitted", "i8"),  # its turn
    ]
)
REPLICA = np.dtype(
    [
        ("context", "f8"),  # tokens behind those that run
        ("used", "f8"),  # room in use
        ("count", "f8"),  # decode steps so far
        ("passes", "f8"),  # of the engine so far, and when the scheduler last looked at what waits
        ("looked", "f8"),
        ("began", "f8"),  # the pass or jump under way: start [s], time of a decode step [s], steps
        ("step", "f8"),
        ("jump", "f8"),
        ("link", "f8"),  # kept prompts are on their way until [s]
        ("busy", "f8"),  # [s]
        ("decoding", "f8"),
        ("reading", "f8"),
        ("head", "i8"),  # first and last of those that wait
        ("tail", "i8"),
        ("queue_at", "i8"),  # ring of those whose prompt is not yet read: start, length
        ("queued", "i8"),
        ("running", "i8"),
        ("members", "i8"),  # requests of the ring in the pass under way; 0: it only decodes
        ("up", "i8"),  # 1: requests come to it
        ("failed", "i8"),  # times
    ]
)


@dataclass(frozen=True)
class Changes:
    """Replicas that come and go.

    Attributes:
        time: when, ascending [s] [c]. replica: which. to: `STOPS`, `BEGINS` or `FAILS`.
        up: those that requests come to at the beginning [replicas]; None: all.
    """

    time: Floats = field(default_factory=lambda: np.empty(0))
    replica: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    to: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    up: NDArray[np.bool_] | None = None

    def check(self, replicas: int) -> None:
        """Pass changes that can be played on so many replicas.

        Raises:
            UsageError: times that go back, or a replica or a change that is not there.
        """
        if (np.diff(self.time) < 0).any():
            raise UsageError("changes of replicas come in the order of their times")
        if ((self.replica < 0) | (self.replica >= replicas)).any() or ((self.to < STOPS) | (self.to > FAILS)).any():
            raise UsageError(f"a change is of one of {replicas} replicas, which stops (0), begins (1) or fails (2)")
        if self.up is not None and len(self.up) != replicas:
            raise UsageError(f"`up` says of each of {replicas} replicas whether requests come to it")


class Rule(NamedTuple):
    """What does not change: the pass tables, the replica's size, and how it schedules."""

    decode: Any
    prefill: Any
    stages: int
    ranks: int
    slots: int
    room: float
    budget: int
    mixed: bool
    reserve: bool
    poll: float
    block: int
    router: int
    gain: float


class World(NamedTuple):
    """Requests and replicas.

    Attributes:
        req, rep: records of `REQUEST` [n] and `REPLICA` [r].
        successors, followers: see `Requests`.
        free_key, free_item, sizes: heap of requests that come next, its size in sizes[0]; sizes[1] counts admissions,
            sizes[2] is the router's turn, sizes[3] counts requests under way, sizes[4] changes that were made, sizes[5]
            replicas that requests come to.
        queue: rings of requests [r, slots]. ends, ending: heaps of the decode step that each ends with [r, slots].
        heap, place, when: indexed heap of the replicas' next events [s].
        l_heap, l_place, load: indexed heap of the requests that each has, `AWAY` more where none come to it.
        change_at, change_of, change_to: replicas that begin, stop or fail, see `Changes` [c].
        kept: what replicas keep of prompts.
    """

    req: Any
    rep: Any
    successors: Any
    followers: Any
    free_key: Any
    free_item: Any
    sizes: Any
    queue: Any
    ends: Any
    ending: Any
    heap: Any
    place: Any
    when: Any
    l_heap: Any
    l_place: Any
    load: Any
    change_at: Any
    change_of: Any
    change_to: Any
    kept: Kept


def world(requests: Requests, replicas: int, slots: int, changes: Changes, tiers: Tiers) -> World:
    """The beginning: nothing has come, all replicas are idle."""
    n = len(requests)
    req, rep = np.zeros(n, REQUEST), np.zeros(replicas, REPLICA)
    for name in ("arrival", "pause", "prompt", "answer", "cached", "waits", "affinity"):
        req[name] = getattr(requests, name)
    req["first"] = req["finish"] = req["sent"] = np.nan
    req["where"] = req["behind"] = -1
    rep["head"] = rep["tail"] = -1
    rep["looked"] = -1e18
    rep["up"] = changes.up if changes.up is not None else 1
    away = np.where(rep["up"] > 0, 0.0, AWAY)
    return World(
        req, rep, requests.successors, requests.followers,
        free_key=np.empty(n), free_item=np.empty(n, np.int64),
        sizes=np.array([0, 0, 0, 0, 0, rep["up"].sum()], np.int64),
        queue=np.empty((replicas, slots), np.int64),
        ends=np.empty((replicas, slots)), ending=np.empty((replicas, slots), np.int64),
        heap=np.arange(replicas), place=np.arange(replicas), when=np.full(replicas, IDLE),
        **_by_load(away), change_at=changes.time, change_of=changes.replica, change_to=changes.to,
        kept=empty(requests, replicas, tiers),
    )  # fmt: skip


def _by_load(load: Floats) -> dict[str, Any]:
    """An indexed heap of the replicas by their load; those that requests come to stand first."""
    order = np.argsort(load, kind="stable")
    place = np.empty(len(load), np.int64)
    place[order] = np.arange(len(load))
    return {"l_heap": order, "l_place": place, "load": load.copy()}

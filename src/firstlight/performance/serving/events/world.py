"""Everything that changes while requests are played, as arrays that compiled functions share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from firstlight.performance.serving.events.requests import Requests

IDLE = np.inf
REQUEST = np.dtype(
    [
        ("arrival", "f8"),  # sent [s]
        ("pause", "f8"),
        ("first", "f8"),  # first and last token [s]; not a number: never
        ("finish", "f8"),
        ("held", "f8"),  # room that it was given
        ("prompt", "i8"),
        ("answer", "i8"),
        ("cached", "i8"),
        ("waits", "i8"),
        ("affinity", "i8"),
        ("where", "i8"),  # replica
        ("thrown", "i8"),  # times it was thrown out
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
        ("busy", "f8"),  # [s]
        ("decoding", "f8"),
        ("reading", "f8"),
        ("head", "i8"),  # first and last of those that wait
        ("tail", "i8"),
        ("queue_at", "i8"),  # ring of those whose prompt is not yet read: start, length
        ("queued", "i8"),
        ("running", "i8"),
        ("members", "i8"),  # requests of the ring in the pass under way; 0: it only decodes
    ]
)


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


class World(NamedTuple):
    """Requests and replicas.

    Attributes:
        req, rep: records of `REQUEST` [n] and `REPLICA` [r].
        successors, followers: see `Requests`.
        free_key, free_item, sizes: heap of requests that come next, its size in sizes[0]; sizes[1] counts admissions,
            sizes[2] is the router's turn, sizes[3] counts requests under way.
        queue: rings of requests [r, slots]. ends, ending: heaps of the decode step that each ends with [r, slots].
        heap, place, when: indexed heap of the replicas' next events [s].
        l_heap, l_place, load: indexed heap of the requests that each has.
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


def world(requests: Requests, replicas: int, slots: int) -> World:
    """The beginning: nothing has come, all replicas are idle."""
    n = len(requests)
    req, rep = np.zeros(n, REQUEST), np.zeros(replicas, REPLICA)
    for name in ("arrival", "pause", "prompt", "answer", "cached", "waits", "affinity"):
        req[name] = getattr(requests, name)
    req["first"] = req["finish"] = np.nan
    req["where"] = req["behind"] = -1
    rep["head"] = rep["tail"] = -1
    rep["looked"] = -1e18
    return World(
        req, rep, requests.successors, requests.followers,
        free_key=np.empty(n), free_item=np.empty(n, np.int64), sizes=np.zeros(4, np.int64),
        queue=np.empty((replicas, slots), np.int64),
        ends=np.empty((replicas, slots)), ending=np.empty((replicas, slots), np.int64),
        heap=np.arange(replicas), place=np.arange(replicas), when=np.full(replicas, IDLE),
        l_heap=np.arange(replicas), l_place=np.arange(replicas), load=np.zeros(replicas),
    )  # fmt: skip

"""Two pools of engines, one after the other: prompts are read by the first, answers written by the second."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight.performance.serving.events.costs import StepCosts
from firstlight.performance.serving.events.policy import Policy
from firstlight.performance.serving.events.prefix import Tiers
from firstlight.performance.serving.events.requests import Requests
from firstlight.performance.serving.events.simulate import Served, rule
from firstlight.performance.serving.events.world import Changes, world
from firstlight.twin.protocols import Floats

Pool = tuple[StepCosts, int]
"""Costs of an engine, and how many a replica has."""


def in_two_pools(
    requests: Requests, reading: Pool, writing: Pool, moved: Floats, policy: Policy, *, replicas: int = 1,
    seed: int = 0, changes: Changes | None = None, tiers: Tiers | None = None,
) -> Served:  # fmt: skip
    """Play requests on engines that read, then on engines that write.

    The first token is out when the cache has been handed over; the second is that of the first step of an engine that
    writes, which reads nothing. Requests that wait for others come when the last of these is written.

    Args:
        requests: their pauses begin with the last token outside. reading, writing: the pools.
        moved: time until each prompt's cache is handed over [s] [n].
        policy: of both pools. replicas: whose engines of one pool share all requests.
        tiers: where an engine that reads keeps what it has read of prompts.
        changes: replicas that come and go, with the engines of both pools; what a failed one wrote is not read again.
    """
    from firstlight.performance.serving.events.handed import both, with_messengers  # compiles

    (reads, readers), (writes, writers), changes = reading, writing, changes or Changes()
    changes.check(replicas)
    free = replace(writes, prefill=np.zeros_like(writes.prefill))
    whole, some = replace(requests, answer=np.ones_like(requests.answer)), np.maximum(requests.answer - 1, 1)
    rest = replace(requests, answer=some, cached=0 * requests.cached)
    seen = world(
        with_messengers(whole, reads.front_end + moved), readers * replicas, reads.slots, _engines(changes, readers),
        tiers or Tiers(),
    )  # fmt: skip
    wrote = world(
        with_messengers(rest, np.zeros(len(requests))), writers * replicas, writes.slots, _engines(changes, writers),
        Tiers(),
    )  # fmt: skip
    events = both(
        seen, rule(reads, policy), wrote, rule(free, policy), seed, requests.arrival, requests.answer,
        requests.waits.copy(), requests.pause, requests.successors, requests.followers,
    )  # fmt: skip
    read, written = seen.req[: len(requests)], wrote.req[: len(requests)]
    several, there = requests.answer > 1, read["first"] + reads.front_end + moved
    finish = np.where(np.isnan(read["finish"]), np.nan, np.where(several, written["finish"], there))
    sent = np.where(np.isnan(read["sent"]), requests.arrival, read["sent"])
    lost = np.isnan(finish)
    return Served(
        sent, np.where(lost, np.nan, there - sent),
        np.where(several, (finish - there) / np.maximum(requests.answer - 1, 1), np.nan), finish, requests.answer,
        np.where(several, written["where"], read["where"]), read["thrown"] + written["thrown"],
        read["lost"] + written["lost"], read["cached"], seen.kept.found,
        *(np.concatenate([seen.rep[name], wrote.rep[name]]) for name in ("busy", "decoding", "reading")),
        events=events,
    )  # fmt: skip


def _engines(changes: Changes, count: int) -> Changes:
    """The changes of replicas as those of all their engines of one pool."""
    engine = (changes.replica[:, None] * count + np.arange(count)).ravel()
    up = None if changes.up is None else np.repeat(changes.up, count)
    return Changes(np.repeat(changes.time, count), engine, np.repeat(changes.to, count), up)

"""Two pools of engines, one after the other: prompts are read by the first, answers written by the second."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight.errors import UsageError
from firstlight.performance.serving.events.costs import StepCosts
from firstlight.performance.serving.events.policy import Policy
from firstlight.performance.serving.events.prefix import Tiers
from firstlight.performance.serving.events.requests import Requests
from firstlight.performance.serving.events.simulate import Served, simulate
from firstlight.performance.serving.events.world import Changes
from firstlight.twin.protocols import Floats

Pool = tuple[StepCosts, int]
"""Costs of an engine, and how many a replica has."""


def in_two_pools(
    requests: Requests, reading: Pool, writing: Pool, moved: Floats, policy: Policy, *, replicas: int = 1,
    seed: int = 0, changes: Changes | None = None, tiers: Tiers | None = None,
) -> Served:  # fmt: skip
    """Play requests on engines that read, then on engines that write.

    The first token is out when the cache has been handed over; the second is that of the first step of an engine that
    writes, which reads nothing.

    Args:
        requests: without dependencies. reading, writing: the pools.
        moved: time until each prompt's cache is handed over [s] [n].
        policy: of both pools. replicas: whose engines of one pool share all requests.
        tiers: where an engine that reads keeps what it has read of prompts.
        changes: replicas that come and go, with the engines of both pools; what a failed one wrote is not read again.

    Raises:
        UsageError: requests that wait for each other.
    """
    if len(requests.followers):
        raise UsageError("requests that wait for each other cannot be played on two pools; leave `prefill` out")
    one = np.ones_like(requests.answer)
    changes = changes or Changes()
    seen = simulate(
        replace(requests, answer=one), reading[0], policy, replicas=reading[1] * replicas, seed=seed,
        changes=_engines(changes, reading[1]), tiers=tiers,
    )  # fmt: skip
    there = np.where(np.isnan(seen.first_token), 0.0, seen.sent + seen.first_token + moved)  # through all stages
    free = replace(writing[0], prefill=np.zeros_like(writing[0].prefill), front_end=0.0, lag=0.0)
    rest = replace(requests, arrival=there, answer=np.maximum(requests.answer - 1, 1), cached=0 * requests.cached)
    wrote = simulate(
        rest, free, policy, replicas=writing[1] * replicas, seed=seed + 1, changes=_engines(changes, writing[1])
    )
    lost = np.isnan(seen.finish) | np.isnan(wrote.finish)
    first = np.where(lost, np.nan, there - requests.arrival)
    more = np.where(requests.answer > 1, (wrote.finish - there) / np.maximum(requests.answer - 1, 1), np.nan)
    finish = np.where(lost, np.nan, np.where(requests.answer > 1, wrote.finish, there))
    return Served(
        requests.arrival, first, np.where(lost, np.nan, more), finish, requests.answer, wrote.replica,
        seen.thrown + wrote.thrown, seen.lost + wrote.lost, seen.cached, seen.tiers,
        *(np.concatenate([getattr(seen, name), getattr(wrote, name)]) for name in ("busy", "decoding", "reading")),
        events=seen.events + wrote.events,
    )  # fmt: skip


def _engines(changes: Changes, count: int) -> Changes:
    """The changes of replicas as those of all their engines of one pool."""
    engine = (changes.replica[:, None] * count + np.arange(count)).ravel()
    up = None if changes.up is None else np.repeat(changes.up, count)
    return Changes(np.repeat(changes.time, count), engine, np.repeat(changes.to, count), up)

"""Requests on replicas: when each gets its first and its last token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.performance.serving.events.costs import StepCosts
from firstlight.performance.serving.events.policy import ROUTERS, Policy
from firstlight.performance.serving.events.prefix import Tiers
from firstlight.performance.serving.events.requests import Requests
from firstlight.performance.serving.events.world import Changes, Rule, world
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class Served:
    """What became of every request; arrays [requests] and [replicas].

    Attributes:
        sent: time each was sent [s].
        first_token: from then to its first token [s]; not a number where it was refused.
        per_token: mean time between its further tokens [s]; not a number where there is one.
        finish: of its last token [s].
        answer: tokens. replica: where. thrown: times it was thrown out of a full cache. lost: times its replica failed.
        cached: tokens of its prompt that were kept. tiers: those of all prompts, by tier.
        busy, decoding, reading: of each replica [s].
        events: steps of the simulation.
    """

    sent: Floats
    first_token: Floats
    per_token: Floats
    finish: Floats
    answer: NDArray[np.int64]
    replica: NDArray[np.int64]
    thrown: NDArray[np.int64]
    lost: NDArray[np.int64]
    cached: NDArray[np.int64]
    tiers: Floats
    busy: Floats
    decoding: Floats
    reading: Floats
    events: int

    @property
    def refused(self) -> int:
        """Requests that no cache could hold, that no replica was left for, or that waited for one of these."""
        return int(np.isnan(self.finish).sum())

    @property
    def tokens_per_s(self) -> float:
        """Output tokens per second from the first request to the last token [1/s]."""
        done = ~np.isnan(self.finish)
        if not done.any():
            return 0.0
        return float(self.answer[done].sum() / (self.finish[done].max() - self.sent[done].min()))

    def percentile(self, name: str, share: float) -> float:
        """A percentile of `first_token` or `per_token` over the requests that have one [s]."""
        return float(np.nanpercentile(getattr(self, name), share))


def simulate(
    requests: Requests, costs: StepCosts, policy: Policy, *, replicas: int = 1, seed: int = 0,
    changes: Changes | None = None, tiers: Tiers | None = None,
) -> Served:  # fmt: skip
    """Play requests on equal replicas.

    Args:
        tiers: where each keeps what it has read of prompts; None: nowhere.
        changes: replicas that come and go; None: all are there all the time.

    Raises:
        UsageError: no replica, a context beyond the tables, or changes that cannot be.
    """
    from firstlight.performance.serving.events.engine import play  # compiles

    if replicas < 1:
        raise UsageError(f"requests need a replica to be served on, not {replicas}")
    changes = changes or Changes()
    changes.check(replicas)
    w = world(requests, replicas, costs.slots, changes, tiers or Tiers())
    events = play(w, rule(costs, policy), seed)
    finish = w.req["finish"]
    step = w.rep["decoding"].sum() / max(w.rep["count"].sum(), 1.0)
    outside = costs.front_end + costs.lag * step
    sent = np.where(np.isnan(w.req["sent"]), w.req["arrival"], w.req["sent"])
    first = w.req["first"] + outside - sent
    with np.errstate(invalid="ignore", divide="ignore"):
        more = np.where(requests.answer > 1, (finish - w.req["first"]) / (requests.answer - 1), np.nan)
    return Served(
        sent, np.where(np.isnan(finish), np.nan, first), more, finish + outside, requests.answer,
        w.req["where"], w.req["thrown"], w.req["lost"], w.req["cached"], w.kept.found,
        w.rep["busy"], w.rep["decoding"], w.rep["reading"], events,
    )  # fmt: skip


def rule(costs: StepCosts, policy: Policy) -> Rule:
    """What does not change while requests are played."""
    return Rule(
        costs.decode, costs.prefill, costs.stages, costs.ranks, costs.slots, costs.room, policy.budget, policy.mixed,
        policy.reserve, policy.poll, policy.block, ROUTERS.index(policy.router), costs.gain,
    )  # fmt: skip

"""One served model under traffic, request by request."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.performance.result import ServingResult, ServingTraffic
from firstlight.performance.serving.batching import front_end
from firstlight.performance.serving.counted import Counted, belong, percentiles
from firstlight.performance.serving.events import (
    Changes,
    Policy,
    Requests,
    Served,
    in_two_pools,
    simulate,
    step_costs,
)
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.limits import limited
from firstlight.performance.serving.pools import Pools, handover
from firstlight.performance.serving.prefix import NAMES, beside, tiers
from firstlight.performance.serving.traffic import Lengths, bursty, traced
from firstlight.performance.serving.traffic.context import longest, shortened
from firstlight.performance.serving.traffic.questions import ask
from firstlight.performance.serving.traffic.questions import words as question_words
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import ServingLayout
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.traces import Trace
from firstlight.spec.workload import Agent, BestOf, Loop, PrefixCache, Serving, TreeSearch, Users
from firstlight.twin.protocols import CollectiveTime

PLAYED = 16
"""Replicas that are simulated of a larger fleet, each with its share of the requests."""
MOST = 600_000
"""Requests of a random stream at the most: where replicas hold many at a time, fewer of them are simulated."""
LIVES = 20
"""Requests of a random stream on each replica, for each that is under way at a time; and at least `LEAST` on all."""
LEAST = 4000
FEWEST = 2.0
"""Times as long as a question takes that questions come at the least, so that in the end as many end as begin."""


@dataclass(frozen=True)
class Play:
    """How traffic is played.

    Attributes:
        engine: name of the engine. policy: its scheduling and the fleet's router.
        trace: of a file; None: requests at random at the asked rate, all with the workload's lengths.
        cache: tokens that the accelerators of each replica keep of prompts, in place of the workload's; None: those.
        seed: of everything random.
    """

    engine: str
    policy: Policy
    trace: Trace | None = None
    cache: float | None = None
    seed: int = 0


def play(
    workload: Serving, result: ServingResult, model: Model, system: System, accelerator: Accelerator, host: Host,
    collective: CollectiveTime, a: Assumptions, how: Play,
) -> ServingTraffic:  # fmt: skip
    """Play requests on the replicas of a result, at the workload's rate.

    A trace keeps its bursts and lengths; it is played so fast that the replicas see the asked rate in the mean.

    Raises:
        UsageError: a prefix cache for requests that have no hashes.
    """
    kept = _kept(workload, how)
    layouts = Layouts.of([result.layout])
    case = Case.asked(workload, model, system, accelerator, host, layouts, collective, a)
    played = int(np.clip(MOST / (LIVES * _resident(workload, result)), 1, min(result.replicas, PLAYED)))
    rate = workload.requests * played / result.replicas
    requests, source, beyond, note = _requests(workload, result, model, rate, how)
    if workload.traffic.questions and not result.layout.prefill:  # what follows waits until an answer is outside, too
        requests = replace(requests, pause=requests.pause + (requests.waits > 0) * float(front_end(case)))
    policy = how.policy.of(workload.scheduler)
    served = played_on(case, result.layout, requests, policy, replicas=played, seed=how.seed, kept=kept)
    asked = workload.traffic.questions
    count = Counted.of(served, requests, asked, traced=how.trace is not None)
    counted, scale = count.counted, result.replicas / played
    rate, tokens = count.rates()
    come = rate * scale if isinstance(asked, Users) else workload.requests
    return ServingTraffic(
        source=source,
        engine=how.engine,
        router=how.policy.router,
        played=played,
        replicas=result.replicas,
        requests=int(counted.sum()),
        rate=come,
        first_token=percentiles(served.first_token[counted], result.first_token),
        per_token=percentiles(served.per_token[counted], result.per_token),
        question=percentiles(count.questions(), result.per_token) if belong(asked) else {},
        in_time=count.in_time(asked.period) if isinstance(asked, Loop) else None,
        within=count.within(workload) if limited(workload) else None,
        sampling=count.sampling(),
        tokens_per_s=tokens * scale,
        asked_tokens_per_s=float(requests.answer.mean()) * come,
        cached=float(served.cached.sum() / requests.prompt.sum()),
        cached_in=dict(zip(NAMES, (served.tiers / requests.prompt.sum()).tolist(), strict=False)),
        beyond=beyond,
        note=note,
        thrown=int(served.thrown.sum()),
        refused=served.refused,
        busy=float(served.busy.mean() / np.nanmax(served.finish)) if counted.any() else 0.0,
    )


def played_on(
    case: Case, layout: ServingLayout, requests: Requests, policy: Policy, *, replicas: int, seed: int = 0,
    changes: Changes | None = None, kept: PrefixCache | None = None,
) -> Served:  # fmt: skip
    """Requests on replicas of one layout, of one pool or two.

    Args:
        case: of the layout, with typical lengths.
        kept: of prompts by each replica; None: nothing.
        changes: replicas that come and go; None: all are there all the time.
    """
    longest = float((requests.prompt + requests.answer).max())
    costs = step_costs(case, longest=longest, batch=layout.batch, budget=policy.budget)
    if not layout.prefill:
        own = tiers(case, layout, kept) if kept else None
        costs = beside(costs, own, longest) if own else costs
        return simulate(requests, costs, policy, replicas=replicas, seed=seed, changes=changes, tiers=own)
    pools = Pools.of(case, layout)
    reading = step_costs(pools.reading, longest=longest, budget=policy.budget)
    reading = replace(reading, prefill=reading.prefill * case.a["performance.serving_pool_prefill"])
    costs = replace(costs, decode=costs.decode * case.a["performance.serving_pool_decode"])
    moved = handover(pools.reading, case, requests.prompt[:, None])[:, 0]
    own = tiers(pools.reading, layout, kept) if kept else None
    reading = beside(reading, own, float(requests.prompt.max()) + 1.0, layout.prefill.engines) if own else reading
    first, second = (reading, layout.prefill.engines), (costs, layout.engines)
    return in_two_pools(
        requests, first, second, moved, policy, replicas=replicas, seed=seed, changes=changes, tiers=own
    )


def _kept(workload: Serving, how: Play) -> PrefixCache | None:
    """What replicas keep of prompts.

    Raises:
        UsageError: requests without hashes of blocks.
    """
    kept = workload.prefix_cache
    if how.cache is not None:
        kept = (kept or PrefixCache()).model_copy(update={"accelerator": how.cache})
    if not kept or not max(kept.accelerator, kept.host, kept.storage):
        return None
    if how.trace is None:
        raise UsageError("requests drawn at random share no prefix, so a prefix cache has no effect; give a trace")
    if how.trace.blocks is None:
        raise UsageError(f"{how.trace.path} has no hashes of blocks, so a prefix cache has no effect; leave it out")
    return kept


def _requests(
    workload: Serving, result: ServingResult, model: Model, rate: float, how: Play
) -> tuple[Requests, str, int, str]:
    """The requests, what they are in words, and how many are beyond the model's context, in words too."""
    if how.trace is None:
        under_way = _resident(workload, result) * rate * result.replicas / workload.requests
        count = int(np.clip(LIVES * under_way, LEAST, MOST))
        if count < FEWEST * under_way and belong(workload.traffic.questions):
            raise UsageError(
                f"traffic.questions: each takes {units.show(_stay(workload, result), 'time')}, in which "
                f"{under_way:,.0f} requests come to one replica, of {MOST:,} that are played; shorten its pauses or "
                "its turns"
            )
        random, traffic = np.random.default_rng(how.seed), workload.traffic
        if traffic.questions:
            share = rate / workload.requests
            drawn = ask(traffic.questions, rate, traffic.burst, count, *lengths(workload), random, share)
        else:
            drawn = bursty(rate, traffic.burst, count, *lengths(workload), random)
        drawn, beyond = shortened(drawn, longest(model))
        note = f"{beyond:,} requests were drawn beyond the model's context of {model.context:,} tokens, and shortened"
        return drawn, f"{len(drawn):,} requests {_words(workload)}", beyond, note * bool(beyond)
    trace, note = how.trace.within(longest(model))
    own_ways = {"burst": 1.0, "spread": 0.0, "questions": None}
    changed = [name for name, usual in own_ways.items() if getattr(workload.traffic, name) != usual]
    if changed:
        raise UsageError(
            f"a trace brings its own requests, so traffic.{changed[0]} has no effect; leave one of them out"
        )
    if not trace.arrival[-1] > 0:
        raise UsageError(
            f"{trace.path} has no time between its first and its last request, so it has no pace to be played at; "
            "name a trace with arrivals at two times at least"
        )
    speed = rate * float(trace.arrival[-1]) / (len(trace) - 1)
    words = f"{trace.path} ({trace.kind}), {len(trace):,} requests at {speed:.3g} times their pace"
    return traced(trace, speed=speed), words, len(how.trace) - len(trace), note and f"{note}; they are left out"


def _resident(workload: Serving, result: ServingResult) -> float:
    """Requests of one replica that are under way, or wait for others of their question to end or to begin."""
    if isinstance(workload.traffic.questions, Users):
        return workload.traffic.questions.users / result.replicas
    return workload.requests / result.replicas * _stay(workload, result)


def _stay(workload: Serving, result: ServingResult) -> float:
    """Time that a question takes to its last answer, or a request that is by itself [s]."""
    first, token = result.first_token.p50, result.per_token.p50
    one, asked = first + workload.answer * token, workload.traffic.questions
    if isinstance(asked, Agent):
        return asked.turns * one + (asked.turns - 1) * asked.pause
    if isinstance(asked, TreeSearch | BestOf):
        score = first + asked.verifier * token if asked.verifier else 0.0
        return (asked.depth if isinstance(asked, TreeSearch) else 1) * (one + score)
    return one


def lengths(workload: Serving) -> tuple[Lengths, Lengths]:
    """Prompts and answers of a workload."""
    spread = workload.traffic.spread
    return Lengths(float(workload.prompt), spread), Lengths(float(workload.answer), spread)


def _words(workload: Serving) -> str:
    traffic = workload.traffic
    if traffic.questions:
        return question_words(traffic.questions)
    gaps = "at random (Poisson)" if traffic.burst == 1 else f"with gaps that vary by {traffic.burst:g} times their mean"
    return f"{gaps}, {f'lengths that vary by {traffic.spread:.0%}' if traffic.spread else 'all of the same length'}"

"""One served model under traffic, request by request."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.performance.result import ServingResult, ServingTraffic
from firstlight.performance.serving.batching import front_end
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
from firstlight.performance.serving.limits import limited, met
from firstlight.performance.serving.pools import Pools, handover
from firstlight.performance.serving.prefix import NAMES, beside, tiers
from firstlight.performance.serving.serve import PERCENTILES
from firstlight.performance.serving.traffic import Lengths, bursty, traced
from firstlight.performance.serving.traffic.context import longest, shortened
from firstlight.performance.serving.traffic.questions import ask
from firstlight.performance.serving.traffic.questions import words as question_words
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.design import ServingLayout
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.traces import Trace
from firstlight.spec.workload import Loop, PrefixCache, Questions, Serving, Users
from firstlight.twin.protocols import CollectiveTime
from firstlight.twin.result import Prediction

PLAYED = 16
"""Replicas that are simulated of a larger fleet, each with its share of the requests."""
MOST = 600_000
"""Requests of a random stream at the most: where replicas hold many at a time, fewer of them are simulated."""
LIVES = 20
"""Requests of a random stream on each replica, for each that is under way at a time; and at least `LEAST` on all."""
LEAST = 4000
WARM, TAIL = 0.2, 0.05
"""Shares of a random stream at its beginning and end that do not count: batches fill up, and run empty."""
BATCHES = 10
"""Parts of the stream whose medians tell the sampling error (batch means)."""


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
    if workload.traffic.questions:  # what follows an answer waits until it is outside, too
        requests = replace(requests, pause=requests.pause + (requests.waits > 0) * float(front_end(case)))
    policy = how.policy.of(workload.scheduler)
    served = played_on(case, result.layout, requests, policy, replicas=played, seed=how.seed, kept=kept)
    asked = workload.traffic.questions
    counted = _of_users(served, requests) if isinstance(asked, Users) else _counted(served, requests, how)
    scale = result.replicas / played
    rate, tokens = _rates(served, counted)
    return ServingTraffic(
        source=source,
        engine=how.engine,
        router=how.policy.router,
        played=played,
        replicas=result.replicas,
        requests=int(counted.sum()),
        rate=rate * scale if isinstance(asked, Users) else workload.requests,
        first_token=percentiles(served.first_token[counted], result.first_token),
        per_token=percentiles(served.per_token[counted], result.per_token),
        question=percentiles(_questions(served, requests, counted), result.per_token) if _belong(asked) else {},
        in_time=_in_time(served, counted, asked.period) if isinstance(asked, Loop) else None,
        within=_within(workload, served, requests, counted, how),
        sampling=_sampling(served.first_token[counted]),
        tokens_per_s=tokens * scale,
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
        count = int(max(LEAST, LIVES * under_way))
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
    """Requests under way on one replica."""
    if isinstance(workload.traffic.questions, Users):
        return workload.traffic.questions.users / result.replicas
    stay = result.first_token.p50 + workload.answer * result.per_token.p50
    return workload.requests / result.replicas * stay


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


def _of_users(served: Served, requests: Requests) -> NDArray[np.bool_]:
    """Requests of users that count: answered while all users still ask, the beginning apart."""
    last = requests.successors[1:] == requests.successors[:-1]
    until = float(np.nanmin(served.finish[last])) if (~np.isnan(served.finish[last])).any() else 0.0
    return (served.finish >= WARM * until) & (served.finish <= until)


def _counted(served: Served, requests: Requests, how: Play) -> NDArray[np.bool_]:
    """Requests that count; all or none of a question."""
    done = ~np.isnan(served.finish)
    if how.trace is not None:
        return done
    place = np.argsort(np.argsort(requests.arrival, kind="stable"), kind="stable") / len(done)
    return done & (place >= WARM) & (place < 1.0 - TAIL)


def _belong(asked: Questions | None) -> bool:
    """Requests belong to questions or tasks that end."""
    return asked is not None and not isinstance(asked, Loop | Users)


def _questions(served: Served, requests: Requests, counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Time from each question to its last answer [s]; of those of which all requests count."""
    which, place = np.unique(requests.affinity, return_inverse=True)
    begin, end, whole = np.full(len(which), np.inf), np.zeros(len(which)), np.ones(len(which), bool)
    np.minimum.at(begin, place, requests.arrival)
    np.maximum.at(end, place, np.nan_to_num(served.finish, nan=np.inf))
    np.logical_and.at(whole, place, counted)
    return (end - begin)[whole & np.isfinite(end)]


def _in_time(served: Served, counted: NDArray[np.bool_], period: float) -> float:
    """Share of the answers that are whole within a period."""
    took = served.finish[counted] - served.sent[counted]
    return float(np.mean(took <= period)) if len(took) else 0.0


def _within(
    workload: Serving, served: Served, requests: Requests, counted: NDArray[np.bool_], how: Play
) -> float | None:  # fmt: skip
    """Share of the requests within the limits, refused ones of a trace not among them; None where there is no limit."""
    asked = np.ones(len(requests), bool) if how.trace is not None else counted
    if not limited(workload) or not asked.any():
        return None
    return float(np.mean(met(workload, served.first_token[asked], served.per_token[asked])))


def percentiles(times: NDArray[np.float64], like: Prediction) -> dict[str, Prediction]:
    """Percentiles, as uncertain as the closed form's median."""
    known = times[~np.isnan(times)]
    if not len(known):
        return {}
    return {
        f"p{share}": like.scaled(float(np.percentile(known, share)) / like.p50) for share in PERCENTILES
    }  # fmt: skip


def _sampling(times: NDArray[np.float64]) -> float:
    known = times[~np.isnan(times)]
    if len(known) < 2 * BATCHES:
        return float("nan")
    medians = [float(np.median(part)) for part in np.array_split(known, BATCHES)]
    return float(np.std(medians, ddof=1) / np.sqrt(BATCHES) / np.mean(medians))


def _rates(served: Served, counted: NDArray[np.bool_]) -> tuple[float, float]:
    """Requests, and output tokens of them, over the time in which those that count ended [1/s]."""
    if counted.sum() < 2:
        return 0.0, 0.0
    ends = np.sort(served.finish[counted])
    span = max(float(ends[-1] - ends[0]), 1e-9)
    return float(counted.sum()) / span, float(served.answer[counted].sum()) / span

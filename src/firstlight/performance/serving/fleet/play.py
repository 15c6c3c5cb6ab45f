"""Requests played on samples of a fleet, whose replicas come and go as its fluid course says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstlight import units
from firstlight.errors import UsageError
from firstlight.performance.result import ServingResult
from firstlight.performance.serving.counted import percentiles
from firstlight.performance.serving.events import BEGINS, FAILS, STOPS, Changes, Requests
from firstlight.performance.serving.fleet.course import Course, Member, course
from firstlight.performance.serving.fleet.hours import Hours, playable
from firstlight.performance.serving.fleet.result import FleetResult
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.limits import limited, met
from firstlight.performance.serving.memory import weight_bytes
from firstlight.performance.serving.play import lengths, played_on
from firstlight.performance.serving.traffic.context import longest, shortened
from firstlight.performance.serving.traffic.streams import swing
from firstlight.spec.assumptions import Assumptions
from firstlight.spec.model import Model
from firstlight.spec.parts import Accelerator, Host, System
from firstlight.spec.workload import Serving
from firstlight.twin.protocols import CollectiveTime, Floats

SAMPLES = 4
"""Independent samples of the fleet, whose scatter tells the sampling error."""
WINDOW = 30.0
"""Of the course [s]; the shortest interval of an autoscaler that it can follow."""
MOST = 3_000_000
"""Requests that are played of one model at the most, in all samples."""
REPLICAS = 4, 256
"""Replicas in a sample: where the fewest have more requests than are played, they are played in parts of the time."""
PARTS = 6
"""Parts of the time in a sample, evenly spread and shifted from sample to sample."""
QUEUED = 60.0
"""Work of the replicas that a part begins with at the most, of what waits [s]; the rest is added to what users see."""
STAYS = 3.0
"""Times that a request stays, at the beginning of each part, in which requests do not count yet."""


@dataclass(frozen=True)
class Replicated:
    """A served model and its steady result.

    Attributes:
        case: of the result's layout.
    """

    workload: Serving
    result: ServingResult
    case: Case


def served_model(
    workload: Serving, result: ServingResult, model: Model, system: System, accelerator: Accelerator, host: Host,
    collective: CollectiveTime, a: Assumptions,
) -> Replicated:  # fmt: skip
    """A served model as a fleet plays it."""
    layouts = Layouts.of([result.layout])
    case = Case.asked(workload, model, system, accelerator, host, layouts, collective, a)
    return Replicated(workload, result, case)


def play_fleet(served: Sequence[Replicated], how: Hours) -> list[FleetResult]:
    """Play hours of a fleet.

    Every model has a course (`fleet.course`). Of it `SAMPLES` samples are played request by request: so many replicas,
    of which as large a share answers at any time as in the whole fleet, with their share of the requests; they fail by
    themselves. So a fleet of any size takes the same time, and the samples' scatter tells the error.

    Raises:
        UsageError: requests that belong together.
    """
    playable([one.workload for one in served])
    seeds = np.random.SeedSequence(how.seed).spawn(len(served) + 1)
    windows = int(np.ceil(how.hours * units.HOUR / WINDOW - 1e-9))
    members = [_member(one, windows, how) for one in served]
    courses = course(members, WINDOW, np.random.default_rng(seeds[-1]))
    return [
        _played(one, found, how, seed) for one, found, seed in zip(served, courses, seeds[:-1], strict=True)
    ]  # fmt: skip


def _begin(workload: Serving, hours: float) -> float:
    """Time of the day at which the hours begin, so that the busiest is in their middle [s]."""
    return ((workload.traffic.peak_hour - hours / 2.0) % 24.0) * units.HOUR


def _rate(workload: Serving, times: Floats) -> Floats:
    """Requests at times of the day [1/s]: the asked rate at the busiest hour, less by the swing at the quietest."""
    traffic = workload.traffic
    mean = workload.requests * (1.0 - traffic.swing / 2.0)
    return swing(mean, traffic.swing / (2.0 - traffic.swing), traffic.peak_hour)(times)


def _member(one: Replicated, windows: int, how: Hours) -> Member:
    result, workload, a = one.result, one.workload, one.case.a
    middle = np.arange(windows, dtype=np.float64) * WINDOW + 0.5 * WINDOW
    loading = float(weight_bytes(one.case)[0]) / a["performance.serving_weight_load"]
    cold = loading + a["performance.serving_engine_start"]
    scaling = workload.scaling
    return Member(
        name=result.model,
        rate=_rate(workload, _begin(workload, how.hours) + middle),
        capacity=result.capacity.p50 / result.replicas,
        each=result.replica_accelerators,
        replicas=result.replicas,
        cold=scaling.cold_start if scaling and scaling.cold_start is not None else cold,
        failures=how.failures * result.replica_accelerators,
        seen=a["performance.serving_failure_seen"],
        scaling=scaling,
    )


def _played(one: Replicated, found: Course, how: Hours, seed: np.random.SeedSequence) -> FleetResult:
    member, workload, result = found.member, one.workload, one.result
    total = float(member.rate.sum()) * WINDOW
    wanted = found.busiest * MOST / SAMPLES / max(total, 1.0)
    replicas = min(int(np.clip(wanted, *REPLICAS)), max(found.busiest, 1))
    share = min(wanted / replicas, 1.0)
    samples = [_sample(one, found, replicas, share, how, child) for child in seed.spawn(SAMPLES)]
    parts = [part for sample in samples for part in sample]
    hours = float((found.up + found.starting).sum() * WINDOW * member.each / units.HOUR)
    within = [
        float(np.mean(met(workload, _all(sample, "first_token"), _all(sample, "per_token")))) for sample in samples
    ]
    errors = {
        name: _error([_percentile(_all(sample, name), 90) for sample in samples])
        for name in ("first_token", "per_token")
    }
    if limited(workload):
        errors["within"] = _error(within)
    counted = sum(len(part.sent) for part in parts)
    return FleetResult(
        model=member.name,
        begin=_begin(workload, how.hours),
        window=WINDOW,
        rate=member.rate,
        up=found.up,
        starting=found.starting,
        used=found.used,
        waiting=found.waiting,
        first_token_hourly=_hourly(parts, how.hours),
        requests=total,
        cold_start=member.cold,
        failures=int(found.failed.sum()),
        accelerator_hours=hours,
        share_of_hours=hours / (len(member.rate) * WINDOW * member.each * member.replicas / units.HOUR),
        samples=SAMPLES,
        replicas_each=replicas,
        time_share=share,
        played=counted,
        first_token=percentiles(_all(parts, "first_token"), result.first_token),
        per_token=percentiles(_all(parts, "per_token"), result.per_token),
        within=float(np.mean(within)) if limited(workload) else None,
        sampling=errors,
        lost=sum(int((part.lost > 0).sum()) for part in parts) / max(counted, 1),
        refused=sum(part.refused for part in parts) / max(counted, 1),
    )


@dataclass(frozen=True)
class _Part:
    """What became of the requests of one part that count; arrays (n,), times from the beginning of the hours [s]."""

    sent: Floats
    first_token: Floats
    per_token: Floats
    lost: NDArray[np.int64]
    refused: int


def _sample(
    one: Replicated, found: Course, replicas: int, share: float, how: Hours, seed: np.random.SeedSequence
) -> list[_Part]:
    """One sample: so many replicas over a share of the time, whole or in parts."""
    random = np.random.default_rng(seed)
    windows = len(found.up)
    if share == 1.0:
        return [_part(one, found, slice(0, windows), replicas, 0.0, how, random)]
    stay = one.result.first_token.p50 + one.result.answer * one.result.per_token.p50
    warm = int(np.ceil(STAYS * stay / WINDOW))
    length = max(int(share * windows / PARTS), 1) + warm
    first = (np.arange(PARTS) + float(random.uniform())) / PARTS * windows - warm
    starts = np.clip(np.round(first).astype(int), 0, max(windows - length, 0))
    return [
        _part(one, found, slice(int(at), int(at) + length), replicas, warm * WINDOW, how, random)
        for at in np.unique(starts)
    ]  # fmt: skip


def _part(
    one: Replicated, found: Course, part: slice, replicas: int, warm: float, how: Hours, random: np.random.Generator
) -> _Part:
    """Windows of the hours on a few replicas, as large a share of which answers as of the fleet's."""
    up = np.round(found.up[part] / max(found.busiest, 1) * replicas).astype(np.int64)
    up = np.where(found.up[part] > 0, np.maximum(up, 1), 0)
    share = np.where(up > 0, up / np.maximum(found.up[part], 1), replicas / max(found.busiest, 1))
    waiting = float(found.waiting[part.start - 1]) if part.start else 0.0
    room = float(found.up[part.start]) * found.member.capacity  # [1/s]
    behind = min(waiting, room * QUEUED)
    drawn = _requests(one.workload, found.member.rate[part] * share, int(behind * share[0]), random)
    requests, _ = shortened(drawn, longest(one.case.model))
    run = played_on(
        one.case, one.result.layout, requests, how.policy.of(one.workload.scheduler), replicas=replicas,
        seed=int(random.integers(2**31)), changes=_changes(up, replicas, found.member.failures, random),
    )  # fmt: skip
    counts = run.sent >= (warm if part.start else 0.0)
    refused = int(np.isnan(run.finish[counts]).sum())
    longer = (waiting - behind) / room if room else 0.0
    columns = (run.first_token[counts] + longer, run.per_token[counts], run.lost[counts])
    return _Part(run.sent[counts] + part.start * WINDOW, *columns, refused)


def _all(parts: Sequence[_Part], name: str) -> Floats:
    return np.concatenate([getattr(part, name) for part in parts])


def _requests(workload: Serving, rate: Floats, behind: int, random: np.random.Generator) -> Requests:
    """Requests at a rate of each window: gaps of the workload's burst, in the time in which the rate is one.

    Args:
        rate: of each window [1/s] (w,). behind: that wait at the beginning.
    """
    whole = np.concatenate([[0.0], np.cumsum(rate * WINDOW)])
    shape = 1.0 / workload.traffic.burst**2
    count = int(whole[-1] + 6.0 * workload.traffic.burst * np.sqrt(whole[-1]) + 10.0)
    passed = np.cumsum(random.gamma(shape, 1.0 / shape, count))
    passed = passed[passed < whole[-1]]
    if not len(passed) + behind:
        raise UsageError("no request comes to a sample of the fleet in these hours; raise the rate or the hours")
    times = np.concatenate([np.zeros(behind), np.interp(passed, whole, np.arange(len(whole)) * WINDOW)])
    prompt, answer = lengths(workload)
    return Requests.of(times, prompt.draw(len(times), random), answer.draw(len(times), random))


def _changes(up: NDArray[np.int64], replicas: int, failures: float, random: np.random.Generator) -> Changes:
    """Replicas that begin, stop and fail, so that in each window so many answer."""
    there = np.arange(replicas) < up[0]
    begin, rows = there.copy(), list[tuple[float, int, int]]()
    for at in range(1, len(up)):
        start = (at - 1) * WINDOW
        for _ in range(min(int(random.poisson(there.sum() * WINDOW * failures)), int(there.sum()))):
            which = int(random.choice(np.flatnonzero(there)))
            there[which] = False
            rows.append((start + float(random.uniform(0.0, WINDOW)), which, FAILS))
        more = int(up[at] - there.sum())
        to, side = (BEGINS, ~there) if more > 0 else (STOPS, there)
        for which in random.permutation(np.flatnonzero(side))[: abs(more)]:
            rows.append((at * WINDOW, int(which), to))
            there[which] = more > 0
    rows.sort()
    time, replica, kind = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.empty(0),) * 3
    return Changes(time.astype(float), replica.astype(np.int64), kind.astype(np.int64), begin)


def _hourly(parts: Sequence[_Part], hours: float) -> tuple[float, ...]:
    hour, first = np.floor(_all(parts, "sent") / units.HOUR), _all(parts, "first_token")
    return tuple(_percentile(first[hour == at], 90) for at in range(int(np.ceil(hours))))


def _percentile(times: Floats, share: float) -> float:
    known = times[~np.isnan(times)]
    return float(np.percentile(known, share)) if len(known) else float("nan")


def _error(values: Sequence[float]) -> float:
    """Standard error of the mean of independent samples, relative; not a number where there is none."""
    mean = float(np.mean(values))
    return float(np.std(values, ddof=1) / np.sqrt(len(values)) / mean) if mean > 0 else float("nan")

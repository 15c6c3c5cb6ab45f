"""Closed form and event simulation of a replica side by side, on the same requests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from firstlight.operate.validation.serving.predict import Machines
from firstlight.performance.machine import machine
from firstlight.performance.serving.batching import at_rate, flow
from firstlight.performance.serving.events import Policy, Requests, Served, simulate, step_costs
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.memory import slots
from firstlight.performance.serving.traffic import Lengths, closed_loop, poisson
from firstlight.performance.serving.values import fitted
from firstlight.spec import assumptions, models
from firstlight.spec.design import ServingLayout

LEAST = 0.8
"""Lengths of serving benchmarks lie between this share of the longest and the longest."""
MOST = 256
"""Requests of a replica at once, where its memory has room for them."""
LIVES, FEWEST, MANY = 24, 3000, 8000
"""Requests for each that is under way at a time, and in all at the least and at the most."""
LATE = 90
"""Percentile that tails are compared at."""
WARM, TAIL = 0.3, 0.05
"""Shares of the requests at the beginning and the end that do not count."""


@dataclass(frozen=True)
class Situation:
    """One model on one layout under one load.

    Attributes:
        model, accelerator, precision: by their ids. layout: of the replica.
        prompt, answer: mean tokens.
        spread: of the lengths' log-normal distribution; 0: as serving benchmarks draw them.
        clients: of a closed loop; 0: requests come at random.
        load: then, over what `MOST` clients would bring.
    """

    model: str
    accelerator: str
    layout: ServingLayout
    prompt: int
    answer: int
    clients: int = 0
    load: float = 0.0
    spread: float = 0.0
    precision: str = "fp8"


@dataclass(frozen=True)
class Agreement:
    """Closed form over event simulation, less one.

    Attributes:
        rate: of requests, of a closed loop; of an open stream, of the output tokens while it is steady.
        first_token, per_token: medians. first_late, token_late: at the percentile `LATE`.
    """

    situation: Situation
    rate: float
    first_token: float
    per_token: float
    first_late: float
    token_late: float


def compare(one: Situation, machines: Machines, seed: int = 0) -> Agreement:
    """Play a situation, and compute it."""
    case, random = _case(one, machines), np.random.default_rng(seed)
    most = int(min(MOST, slots(case)[0]))
    clients = min(one.clients or most, most)
    layouts = replace(case.layouts, batch=np.array([most]))
    late = replace(case, layouts=layouts, share=LATE / 100.0)
    lengths = _lengths(one.prompt, one.spread), _lengths(one.answer, one.spread)
    if one.clients:
        count = int(np.clip(LIVES * clients, FEWEST, MANY))
        served = _play(case, closed_loop(clients, count, *lengths, random), clients)
        found, tail = (flow(each, np.array([float(clients)])) for each in (case, late))
    else:
        rate = one.load * float(flow(case, np.array([float(most)])).rate[0])
        batch = at_rate(partial(flow, case), rate, float(most))
        count = int(np.clip(LIVES * batch, FEWEST, MANY))
        served = _play(case, poisson(rate, count, *lengths, random), most)
        found, tail = (flow(each, np.array([batch]), rate) for each in (case, late))
    counted = slice(int(WARM * count), int((1.0 - TAIL) * count) - clients * (one.clients > 0))
    ends = np.sort(served.finish)[counted]
    return Agreement(
        one,
        float(found.rate[0]) * float(ends[-1] - ends[0]) / (len(ends) - 1) - 1.0,
        float(found.first_token[0] / np.median(served.first_token[counted])) - 1.0,
        float(found.per_token[0] / np.nanmedian(served.per_token[counted])) - 1.0,
        float(tail.within[0][0] / np.percentile(served.first_token[counted], LATE)) - 1.0,
        float(tail.within[1][0] / np.nanpercentile(served.per_token[counted], LATE)) - 1.0,
    )


def _case(one: Situation, machines: Machines) -> Case:
    parts, time = machines.of(one.accelerator)
    a = fitted(assumptions.with_overrides(assumptions.shipped(), {}), parts.accelerator)
    work = machine(parts.accelerator, parts.host, parts.system, one.precision, a)
    layouts = Layouts.of([one.layout])
    found = Case(models.find(one.model), float(one.prompt), float(one.answer), work, layouts, time, a)
    return replace(found, spread=one.spread)


def _lengths(mean: int, spread: float) -> Lengths:
    return Lengths(float(mean), spread=spread) if spread else Lengths(float(mean), least=LEAST)


def _play(case: Case, requests: Requests, most: int) -> Served:
    budget = int(case.a["performance.serving_prefill_chunk"])
    longest = float((requests.prompt + requests.answer).max())
    return simulate(requests, step_costs(case, longest=longest, batch=most, budget=budget), Policy(budget=budget))


def situations() -> tuple[Situation, ...]:
    """Dense, routed and latent models, with attention data parallelism and without, at light and heavy loads."""
    replicas = (
        ("llama-3.1-8b", "nvidia-h100-sxm-80gb", ServingLayout()),
        ("qwen3-32b", "nvidia-h100-sxm-80gb", ServingLayout(tensor=4)),
        ("qwen3-235b-a22b", "nvidia-h200-sxm", ServingLayout(tensor=8, expert=8)),
        ("deepseek-v3", "nvidia-h200-sxm", ServingLayout(tensor=8, expert=8)),
        ("deepseek-v3", "nvidia-h200-sxm", ServingLayout(data=8, expert=8)),
    )
    lengths = (
        (1024, 1024, 0.0),
        (512, 64, 0.0),
        (256, 2048, 0.0),
        (6000, 512, 0.0),
        (1155, 211, 1.0),
        (20000, 256, 0.0),
    )
    loads = ({"clients": 1}, {"clients": 16}, {"clients": 256}, {"load": 0.3}, {"load": 0.6}, {"load": 0.9})
    return tuple(
        Situation(*replica, prompt, answer, spread=spread, **load)  # pyright: ignore[reportArgumentType]
        for replica in replicas
        for prompt, answer, spread in lengths
        for load in loads
    )

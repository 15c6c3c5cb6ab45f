"""From passes to what users see: continuous batching, prefill between decode steps, waiting for the first token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.serving.layer import Parts
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.step import decode_parts, prefill_time
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class Flow:
    """A replica in steady state with a given number of requests being decoded; arrays (n,).

    Attributes:
        batch: requests decoded at once.
        step: one decode step [s]; parts: where it goes.
        per_token: time per further token that a user sees [s].
        first_token: time to the first token [s]; infinite where prefill takes more than it may.
        rate: requests per second of the replica [1/s].
        filling: share of the engine's time that prefill takes.
    """

    batch: Floats
    step: Floats
    parts: Parts
    per_token: Floats
    first_token: Floats
    rate: Floats
    filling: Floats


def flow(case: Case, batch: ArrayLike) -> Flow:
    """The steady state of a replica that decodes `batch` requests at once.

    Conservation of the engine's time: while a request's answer of L tokens is decoded in L steps, the replica also
    reads the prompts of as many new requests as finish, one each. So TPOT = step + batch x / L, with x the engine time
    that one more prompt costs, and rate = batch / (L TPOT) (Little's law). The first token waits for an M/G/1 queue of
    prompts with equal lengths (Pollaczek-Khinchine), the step under way, the scheduler, its own prefill and the front
    end.
    """
    batch = np.asarray(batch, dtype=float) * np.ones(len(case.layouts))
    parts = decode_parts(case, batch)
    step = sum(parts.values(), np.zeros(len(case.layouts)))
    cost = prompt_cost(case)
    per_token = step + np.maximum(batch - 1.0, 0.0) * cost / case.answer
    rate = batch / (case.answer * per_token + cost)
    filling = rate * cost
    load = np.minimum(filling, case.a["performance.serving_load"])
    wait = load * cost / (2.0 * (1.0 - load))
    first = front_end(case) + wait + (0.5 + case.a["performance.serving_poll"]) * step + prefill_time(case, 1.0)
    first = np.where(filling > case.a["performance.serving_load"], np.inf, first)
    return Flow(batch, step, parts, per_token, first, rate, filling)


def prompt_cost(case: Case) -> Floats:
    """Engine time that one more prompt costs a busy replica [s] (n,).

    Prompts share passes of a chunk's tokens; attention ranks read theirs side by side, pipeline stages one behind the
    other.
    """
    together = np.clip(np.round(case.a["performance.serving_prefill_chunk"] / case.prompt), 1.0, 16.0)
    return prefill_time(case, together) / together / case.layouts.data / case.layouts.pipeline


def front_end(case: Case) -> float:
    """Time outside the engine until the first token is out [s]: tokenise, transport, first detokenise."""
    a = case.a
    latent = any(layer.latent for layer in case.decoding)
    age = "" if case.work.family == "blackwell" else "_old"
    more = a[f"performance.serving_front_end_latent{age}"] if latent else 0.0
    return a["performance.serving_front_end"] + a["performance.serving_front_end_token"] * case.prompt + more

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
    """Replicas in steady state with given numbers of requests being decoded; arrays (..., n).

    Attributes:
        batch: requests decoded at once.
        step: one decode step [s]; parts: where it goes.
        per_token: time per further token that a user sees [s].
        first_token: time to the first token [s].
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


def flow(case: Case, batch: ArrayLike, offered: float = np.inf) -> Flow:
    """The steady state of replicas that decode `batch` requests at once; (..., n) for n layouts.

    Conservation of the engine's time: while the L - 1 further tokens of an answer are decoded, the replica also reads
    one prompt for each of the `batch` requests that come and go. With x the engine time of one more prompt, a request
    stays (L - 1) step + batch x, so rate = batch / ((L - 1) step + batch x) (Little's law), and a user sees
    TPOT = step + (batch - 1) x / (L - 1). It holds for chunked, mixed and prefill-first schedulers alike. Where fewer
    requests are there than attention ranks and stages, a request stays at least as long as its own prefill takes.

    Prefill takes the share rate x of the engine; beyond `serving_load` prompts would queue up, so the rate ends there.

    Args:
        case: the n layouts.
        batch: requests decoded at once by a replica (..., n).
        offered: requests that reach a replica [1/s], where they are fewer than such a batch could take.
    """
    a, batch = case.a, np.asarray(batch, dtype=float)
    parts = decode_parts(case, batch)
    step = sum(parts.values(), np.zeros(len(case.layouts)))
    cost, alone = prompt_cost(case), prefill_time(case, 1.0)
    most = np.minimum(a["performance.serving_load"] / cost, offered)
    rate = np.minimum(batch / (case.further * step + np.maximum(batch * cost, alone)), most)
    filling = rate * cost
    others = np.maximum(batch - 1.0, 0.0) / np.maximum(batch, 1.0)
    per_token = step * (1.0 + others * filling / (1.0 - filling))
    first = before_prefill(case, step, cost, filling) + alone
    return Flow(batch, step, parts, per_token, first, rate, filling)


def before_prefill(case: Case, step: Floats, cost: Floats, filling: Floats) -> Floats:
    """Time until a prompt's own prefill begins, and outside the engine [s] (..., n).

    The front end; the wait in an M/G/1 queue of prompts of equal length, rho x / (2 (1 - rho)) (Pollaczek-Khinchine);
    half a decode step until the one under way is over, and those until the scheduler looks.

    Args:
        step: decode step [s]. cost: engine time of one more prompt [s]. filling: share of the time that prefill takes.
    """
    wait = filling * cost / (2.0 * (1.0 - filling))
    return front_end(case) + wait + (0.5 + case.a["performance.serving_poll"]) * step


def prompt_cost(case: Case) -> Floats:
    """Engine time that one more prompt costs a busy replica [s] (n,).

    Prompts share passes of a chunk's tokens; attention ranks read theirs side by side, pipeline stages one behind the
    other.
    """
    together = np.clip(np.round(case.a["performance.serving_prefill_chunk"] / case.prompt), 1.0, 16.0)
    return prefill_time(case, together) / together / case.layouts.data / case.layouts.pipeline


def front_end(case: Case) -> Floats:
    """Time outside the engine until the first token is out [s], one or (n,): tokenise, transport, detokenise."""
    a = case.a
    latent = any(layer.latent for layer in case.decoding)
    age = "" if case.work.family == "blackwell" else "_old"
    more = a[f"performance.serving_front_end_latent{age}"] if latent else 0.0
    base = a[f"performance.serving_front_end{age}"]
    return np.asarray(base + a["performance.serving_front_end_token"] * case.prompt + more)


def at_rate(case: Case, rate: float, most: float) -> float:
    """Requests that a replica of one layout decodes at once when `rate` of them arrive per second; at most `most`.

    The rate grows with the batch, so the batch is found by narrowing twice on a logarithmic grid. A replica that is
    asked for more than it can take works at `most`.

    Args:
        case: of one layout.
        rate: requests per second that reach the replica [1/s].
        most: greatest batch.
    """
    low, high = min(1e-6, most), most
    for _ in range(2):
        grid = np.geomspace(low, high, 48)
        enough = np.flatnonzero(flow(case, grid[:, None]).rate[:, 0] >= rate)
        if not len(enough):
            return most
        found = int(enough[0])
        low, high = float(grid[max(found - 1, 0)]), float(grid[found])
        if low == high:
            break
    return high

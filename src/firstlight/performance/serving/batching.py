"""From passes to what users see: continuous batching, prefill between decode steps, waiting for the first token."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from firstlight.performance.serving.layer import Parts
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.passes import TINY, Meeting, Pieces, loop, stream
from firstlight.performance.serving.steady import Flow, Law, choose
from firstlight.performance.serving.step import decode_parts, prefill_time
from firstlight.performance.serving.tails import tails
from firstlight.twin.protocols import Floats


def flow(case: Case, batch: ArrayLike, offered: float = np.inf) -> Flow:
    """The steady state of replicas that have `batch` requests at once; (..., n) for n layouts.

    Every pass gives each request that is decoded a token, and reads prompts that came since the pass before. A request
    stays for the pass that it waits for, those that read it and one for each further token, so b requests bring
    b / (wait + read + L - 1) prompts a pass (Little's law), Poisson distributed where answers are not in step.
    Attention ranks end a pass together (the experts' exchange waits for the slowest), so a prompt on one of them keeps
    all; only prompts that meet in a pass share it (`passes.Pieces`). A spent budget of tokens makes prompts wait.

    Args:
        case: the n layouts.
        batch: requests of a replica (..., n), waiting for a pass, read or decoded.
        offered: requests that reach a replica at random [1/s]; by default the next comes when one is answered.
    """
    batch, pieces = np.asarray(batch, dtype=float), Pieces.of(case)
    found = _closed(case, pieces, batch)
    if np.isfinite(offered):
        some = _open(case, pieces, batch, offered)
        short, used = some.rate < offered, np.minimum(offered / some.rate, 1.0)
        some = replace(some, rate=some.rate * used, filling=some.filling * used, decoding=some.decoding * used)
        full = replace(found, rate=np.minimum(found.rate, some.rate))  # a batch that is too small for the stream
        found = choose(short, full, some)
    return replace(found, within=tails(case, pieces, found))


def _closed(case: Case, pieces: Pieces, batch: Floats) -> Flow:
    """A closed loop of `batch` clients."""
    company = np.clip(batch - 1.0, 0.0, 1.0)
    stay = case.steps + pieces.passes + company
    each = pieces.joined(batch, stay)
    parts = decode_parts(case, each * case.steps)
    step = _decoding(case, parts)
    meeting = loop(pieces, each * np.maximum(batch - 1.0, 0.0) / np.maximum(batch, 1.0))
    wait = batch / each - case.steps - pieces.passes
    return _flow(case, pieces, batch, parts, meeting, wait * (step + meeting.reading * meeting.read), company * step)


def _open(case: Case, pieces: Pieces, batch: Floats, rate: float) -> Flow:
    """A stream at random that keeps `batch` requests on the replica: one that comes sees as many others (PASTA)."""
    decoded = batch * case.steps / (case.steps + pieces.passes + 0.5)
    parts = decode_parts(case, decoded + 1.0)
    step = _decoding(case, parts)
    meeting = stream(pieces, step, rate)
    busy = -np.expm1(-batch)
    whole = step + meeting.read
    mean = step + meeting.reading * meeting.read
    under_way = (meeting.reading * whole**2 + (1.0 - meeting.reading) * step**2) / (2.0 * mean)
    queue = mean * pieces.queue(rate * mean)
    return _flow(case, pieces, batch, parts, meeting, busy * (under_way + queue), busy * step)


def _flow(
    case: Case, pieces: Pieces, batch: Floats, parts: Parts, meeting: Meeting, wait: Floats, beside: Floats
) -> Flow:  # fmt: skip
    """What users see of passes.

    Args:
        wait: for the first pass that reads the prompt [s]. beside: decoding in the passes that read it [s].
    """
    step = sum(parts.values(), np.zeros(len(case.layouts)))
    per_token = (step + meeting.reading * meeting.read) / case.gain
    latency = wait + (pieces.passes + case.layouts.pipeline - 1.0) * (beside + meeting.own - pieces.sooner)
    stay = wait + pieces.passes * (beside + meeting.own) + case.further * per_token
    first = front_end(case) + case.a["performance.serving_poll"] * np.where(case.further > 0, step, 0.0) + latency
    rate = np.minimum(batch / stay, case.a["performance.serving_load"] / meeting.cost)
    filling = rate * meeting.cost
    decoding = np.minimum(rate * case.steps * step / np.maximum(batch, 1.0), 1.0 - filling)
    return Flow(batch, step, parts, per_token, first, (first, per_token), rate, filling, decoding)


def _decoding(case: Case, parts: Parts) -> Floats:
    """Decode step in each pass [s] (..., n); next to nothing where answers are their first token."""
    return np.where(case.further > 0, sum(parts.values(), np.zeros(len(case.layouts))), TINY)


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


def at_rate(law: Law, rate: float, most: float) -> float:
    """Requests that an engine of one layout has at once when so many reach its replica per second; at most `most`.

    The rate grows with the batch, so the batch is found by narrowing twice on a logarithmic grid. A replica that is
    asked for more than it can take works at `most`.

    Args:
        law: flow of one layout at given batches and a rate that is offered [1/s].
        rate: requests per second that reach the replica [1/s].
        most: greatest batch.
    """
    low, high = min(1e-6, most), most
    for _ in range(2):
        grid = np.geomspace(low, high, 48)
        enough = np.flatnonzero(law(grid[:, None], rate).rate[:, 0] >= rate * (1 - 1e-9))
        if not len(enough):
            return most
        found = int(enough[0])
        low, high = float(grid[max(found - 1, 0)]), float(grid[found])
        if low == high:
            break
    return high

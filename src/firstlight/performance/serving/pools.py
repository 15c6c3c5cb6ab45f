"""Prefill and decode on pools of their own: readers of prompts hand the cache over to writers of answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from firstlight.errors import UsageError
from firstlight.performance.groups import neighbours
from firstlight.performance.serving.batching import front_end
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.memory import request_bytes
from firstlight.performance.serving.passes import TINY, Pieces
from firstlight.performance.serving.steady import Flow
from firstlight.performance.serving.step import decode_parts
from firstlight.performance.serving.tails import MEDIAN, beyond, blocked, deviations, slope
from firstlight.spec.design import ServingLayout
from firstlight.twin.protocols import Floats

ROUNDS = 6
"""Of the fixed point of the readers' passes."""


@dataclass(frozen=True)
class Pools:
    """Replicas of two pools, one per element of n.

    Attributes:
        reading: requests of one token on the layouts of an engine that reads. writing: whole requests on those of an
            engine that writes.
        readers, writers: engines of either in a replica (n,).
        replicas: whose readers share all prompts.
    """

    reading: Case
    writing: Case
    readers: Floats
    writers: Floats
    replicas: float = 1.0

    @classmethod
    def of(cls, case: Case, layout: ServingLayout, replicas: int = 1) -> Pools:
        """The pools of one layout with a prefill pool.

        Args:
            case: the requests on the engines that write. replicas: whose readers share all prompts.

        Raises:
            UsageError: answers of one token.
        """
        if layout.prefill is None:
            raise ValueError("pools need a layout with a prefill pool")
        if np.max(case.answer) <= 1:
            raise UsageError("answers of one token need no engines that write them; leave `prefill` out")
        engine = ServingLayout.model_validate(layout.prefill.model_dump(exclude={"engines"}))
        readers, writers = np.asarray([float(layout.prefill.engines)]), np.asarray([float(layout.engines)])
        return cls(reader(case, Layouts.of([engine])), case, readers, writers, float(replicas))

    @property
    def reading_share(self) -> Floats:
        """Share of the accelerators that read (n,)."""
        read = self.readers * self.reading.layouts.accelerators
        return read / (read + self.writers * self.writing.layouts.accelerators)


def reader(case: Case, layouts: Layouts) -> Case:
    """The requests of a case as engines see them that only read prompts: their first token is their last."""
    return replace(case, answer=1.0, layouts=layouts)


@dataclass(frozen=True)
class Reading:
    """Engines that read prompts; arrays (..., n).

    Attributes:
        latency: from a prompt's arrival until it is read [s]; waiting: what of it is for others [s]; scatter: standard
            deviation of the rest, as more or fewer prompts are read with it [s].
        busy: share of the engines' time.
    """

    latency: Floats
    waiting: Floats
    scatter: Floats
    busy: Floats


def pieces(reading: Case) -> Pieces:
    """The prompts of engines that only read, which is faster than between decode steps."""
    found, factor = Pieces.of(reading), reading.a["performance.serving_pool_prefill"]
    return replace(found, times=tuple(time * factor for time in found.times), sooner=found.sooner * factor)


def reading_rate(reading: Case) -> Floats:
    """The most prompts that one engine reads [1/s] (n,): passes of a full budget, at the greatest load."""
    prompts = pieces(reading)
    return reading.a["performance.serving_load"] / (prompts.taken * prompts.read(prompts.most))


def read(reading: Case, rate: ArrayLike, engines: ArrayLike = 1.0) -> Reading:
    """Prompts at random before engines that share them.

    A pass reads a piece of all that have come before it, up to the budget; one that comes to an idle engine is read at
    once, and one that comes during a pass waits for its end. Ranks that read pieces of several prompts wait for a whole
    budget where prompts take more than one. The engine is idle after as many passes without arrivals as
    a prompt takes: expected runs of successes. The wait for a spent budget is that of M/D/1, and where several engines
    share the prompts, of M/D/c (Sakasegawa, Annals of the Institute of Statistical Mathematics 29, 1977).

    Args:
        reading: the n layouts. rate: prompts of one engine [1/s] (..., n). engines: that share them (..., n).
    """
    prompts, rate = pieces(reading), np.minimum(np.asarray(rate, dtype=float), reading_rate(reading))
    alone = prompts.read(1.0)
    whole = np.where((prompts.passes > 1) & (prompts.ranks > 1), prompts.ranks * prompts.chunk / prompts.tokens, 0.0)
    time, mean, busy = alone + np.zeros_like(rate), np.zeros_like(rate), np.zeros_like(rate)
    for _ in range(ROUNDS):
        none = np.exp(-rate * time)
        ends = -np.expm1(-rate * time) * none**prompts.passes / np.maximum(1.0 - none**prompts.passes, TINY)
        load = rate * time * prompts.taken
        busy = np.clip(rate * time / (rate * time + ends), load, 1.0)
        mean = np.minimum(rate * prompts.passes * time, prompts.most)
        several = -np.expm1(-mean)
        time = several * prompts.read(np.maximum(prompts.busiest(mean), whole)) + (1.0 - several) * alone
    load = np.minimum(rate * time * prompts.taken, busy)
    c = np.asarray(engines, dtype=float)
    queue = prompts.queue(rate * time) * busy ** (np.sqrt(2.0 * (c + 1.0)) - 2.0) / c
    waiting = time * (queue + (busy - load) * busy ** (c - 1.0) / 2.0)
    several = -np.expm1(-mean)
    own = several * prompts.read(np.maximum(prompts.met(mean), whole)) + (1.0 - several) * alone
    passes = prompts.passes + reading.layouts.pipeline - 1.0
    more = prompts.read(prompts.met(mean) + np.sqrt(mean)) - prompts.read(prompts.met(mean))
    return Reading(waiting + passes * (own - prompts.sooner), waiting, passes * more, busy)


def handover(reading: Case, writing: Case, prompt: ArrayLike | None = None) -> Floats:
    """Time until a prompt's cache is with the engine that writes [s] (..., n).

    Software moves it layer by layer while the prompt is read, at the measured pace; where the ranks with the most of it
    take longer to send or to receive over the fabric (or the scale-up domain, where both engines go into one), that is
    the pace.

    Args:
        prompt: tokens (..., n); by default those of the case.
    """
    a, tokens = writing.a, np.asarray(writing.prompt if prompt is None else prompt, dtype=float)
    size = np.maximum(request_bytes(reading, tokens), request_bytes(writing, tokens))
    apart = neighbours(np.maximum(reading.layouts.accelerators, writing.layouts.accelerators), writing.work.domain)
    sent = writing.collective("send_receive", size, apart)
    moved = np.maximum(a["performance.serving_pool_transfer_token"] * tokens, sent)
    return a["performance.serving_pool_front_end"] + moved


def pooled(pools: Pools, batch: ArrayLike, offered: float = np.inf, prompts: ArrayLike = np.inf) -> Flow:
    """The steady state of replicas of two pools whose engines that write have `batch` requests each; (..., n).

    The first token is there with the cache. Writers see no prompts: a request stays for the step under way and one for
    each further token. Where the readers are the slower pool, the writers have what these leave them.

    Args:
        batch: requests of one engine that writes (..., n).
        offered: requests that reach a replica at random [1/s]; by default as many as it takes.
        prompts: that an engine may read at the most [1/s] (n,); by default at its greatest load.
    """
    writing, batch = pools.writing, np.asarray(batch, dtype=float)
    others = 0.0 if np.isinf(offered) else 1.0  # one that comes at random finds the batch, and is one more
    most = np.minimum(pools.readers * np.minimum(reading_rate(pools.reading), prompts), offered)
    held, parts, step, rate = batch, {}, np.zeros_like(batch), np.zeros_like(batch)
    for _ in range(2):
        company = np.clip(held, 0.0, 1.0) * 0.5
        parts = _decode(writing, held * writing.steps / (writing.steps + company) + others)
        step = sum(parts.values(), np.zeros(len(writing.layouts)))
        stay = (writing.steps + company) * step
        rate = np.minimum(pools.writers * held / stay, most)
        held = np.minimum(batch, rate * stay / pools.writers)
    reading = read(pools.reading, rate / pools.readers, pools.readers * pools.replicas)
    first = front_end(writing) + reading.latency + handover(pools.reading, writing)
    working = np.minimum(rate / pools.writers * writing.steps * step / np.maximum(held, 1.0), 1.0)
    share = pools.reading_share
    found = Flow(
        batch=batch, step=step, parts=parts, per_token=step / writing.gain, first_token=first,
        within=(first, step / writing.gain), rate=rate, filling=share * reading.busy, decoding=(1.0 - share) * working,
    )  # fmt: skip
    return found if writing.share <= MEDIAN else replace(found, within=_tails(writing, reading, found))


def _tails(writing: Case, reading: Reading, found: Flow) -> tuple[Floats, Floats]:
    """As `tails.tails`: prompts wait for readers (exponentially, where they wait), and writers read none.

    Prompts that wait are read with many others, so that both scatter together.
    """
    waits = reading.waiting * np.sqrt(2.0 / np.maximum(reading.busy, TINY) - 1.0)
    longer = writing.spread * (reading.latency - reading.waiting)
    mean, scatter = reading.waiting + reading.scatter + longer, np.hypot(waits + reading.scatter, longer)
    first = found.first_token + beyond(mean, scatter**2, writing.share)
    token = found.per_token + deviations(writing.share) * slope(writing, found)
    return first + blocked(writing, found), token


def _decode(writing: Case, batch: Floats) -> dict[str, Floats]:
    """A decode step by part [s], without prefill between the steps."""
    factor = writing.a["performance.serving_pool_decode"]
    return {name: time * factor for name, time in decode_parts(writing, batch).items()}

"""What a pass of the engine takes, as tables that an event simulation looks up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstlight.performance.serving.batching import front_end
from firstlight.performance.serving.events.tables import PER_DOUBLING, POINTS
from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.memory import cache_room, request_bytes, slots
from firstlight.performance.serving.step import chunk_time, decode_parts
from firstlight.twin.protocols import Floats


@dataclass(frozen=True)
class StepCosts:
    """One layout of one model, as its scheduler sees it.

    Attributes:
        decode: a decode step [s]; [requests of the replica, mean context], at `POINTS`.
        prefill: a pass over tokens of prompts on the busiest attention rank, as engine time [s]; [tokens, keys], where
            keys are twice those that a token sees on average.
        stages: pipeline stages: a prompt passes them one after the other, but keeps the engine for one of them.
        ranks: attention ranks, which read prompts side by side.
        slots: requests that a replica holds at once.
        room: tokens in its cache.
        front_end: outside the engine, before the first token is out [s].
        lag: decode steps more until then, as measured: the scheduler sees requests and hands out tokens late.
        gain: tokens that a decode step writes for each request.
    """

    decode: Floats
    prefill: Floats
    stages: int
    ranks: int
    slots: int
    room: float
    front_end: float
    lag: float = 0.0
    gain: float = 1.0


def step_costs(case: Case, *, longest: float, batch: int | None = None, budget: int) -> StepCosts:
    """The tables of a case with one layout.

    Args:
        case: of one layout; its prompt and answer are the typical ones, which the cache's bytes per token are taken at.
        longest: context that the tables reach [tokens].
        batch: most requests at once; by default as many as the scheduler takes and the cache could ever hold.
        budget: tokens of one prefill pass.
    """
    layout = case.layouts
    most = batch or int(case.a["performance.serving_sequences"] * layout.pipeline[0] * layout.data[0])
    requests, contexts = _points(most), _points(longest)
    steps = decode_parts(case, requests[:, None, None], contexts[:, None])
    decode = sum(steps.values(), np.zeros((len(requests), len(contexts), 1)))[..., 0]
    tokens, keys = _points(budget), _points(2.0 * longest)
    prefill = chunk_time(case, tokens[:, None, None], keys[:, None])[..., 0] / layout.pipeline[0]
    typical = float(case.prompt + case.answer / 2.0)
    each = float(request_bytes(case, typical)[0]) / typical
    room = float(np.maximum(cache_room(case), 0.0)[0]) / each * int(layout.data[0])
    held = most if batch else min(most, max(int(slots(case)[0]), 1) * 4)
    return StepCosts(
        decode, prefill, int(layout.pipeline[0]), int(layout.data[0]), held, room, float(front_end(case)),
        float(case.a["performance.serving_poll"]), case.gain,
    )  # fmt: skip


def _points(most: float) -> Floats:
    return POINTS[: int(np.ceil(np.log2(max(most, 2.0)) * PER_DOUBLING)) + 1]

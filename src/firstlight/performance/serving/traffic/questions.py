"""Requests that belong to questions, tasks or loops, as a workload asks for them."""

from __future__ import annotations

import numpy as np

from firstlight import units
from firstlight.performance.serving.events.requests import Requests
from firstlight.performance.serving.traffic.compute import agents, best_of, deadlines, tree_search
from firstlight.performance.serving.traffic.streams import Lengths, closed_loop
from firstlight.spec.workload import Agent, BestOf, Loop, Questions, TreeSearch, Users
from firstlight.twin.protocols import Floats

LEAST, MANY, ENOUGH = 200, 1000, 100_000
"""Questions, or periods of a loop, that are drawn at the least; and questions where they are not too many requests."""


def each(asked: Questions) -> int:
    """Requests of one question; of loops and users one."""
    if isinstance(asked, BestOf):
        return asked.samples * (2 if asked.verifier else 1)
    if isinstance(asked, TreeSearch):
        thoughts = asked.width * (1 + asked.kept * (asked.depth - 1))
        return thoughts * (2 if asked.verifier else 1)
    return asked.turns if isinstance(asked, Agent) else 1


def ask(
    asked: Questions, rate: float, burst: float, count: int, prompt: Lengths, answer: Lengths,
    random: np.random.Generator, share: float = 1.0,
) -> Requests:  # fmt: skip
    """Requests of questions at random.

    Args:
        asked: what belongs together. rate: of all requests [1/s]. burst: see `Traffic`. count: requests, or nearly.
        prompt, answer: lengths of a question's prompt, and of each answer.
        share: of all users that these are.
    """
    if isinstance(asked, Users):
        users = max(round(asked.users * share), 1)
        return closed_loop(users, max(count, LEAST), prompt, answer, random, think=asked.think)
    if isinstance(asked, Loop):
        loops = max(round(rate * asked.period), 1)
        return deadlines(loops, loops / rate, max(count // loops, LEAST), prompt, answer, random)
    shape, size = 1.0 / burst**2, each(asked)
    gaps = random.gamma(shape, 1.0, max(count // size, min(ENOUGH // size, MANY), LEAST))
    gaps *= size / rate / gaps.mean()  # so few questions would not come at the asked rate by chance
    return _together(asked, np.cumsum(gaps), prompt, answer, random)


def _together(
    asked: BestOf | TreeSearch | Agent, arrival: Floats, prompt: Lengths, answer: Lengths, random: np.random.Generator
) -> Requests:
    if isinstance(asked, Agent):
        return agents(arrival, asked.turns, prompt, answer, Lengths(float(asked.result)), asked.pause, random)
    verifier = Lengths(float(asked.verifier)) if asked.verifier else None
    if isinstance(asked, BestOf):
        return best_of(arrival, asked.samples, prompt, answer, random, verifier=verifier)
    return tree_search(
        arrival, asked.width, asked.depth, prompt, answer, random, kept=asked.kept, verifier=verifier
    )  # fmt: skip


def words(asked: Questions) -> str:
    """What belongs together, in words."""
    if isinstance(asked, Loop):
        return "of control loops"
    if isinstance(asked, Users):
        thinking = f" who think for {units.show(asked.think, 'time')} between" if asked.think else ""
        return f"of {asked.users:,} users in all{thinking}"
    scored = " with a verifier" if isinstance(asked, BestOf | TreeSearch) and asked.verifier else ""
    kind = {"best-of": "questions answered best of", "tree": "tree searches of", "agent": "agents' tasks of"}[
        asked.kind
    ]
    return f"of {kind} {each(asked):,} requests{scored}"

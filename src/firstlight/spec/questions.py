"""Checks of how requests belong together: what has no effect, cannot be, or outgrows the model."""

from __future__ import annotations

from collections.abc import Iterator

from firstlight.errors import Problem
from firstlight.spec.model import Model
from firstlight.spec.source import Source, Where
from firstlight.spec.workload import Agent, BestOf, Loop, Serving, TreeSearch, Users


def questions(source: Source, where: Where, workload: Serving, model: Model | None) -> Iterator[Problem]:
    """Fields of a workload's traffic that do not fit each other or its model.

    Args:
        where: the traffic stands.
    """
    traffic = workload.traffic
    asked = traffic.questions
    if traffic.burst != 1 and isinstance(asked, Users | Loop):
        message = (
            f"has no effect: {'users ask when they are answered' if asked.kind == 'users' else 'loops ask on time'}"
        )
        yield source.problem((*where, "burst"), message, "Remove it, or choose other questions.", key=True)
    if isinstance(asked, TreeSearch) and asked.kept > asked.width:
        message = f"{asked.kept:,} branches cannot go on from {asked.width:,} first thoughts"
        yield source.problem((*where, "questions", "kept"), message, f"Write at most {asked.width:,}, the width.")
    if workload.answer == 1 and workload.per_token is not None and not (model and model.one_pass):
        message = "has no effect: answers of one token have no further one"
        yield source.problem((*where[:-1], "per_token"), message, "Remove it, or raise `answer`.", key=True)
    longest, why = _longest(workload)
    if model and not model.one_pass and why and longest > model.context >= workload.prompt + workload.answer:
        message = f"the last request of each grows to {longest:,} tokens: {why}"
        remedy = f"{model.name} reads and writes at most {model.context:,}: shorten them, or ask for fewer."
        yield source.problem((*where, "questions"), message, remedy)


def _longest(workload: Serving) -> tuple[int, str]:
    """Tokens of the longest request of a question of mean lengths, and the sum; no words where nothing grows."""
    asked, prompt, answer = workload.traffic.questions, workload.prompt, workload.answer
    if isinstance(asked, Agent):
        more = asked.turns - 1
        why = f"{prompt:,} + {asked.turns:,} answers of {answer:,} + {more:,} results of {asked.result:,}"
        return prompt + asked.turns * answer + more * asked.result, why
    if isinstance(asked, TreeSearch | BestOf):
        levels, score = asked.depth if isinstance(asked, TreeSearch) else 1, asked.verifier or 0
        why = f"{prompt:,} + {levels:,} x {answer:,}{f' + a score of {score:,}' if score else ''}"
        return prompt + levels * answer + score, why
    return prompt + answer, ""

"""Inference-time compute: many requests for one question, and requests that wait for tools and for each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstlight.errors import UsageError
from firstlight.performance.serving.events.requests import Requests
from firstlight.performance.serving.traffic.streams import Lengths
from firstlight.twin.protocols import Floats


def best_of(
    arrival: Floats, samples: int, prompt: Lengths, answer: Lengths, random: np.random.Generator, *,
    verifier: Lengths | None = None,
) -> Requests:  # fmt: skip
    """Questions that are answered `samples` times, the best or most frequent answer kept: best-of-n, self-consistency.

    The samples share the prompt: the first reads it, the others find it in the cache where they come later; here all
    but the first are taken to find it. A verifier, where there is one, reads prompt and answer of each sample when all
    are there and writes one token.

    Args:
        arrival: of the questions [s] [n]. samples: of each.
        prompt, answer: tokens. verifier: of what it writes; None: none.
    """
    _at_least(samples=samples)
    n = len(arrival)
    asked = prompt.draw(n, random)
    reads, writes = np.repeat(asked, samples), answer.draw(n * samples, random)
    cached = np.where(np.arange(n * samples) % samples == 0, 0, reads)
    times = np.repeat(arrival, samples)
    family = np.repeat(np.arange(n), samples)
    if verifier is None:
        return Requests.of(times, reads, writes, cached=cached, affinity=family)
    first, own = np.arange(n * samples).reshape(n, samples), n * samples + np.arange(n * samples).reshape(n, samples)
    after = np.stack(np.broadcast_arrays(first[:, :, None], own[:, None, :]), -1).reshape(-1, 2)
    return Requests.of(
        np.concatenate([times, times]), np.concatenate([reads, reads + writes]),
        np.concatenate([writes, verifier.draw(n * samples, random)]), cached=np.concatenate([cached, reads]),
        after=after, affinity=np.concatenate([family, family]),
    )  # fmt: skip


def tree_search(
    arrival: Floats, width: int, depth: int, prompt: Lengths, step: Lengths, random: np.random.Generator, *,
    kept: int = 1, verifier: Lengths | None = None,
) -> Requests:  # fmt: skip
    """Questions that are thought about in a tree: beam search over thoughts.

    At each of `depth` levels every branch kept grows `width` steps, a verifier scores all of them, and the best `kept`
    go on, of which the first level has no more than `width`. All branches of a level are taken to be as long as its
    first.

    Args:
        arrival: of the questions [s] [n]. width, depth, kept: of the tree.
        prompt: tokens of the question. step: tokens of one thought. verifier: of a score; None: nobody scores.

    Raises:
        UsageError: more branches than the first level has thoughts.
    """
    _at_least(width=width, depth=depth, kept=kept)
    if kept > width:
        raise UsageError(f"{kept:,} branches cannot go on from {width:,} first thoughts; keep at most {width:,}")
    asked, rows, after = (
        prompt.draw(len(arrival), random),
        list[tuple[float, int, int, int, int]](),
        list[NDArray[np.int64]](),
    )
    for question, (time, read) in enumerate(zip(arrival, asked, strict=True)):
        level: list[int] = []
        known = int(read)
        for at in range(depth):
            branches = 1 if at == 0 else kept
            grown = step.draw(branches * width, random)
            number = len(rows)
            rows += [(float(time), known, int(t), known if at or i else 0, question) for i, t in enumerate(grown)]
            after += [_pairs(level, range(number, len(rows)))]
            level, scored = list(range(number, len(rows))), len(rows)
            if verifier is not None:
                score = verifier.draw(len(level), random)
                rows += [
                    (float(time), known + int(t), int(s), known, question) for t, s in zip(grown, score, strict=True)
                ]
                after += [_pairs(level, range(scored, len(rows)))]
                level = list(range(scored, len(rows)))
            known += int(grown[0])
    return _chained(rows, after)


def agents(
    arrival: Floats, turns: int, prompt: Lengths, answer: Lengths, result: Lengths, pause: float,
    random: np.random.Generator,
) -> Requests:  # fmt: skip
    """Agents that think, call a tool and read its result, `turns` times; their context grows, and the cache holds it.

    Args:
        arrival: of the tasks [s] [n]. turns: requests of each.
        prompt: of the task. answer: what a turn writes. result: what a tool gives back. pause: that a tool takes [s].
    """
    _at_least(turns=turns)
    n = len(arrival)
    writes, given = answer.draw(n * turns, random).reshape(n, turns), result.draw(n * turns, random).reshape(n, turns)
    grown = np.cumsum(writes + given, axis=1)
    reads = prompt.draw(n, random)[:, None] + np.concatenate([np.zeros((n, 1), np.int64), grown[:, :-1]], axis=1)
    known = np.concatenate([np.zeros((n, 1), np.int64), (reads[:, :-1] + writes[:, :-1])], axis=1)
    number = np.arange(n * turns).reshape(n, turns)
    after = np.stack([number[:, :-1], number[:, 1:]], -1).reshape(-1, 2)
    return Requests.of(
        np.repeat(arrival, turns), reads.ravel(), writes.ravel(), cached=known.ravel(),
        pause=np.tile(np.arange(turns) > 0, n) * pause, after=after, affinity=np.repeat(np.arange(n), turns),
    )  # fmt: skip


def deadlines(loops: int, period: float, count: int, prompt: Lengths, answer: Lengths, random: np.random.Generator
              ) -> Requests:  # fmt: skip
    """Control loops (robots) that each ask once every `period` [s], whether or not the last answer is there; or streams
    of video or protein tokens that come at a fixed pace."""
    _at_least(loops=loops, count=count)
    if period <= 0:
        raise UsageError(f"a loop has a period above zero, not {period:g} s")
    phase = random.uniform(0.0, period, loops)
    times = (phase[:, None] + period * np.arange(count)).ravel()
    order = np.argsort(times, kind="stable")
    return Requests.of(
        times[order], prompt.draw(len(times), random), answer.draw(len(times), random),
        affinity=np.repeat(np.arange(loops), count)[order],
    )  # fmt: skip


def _chained(rows: list[tuple[float, int, int, int, int]], after: list[NDArray[np.int64]]) -> Requests:
    time, read, write, cached, question = (np.array(column) for column in zip(*rows, strict=True))
    return Requests.of(time, read, write, cached=cached, after=np.concatenate(after), affinity=question)


def _pairs(before: list[int], behind: range) -> NDArray[np.int64]:
    """Each of some waits for all of others [m, 2]."""
    return np.array([(one, other) for one in before for other in behind], np.int64).reshape(-1, 2)


def _at_least(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise UsageError(f"{name} is at least 1, not {count}")
